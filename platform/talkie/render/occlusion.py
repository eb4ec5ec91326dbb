"""Baked ambient occlusion: how much of the sky around each vertex its own mesh leaves free; no light here."""

from __future__ import annotations

import numpy as np

from talkie.render.raster import scan_parallel
from talkie.render.shading import vertex_normals
from talkie.render.shadow import light_basis

_DIRECTIONS, _SIZE, _BIAS_M = 72, 176, 0.005


def sphere_directions(count: int) -> np.ndarray:
    """(count, 3) unit directions spread evenly over the sphere: Fibonacci's spiral (Gonzalez 2010)."""
    i = np.arange(count) + 0.5
    y = 1 - 2 * i / count
    turn = np.pi * (3 - np.sqrt(5)) * i
    flat = np.sqrt(1 - y * y)
    return np.stack([flat * np.cos(turn), y, flat * np.sin(turn)], axis=1)


def ambient_share(points: np.ndarray, faces: np.ndarray, directions: int = _DIRECTIONS) -> np.ndarray:
    """Share (V,) in [0, 1] of the cosine-weighted hemisphere over each vertex that the faces (F, 3) leave free.

    The mesh is seen along each direction in parallel projection; a vertex is free in it when no face lies more
    than a few millimetres before it."""
    points, faces = np.ascontiguousarray(points, np.float64), np.ascontiguousarray(faces, np.int64)
    normals = vertex_normals(points, faces)
    seen, total = np.zeros(len(points)), np.full(len(points), 1e-9)
    for direction in sphere_directions(directions):
        cosine = normals @ direction
        local = points @ light_basis(direction).T
        low = local.min(0)
        scale = (_SIZE - 2) / (local.max(0) - low)[:2].max()
        places = np.concatenate([(local[:, :2] - low[:2]) * scale + 1, local[:, 2:]], axis=1)
        depth = np.full((_SIZE, _SIZE), np.inf, np.float32)
        scan_parallel(places, faces, depth)
        column, row = places[:, 0].astype(int), places[:, 1].astype(int)
        # A slanted face's depth changes by its slope within one texel.
        slope = np.sqrt(1 - np.minimum(cosine**2, 1)) / np.maximum(np.abs(cosine), 0.2)
        free = local[:, 2] < depth[row, column] + _BIAS_M + slope / scale
        weight = np.maximum(cosine, 0)
        seen += weight * free
        total += weight
    return seen / total
