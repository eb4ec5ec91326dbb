"""Solids as signed distances (negative inside): tubes, lofts, planes and their rounded unions; no meshes.

A solid is a function from points (N, 3) to (N,) metres, exact enough near its surface for a mesh to be laid on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator

Vector = Sequence[float] | np.ndarray
Solid = Callable[[np.ndarray], np.ndarray]


def tube(a: Vector, b: Vector, radii: Sequence[float]) -> Solid:
    """A rod from `a` to `b` with round ends; `radii` (metres) are spread evenly along it, monotone in between."""
    start, along = np.array(a, float), np.array(b, float) - np.array(a, float)
    length = float(along @ along)
    profile = PchipInterpolator(np.linspace(0, 1, len(radii)), radii)

    def distance(points: np.ndarray) -> np.ndarray:
        local = points - start
        t = np.clip(local @ along / length, 0, 1)
        return np.linalg.norm(local - t[:, None] * along, axis=1) - profile(t)

    return distance


def loft(sections: Sequence[tuple[float, float, float, float]], power: float = 2.3) -> Solid:
    """Upright body of superellipses: rows of (height, half width, half depth, centre z), rising, metres.

    Flat below and above. The distance is the superellipse's radial excess times its smaller half axis."""
    y, width, depth, centre = np.array(sections, float).T
    width_at, depth_at, centre_at = (PchipInterpolator(y, v) for v in (width, depth, centre))

    def distance(points: np.ndarray) -> np.ndarray:
        height = np.clip(points[:, 1], y[0], y[-1])
        w, d = width_at(height), depth_at(height)
        across, deep = np.abs(points[:, 0]) / w, np.abs(points[:, 2] - centre_at(height)) / d
        excess = ((across**power + deep**power) ** (1 / power) - 1) * np.minimum(w, d)
        return np.maximum(excess, np.abs(points[:, 1] - (y[0] + y[-1]) / 2) - (y[-1] - y[0]) / 2)

    return distance


def half_space(point: Vector, normal: Vector) -> Solid:
    """Everything behind the plane through `point` whose outward normal is `normal`."""
    origin, unit = np.array(point, float), np.array(normal, float) / np.linalg.norm(normal)
    return lambda points: (points - origin) @ unit


def union(solids: Sequence[Solid], blend_m: float) -> Solid:
    """Union whose seams are filleted over `blend_m` (the quadratic smooth minimum of Quilez, 2013)."""

    def distance(points: np.ndarray) -> np.ndarray:
        total = solids[0](points)
        for solid in solids[1:]:
            other = solid(points)
            share = np.maximum(blend_m - np.abs(total - other), 0) / blend_m
            total = np.minimum(total, other) - share * share * blend_m / 4
        return total

    return distance


def cut(solid: Solid, by: Solid, blend_m: float) -> Solid:
    """What `solid` and `by` share, its new edges rounded over `blend_m`."""
    outside = union([lambda p: -solid(p), lambda p: -by(p)], blend_m)
    return lambda points: -outside(points)


def both_sides(solid: Solid) -> Solid:
    """A solid of the left half, repeated as its mirror image: it is asked about |x|."""
    return lambda points: solid(np.column_stack([np.abs(points[:, 0]), points[:, 1:]]))
