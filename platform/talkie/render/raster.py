"""The z-buffer: which triangle each pixel sees, where on it and how far away; no colour, no camera."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath=False)
def _scan(positions, faces, width, height, triangle, weights, depth):  # type: ignore[no-untyped-def]
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
        inverse = 1.0 / area
        ia, ib, ic = 1.0 / az, 1.0 / bz, 1.0 / cz
        for y in range(y0, y1 + 1):
            py = y + 0.5
            for x in range(x0, x1 + 1):
                px = x + 0.5
                wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
                wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
                wc = 1.0 - wa - wb
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                # 1/z is linear in the image, z is not: perspective-correct depth and weights.
                inverse_depth = wa * ia + wb * ib + wc * ic
                z = 1.0 / inverse_depth
                if z < depth[y, x]:
                    depth[y, x] = z
                    triangle[y, x] = f
                    weights[y, x, 0] = wa * ia * z
                    weights[y, x, 1] = wb * ib * z
                    weights[y, x, 2] = wc * ic * z


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
    height, width = (size, size) if isinstance(size, int) else size
    triangle = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    _scan(
        np.ascontiguousarray(positions_px, np.float64),
        np.ascontiguousarray(faces, np.int64),
        width,
        height,
        triangle,
        weights,
        depth,
    )
    return triangle, weights, depth
