"""Where the key light reaches: a depth map seen from the light, asked at vertices; soft, no colour."""

from __future__ import annotations

import numpy as np
from numba import njit

from talkie.render.raster import scan_parallel

_SIZE = 224
_BIAS_M, _SOFT_M = 0.0025, 0.004
"""A blocker counts from the bias on and fully from bias + soft on: no acne on slanted skin, no hard steps."""


@njit(cache=True, fastmath=True)
def _ask(places, depth, bias, soft, wanted, out):  # type: ignore[no-untyped-def]
    size = depth.shape[0]
    for v in range(places.shape[0]):
        if not wanted[v]:
            continue
        x, y, z = int(places[v, 0]), int(places[v, 1]), places[v, 2]
        total, count = 0.0, 0
        for i in range(-2, 3):
            for j in range(-2, 3):
                row, column = y + i, x + j
                if row < 0 or column < 0 or row >= size or column >= size:
                    continue
                behind = (z - depth[row, column] - bias) / soft
                total += 1.0 - min(max(behind, 0.0), 1.0)
                count += 1
        out[v] = total / count if count else 1.0


def light_basis(key: np.ndarray) -> np.ndarray:
    """Rows (3, 3): right and down across the light, and away from it."""
    up = np.array([0.0, 1.0, 0.0]) if abs(key[1]) < 0.95 else np.array([0.0, 0.0, 1.0])
    right = np.cross(up, key)
    right /= np.linalg.norm(right)
    return np.stack([right, -np.cross(key, right), -key])


def lit_share(points: np.ndarray, faces: np.ndarray, key: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Share (V,) in [0, 1] of the key light that reaches the vertices past the faces (F, 3); where `wanted` (V,) is
    False it is not asked for, and 1."""
    places, scale = _seen_from(points, light_basis(key), float(_SIZE))
    depth = np.full((_SIZE, _SIZE), np.inf, np.float32)
    scan_parallel(places, faces, depth)
    out = np.ones(len(points))
    # The depth of a slanted face changes by about a texel's width within the texel.
    _ask(places, depth, _BIAS_M + 1.5 / scale, _SOFT_M, wanted, out)
    return out


@njit(cache=True, fastmath=True)
def _seen_from(points, basis, size):  # type: ignore[no-untyped-def]
    """Texels and depth (V, 3) of points in a map of `size` that holds them all, and texels a metre."""
    out = np.empty(points.shape)
    low, high = np.full(3, 1e30), np.full(3, -1e30)
    for v in range(points.shape[0]):
        for k in range(3):
            at = basis[k, 0] * points[v, 0] + basis[k, 1] * points[v, 1] + basis[k, 2] * points[v, 2]
            out[v, k] = at
            low[k], high[k] = min(low[k], at), max(high[k], at)
    scale = (size - 6) / max(high[0] - low[0], high[1] - low[1], 1e-6)
    for v in range(points.shape[0]):
        out[v, 0], out[v, 1] = (out[v, 0] - low[0]) * scale + 3, (out[v, 1] - low[1]) * scale + 3
        out[v, 2] -= low[2]
    return out, scale
