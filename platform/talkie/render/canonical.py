"""Any head laid over the built-in one: where on the built-in head's chart each of its vertices lies.

Paint, hair and beards are made once, on the chart; another head wears them through a thin-plate warp from its own
landmarks to the built-in head's (Bookstein 1989; in space the kernel is the distance itself).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from talkie.heads import BuiltinHead, HeadModel, builtin_head
from talkie.heads.builtin import chart
from talkie.heads.builtin.assembly import texture_coordinates
from talkie.render.occlusion import ambient_share

INSIDE = ("mouth_bag", "upper_teeth", "lower_teeth", "upper_gum", "lower_gum", "tongue")
EYEBALLS = ("left_eyeball", "right_eyeball")
EARS = ("left_ear", "right_ear")
_SMOOTHING_M = 1e-4
"""Lips that touch give two landmarks at one place: a little freedom keeps the warp solvable there."""


@dataclass(frozen=True, eq=False)
class Canonical:
    """points: (V, 3) the template in the built-in mean head's space; theta, s: (V,) chart coordinates; paint:
    (F, 3, 2) the skin texture's coordinates; occlusion: (V,) share of ambient light at rest, without hair."""

    points: np.ndarray
    theta: np.ndarray
    s: np.ndarray
    paint: np.ndarray
    occlusion: np.ndarray


@lru_cache(maxsize=4)
def canonical(model: HeadModel) -> Canonical:
    """The overlay of a model, made once a process and model (under a second)."""
    faces = np.asarray(model.faces, np.int64)
    template = np.asarray(model.template, float)
    if isinstance(model, BuiltinHead):
        points, theta, s = model.mesh.positions, model.mesh.theta, model.mesh.s
    else:
        points = warp(model, template)
        theta, s = _on_chart(points)
    hidden = np.isin(model.part, part_ids(model, *INSIDE, *EYEBALLS, "lid_edges"))
    share = ambient_share(template, faces[~hidden[faces[:, 0]]])
    share[hidden] = 1.0
    return Canonical(points, theta, s, texture_coordinates(theta, s, faces).astype(np.float32), share)


def warp(model: HeadModel, points: np.ndarray) -> np.ndarray:
    """Points (N, 3) beside a model's template, metres, carried to the built-in mean head."""
    return _warp_of(model)(points)


@lru_cache(maxsize=4)
def _warp_of(model: HeadModel) -> RBFInterpolator:
    base = builtin_head()
    return RBFInterpolator(
        _landmarks(model), _landmarks(base), kernel="linear", degree=1, smoothing=_SMOOTHING_M, neighbors=None
    )


def _landmarks(model: HeadModel) -> np.ndarray:
    corners = np.asarray(model.template, float)[np.asarray(model.faces)[np.asarray(model.landmark_triangles)]]
    return (corners * np.asarray(model.landmark_barycentric, float)[..., None]).sum(1)


def _on_chart(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth and descent of points near the built-in head. Below the neck, where the shoulders leave the rays, the
    descent is that of the nearest of the built-in head's own vertices."""
    theta, s, _ = chart.locate(points)
    low = s < chart.NECK
    if low.any():
        mesh = builtin_head().mesh
        skin = mesh.part_vertices("skin")
        nearest = skin[cKDTree(mesh.positions[skin]).query(points[low])[1]]
        s[low] = np.minimum(mesh.s[nearest], chart.NECK)
    return theta, s


def part_ids(model: HeadModel, *names: str) -> list[int]:
    """Places of those of the names that the model has."""
    return [model.part_names.index(n) for n in names if n in model.part_names]
