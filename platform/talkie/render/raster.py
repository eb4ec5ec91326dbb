"""The z-buffer: which triangle each pixel sees, where on it and how far away; no colour, no camera."""

from __future__ import annotations

import numpy as np
from numba import njit

NO_CUTOUT = np.zeros(0, np.bool_)
NO_PAINT = np.zeros((0, 3, 2), np.float32)
NO_PLACE = np.zeros((0, 3), np.int64)
_EDGE = -1e-9
"""Rounding never opens a gap between two triangles that share an edge."""
NO_TEXELS = np.zeros((0, 7), np.float32)


@njit(cache=True, fastmath=False)
def _solid(f, wa, wb, wc, paint, place, texels):  # type: ignore[no-untyped-def]
    """Whether the texel under a point of a cut-out triangle is opaque (nearest texel, alpha at least a half)."""
    start, height, width = place[f, 0], place[f, 1], place[f, 2]
    u = wa * paint[f, 0, 0] + wb * paint[f, 1, 0] + wc * paint[f, 2, 0]
    v = wa * paint[f, 0, 1] + wb * paint[f, 1, 1] + wc * paint[f, 2, 1]
    x = int(np.floor(u * width)) % width
    y = min(max(int(v * height), 0), height - 1)
    return texels[start + y * width + x, 3] >= 0.5


@njit(cache=True, fastmath=False)
def scan(positions, faces, triangle, weights, depth, cutout, paint, place, texels):  # type: ignore[no-untyped-def]
    """Fill triangle, weights and depth; `cutout` (F,) marks faces whose texture has holes (empty: none has)."""
    height, width = triangle.shape
    holes = cutout.shape[0] > 0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = positions[a, 0], positions[a, 1], positions[a, 2]
        bx, by, bz = positions[b, 0], positions[b, 1], positions[b, 2]
        cx, cy, cz = positions[c, 0], positions[c, 1], positions[c, 2]
        if az <= 0.0 or bz <= 0.0 or cz <= 0.0:
            continue
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        x0 = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        x1 = min(int(np.floor(max(ax, bx, cx) - 0.5)), width - 1)
        y0 = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        y1 = min(int(np.floor(max(ay, by, cy) - 0.5)), height - 1)
        if x1 < x0 or y1 < y0:
            continue
        inverse = 1.0 / area
        ia, ib, ic = 1.0 / az, 1.0 / bz, 1.0 / cz
        # Weights are linear in the image: one addition a pixel, and a row ends where the triangle does.
        step_a, step_b = (by - cy) * inverse, (cy - ay) * inverse
        px = x0 + 0.5
        for y in range(y0, y1 + 1):
            py = y + 0.5
            first_a = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
            first_b = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
            entered = False
            for x in range(x0, x1 + 1):
                wa, wb = first_a + (x - x0) * step_a, first_b + (x - x0) * step_b
                wc = 1.0 - wa - wb
                if wa < _EDGE or wb < _EDGE or wc < _EDGE:
                    if entered:
                        break
                    continue
                entered = True
                # 1/z is linear in the image, z is not: perspective-correct depth and weights.
                inverse_depth = wa * ia + wb * ib + wc * ic
                if inverse_depth * depth[y, x] > 1.0:
                    z = 1.0 / inverse_depth
                    if (
                        holes
                        and cutout[f]
                        and not _solid(f, wa * ia * z, wb * ib * z, wc * ic * z, paint, place, texels)
                    ):
                        continue
                    depth[y, x] = z
                    triangle[y, x] = f
                    weights[y, x, 0] = wa * ia * z
                    weights[y, x, 1] = wb * ib * z
                    weights[y, x, 2] = wc * ic * z


@njit(cache=True, fastmath=False)
def scan_parallel(positions, faces, depth):  # type: ignore[no-untyped-def]
    """Fill `depth` (H, W) under parallel projection: positions (V, 3) hold x, y in pixels and any linear depth."""
    height, width = depth.shape
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = positions[a, 0], positions[a, 1], positions[a, 2]
        bx, by, bz = positions[b, 0], positions[b, 1], positions[b, 2]
        cx, cy, cz = positions[c, 0], positions[c, 1], positions[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        x0 = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        x1 = min(int(np.floor(max(ax, bx, cx) - 0.5)), width - 1)
        y0 = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        y1 = min(int(np.floor(max(ay, by, cy) - 0.5)), height - 1)
        inverse = 1.0 / area
        step_a, step_b = (by - cy) * inverse, (cy - ay) * inverse
        px = x0 + 0.5
        for y in range(y0, y1 + 1):
            py = y + 0.5
            first_a = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
            first_b = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
            for x in range(x0, x1 + 1):
                wa, wb = first_a + (x - x0) * step_a, first_b + (x - x0) * step_b
                wc = 1.0 - wa - wb
                if wa < _EDGE or wb < _EDGE or wc < _EDGE:
                    continue
                z = wa * az + wb * bz + wc * cz
                if z < depth[y, x]:
                    depth[y, x] = z


def rasterise(
    positions_px: np.ndarray, faces: np.ndarray, size: int | tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest triangle per pixel of a mesh in image space.

    positions_px: (V, 3) of x, y in pixels (pixel i covers [i, i + 1)) and depth along the optical axis in
    metres; faces: (F, 3); size: side of a square image or (height, width). A pixel belongs to a triangle
    whose closed area contains its centre, whichever way the triangle faces; of equally near triangles the
    first wins. Triangles with a corner at or behind the camera are left out.

    Returns triangle (H, W) int32 (-1 where none), perspective-correct barycentric weights (H, W, 3) float32
    and depth (H, W) float32 (infinity where none).
    """
    triangle, weights, depth = empty_buffers(size)
    scan(
        np.ascontiguousarray(positions_px, np.float64),
        np.ascontiguousarray(faces, np.int64),
        triangle,
        weights,
        depth,
        NO_CUTOUT,
        NO_PAINT,
        NO_PLACE,
        NO_TEXELS,
    )
    return triangle, weights, depth


def empty_buffers(size: int | tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangle, weights and depth buffers in which nothing has been seen yet."""
    height, width = (size, size) if isinstance(size, int) else size
    return (
        np.full((height, width), -1, np.int32),
        np.zeros((height, width, 3), np.float32),
        np.full((height, width), np.inf, np.float32),
    )
