"""The smooth mean skin: distance along the chart's rays as a symmetric cubic B-spline; no openings, no ears.

The spline holds the distance above the horizon and its horizontal part below: an upright wall is constant.

The few hundred control numbers stand in `surface.json`, written by `talkie.heads.builtin.calibrate`.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

import numpy as np
from scipy.interpolate import BSpline

from talkie.heads.builtin import chart

THETA_KNOTS_DEG = (0, 2.5, 5, 7.5, 10, 13, 17, 21, 26, 32, 40, 50, 65, 85, 110, 140, 180)
"""Control sites in azimuth on one half; the other half is its mirror image."""
S_KNOTS_DEG = (
    90, 70, 52, 38, 28, 20, 15, 11, 7, 3, -1, -5, -9, -12, -15, -17.5, -20, -22.5, -25, -27.5, -30, -32.5,
    -35, -38, -42, -46, -50, -55, -60, -67, -75, -82,
)  # fmt: skip
"""Control sites in descent, from the crown to the neck."""


def _mirrored(sites: np.ndarray) -> np.ndarray:
    """Knots with three sites reflected at either end, so that the spline is even about both."""
    return np.concatenate([2 * sites[0] - sites[3:0:-1], sites, 2 * sites[-1] - sites[-2:-5:-1]])


def basis(x: np.ndarray, sites: np.ndarray) -> np.ndarray:
    """Values (N, n) of the n even cubic B-splines that sit at `sites` (ascending) at x (N,)."""
    n = len(sites)
    full = BSpline.design_matrix(np.clip(x, sites[0], sites[-1]), _mirrored(sites), 3).toarray()
    tied = full[:, 1 : n + 1].copy()
    tied[:, 1] += full[:, 0]
    tied[:, n - 2] += full[:, n + 1]
    return tied


def sites() -> tuple[np.ndarray, np.ndarray]:
    """Ascending control sites (theta, s) in radians."""
    return np.radians(np.array(THETA_KNOTS_DEG, float)), np.radians(np.array(S_KNOTS_DEG, float)[::-1])


@cache
def control_grid() -> np.ndarray:
    """Control numbers (n_s, n_theta) in metres, rows from the neck up."""
    text = resources.files(__package__).joinpath("surface.json").read_text(encoding="utf-8")
    return np.array(json.loads(text)["radius_tenth_mm"], float) * 1e-4


def horizontal_share(s: np.ndarray) -> np.ndarray:
    """What the spline holds per metre along the ray: 1 above the horizon, the ray's horizontal part below."""
    return np.cos(np.clip(s, chart.TURN, 0.0))


def radius(theta: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Distance in metres along the rays at (theta, s); any shape, symmetric in theta."""
    theta, s = np.broadcast_arrays(np.asarray(theta, float), np.asarray(s, float))
    theta_sites, s_sites = sites()
    rows = basis(s.ravel(), s_sites) @ control_grid()
    held = (rows * basis(np.abs(theta).ravel(), theta_sites)).sum(1).reshape(s.shape)
    return held / horizontal_share(s)


def _shoulders(theta: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Offset (..., 3) from the neck ring at azimuth `theta`; u runs from 0 at the ring to 1 below the shoulders.

    The neck goes on downward before it flares, longer in front than behind; the flare is a quarter ellipse."""
    ahead = 0.5 + 0.5 * np.cos(theta)
    neck_m = 0.012 + 0.022 * ahead
    stem, flare = np.clip(u / 0.3, 0, 1), np.clip((u - 0.15) / 0.85, 0, 1)
    out = 1 - (1 - flare) ** 2
    width = 0.150 * np.abs(np.sin(theta)) ** 1.5 + 0.05
    drop = neck_m * stem + 0.045 * flare + 0.105 * flare**4
    return np.stack([width * np.sin(theta) * out, -drop, 0.055 * np.cos(theta) * out], axis=-1)


def point(theta: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Points (..., 3) of the mean skin in metres; below `chart.NECK` the shoulders are lofted."""
    theta, s = np.broadcast_arrays(np.asarray(theta, float), np.asarray(s, float))
    held = np.maximum(s, chart.NECK)
    origin, direction = chart.ray(theta, held)
    on_ray = origin + radius(theta, held)[..., None] * direction
    u = np.clip((chart.NECK - s) / (chart.NECK - chart.LOWEST), 0, 1)
    return on_ray + _shoulders(theta, u)
