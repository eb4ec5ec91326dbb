"""The chart of the skin: two coordinates (azimuth, descent) for every point seen from the head's axis.

The chart is a hemisphere on a spherical band on a cone. Rays start at `CENTRE` and sweep from straight up
(`s` = pi/2) down to 45 degrees below the horizon; from there on their direction stays and their origin
sinks along the vertical axis. Rays never cross, and neither the underside of the nose nor that of the chin
is parallel to them, which a cylinder's horizontal rays would be. No shape lives here.
"""

from __future__ import annotations

import numpy as np

CENTRE = np.array([0.0, 0.025, 0.015])
"""Origin of the rays above the cone, metres in the head frame."""
TURN = -np.pi / 4
"""Elevation (and `s`) at which the cone begins."""
SINK_M = 0.15
"""Metres by which the origin of the rays sinks per unit of `s` on the cone: about the speed at which the
rays run down an upright wall where the cone begins, so that smooth skin is smooth in `s` across the turn."""
NECK = np.radians(-82.0)
"""The `s` at which the rays end, around the neck; what lies below is lofted from that ring."""
LOWEST = np.radians(-160.0)
"""The `s` at which the skin ends, below the shoulders."""


def ray(theta: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Origin (..., 3) in metres and unit direction (..., 3) of the rays at azimuth `theta` (radians, 0 ahead,
    positive to the person's left) and descent `s` (pi/2 at the crown, falling)."""
    theta, s = np.broadcast_arrays(np.asarray(theta, float), np.asarray(s, float))
    elevation = np.maximum(s, TURN)
    origin = np.broadcast_to(CENTRE, (*s.shape, 3)).copy()
    origin[..., 1] += SINK_M * np.minimum(s - TURN, 0.0)
    direction = np.stack(
        [np.cos(elevation) * np.sin(theta), np.sin(elevation), np.cos(elevation) * np.cos(theta)], axis=-1
    )
    return origin, direction


def locate(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Azimuth, descent and distance along the ray of points (..., 3): the inverse of `ray`, in closed form."""
    local = np.asarray(points, float) - CENTRE
    theta = np.arctan2(local[..., 0], local[..., 2])
    flat = np.hypot(local[..., 0], local[..., 2])
    elevation = np.arctan2(local[..., 1], flat)
    sunk = local[..., 1] - flat * np.tan(TURN)
    s = np.where(elevation >= TURN, elevation, TURN + np.minimum(sunk, 0.0) / SINK_M)
    r = flat / np.cos(np.maximum(np.minimum(elevation, np.pi / 2 - 1e-12), TURN))
    return theta, s, np.where(elevation > np.pi / 2 - 1e-6, local[..., 1], r)


def to_plane(theta: np.ndarray, s: np.ndarray) -> np.ndarray:
    """The chart unrolled to a plane with the crown at the origin: (..., 2).

    Stereographic, hence conformal, on the sphere (Snyder, Map Projections, 1987, eq. 21-2 with the pole as
    centre), and continued exponentially, nearly conformal, on the cone: triangles that are well shaped here
    are well shaped on the head.
    """
    upper = np.maximum(s, TURN)
    radius = np.tan((np.pi / 2 - upper) / 2) * np.exp((upper - s) * SINK_M / 0.09)
    return np.stack([radius * np.sin(theta), -radius * np.cos(theta)], axis=-1)
