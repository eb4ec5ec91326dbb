"""The z-buffer: which triangle each pixel sees, where on it and how far away; no colour, no camera.

A triangle that lies behind all that its tiles already show is left out whole: on a dressed head that is most of them
(a coarse z-buffer, after Greene, Kass and Miller 1993). So it pays to draw first what will be seen; what is seen does
not depend on the order."""

from __future__ import annotations

import numpy as np
from numba import njit

_EDGE = -1e-9
"""Rounding never opens a gap between two triangles that share an edge."""
_TILE = 4
"""Pixels along a tile of the coarse z-buffer."""
_LEAD = 8
"""Without a better guess, the share of the triangles drawn before the coarse z-buffer is first used is 1 / this."""
_BUCKETS = 512
NO_CUTOUT = np.zeros(0, np.bool_)
NO_PAINT = np.zeros((0, 3, 2), np.float32)
NO_PLACE = np.zeros((0, 3), np.int64)


@njit(cache=True, error_model="numpy", inline="always")
def _solid(f, wa, wb, wc, paint, place, solid):  # type: ignore[no-untyped-def]
    """Whether the texel under a point of a cut-out triangle is opaque: the nearest one; u wraps, v is held."""
    start, height, width = place[f, 0], place[f, 1], place[f, 2]
    u = wa * paint[f, 0, 0] + wb * paint[f, 1, 0] + wc * paint[f, 2, 0]
    v = wa * paint[f, 0, 1] + wb * paint[f, 1, 1] + wc * paint[f, 2, 1]
    x = min(int((u - np.floor(u)) * width), width - 1)
    y = min(max(int(v * height), 0), height - 1)
    return solid[start + y * width + x]


@njit(cache=True, inline="always")
def _clip(first, step, low, high):  # type: ignore[no-untyped-def]
    """The steps low..high narrowed to those where first + k step is not below the edge."""
    if step > 0.0:
        low = max(low, (_EDGE - first) / step)
    elif step < 0.0:
        high = min(high, (_EDGE - first) / step)
    elif first < _EDGE:
        high = -1.0
    return low, high


@njit(cache=True, error_model="numpy", inline="always")
def _fill(f, fine, corners, holes, paint, place, solid, triangle, near):  # type: ignore[no-untyped-def]
    """Draw one triangle into a grid of `fine` samples a pixel and direction; corners: x, y in pixels and depth."""
    ax, ay, az, bx, by, bz, cx, cy, cz = corners
    height, width = triangle.shape
    x0 = max(int(np.ceil(min(ax, bx, cx) * fine - 0.5)), 0)
    x1 = min(int(np.floor(max(ax, bx, cx) * fine - 0.5)), width - 1)
    y0 = max(int(np.ceil(min(ay, by, cy) * fine - 0.5)), 0)
    y1 = min(int(np.floor(max(ay, by, cy) * fine - 0.5)), height - 1)
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if x1 < x0 or y1 < y0 or area == 0.0:
        return
    inverse, step = 1.0 / area, 1.0 / fine
    ia, ib, ic = 1.0 / az, 1.0 / bz, 1.0 / cz
    # Weights and 1/z are linear in the image, z is not.
    step_a, step_b = (by - cy) * inverse * step, (cy - ay) * inverse * step
    step_c = -step_a - step_b
    slope = step_a * ia + step_b * ib + step_c * ic
    nearest = np.float32(max(ia, ib, ic))
    px = (x0 + 0.5) * step
    for y in range(y0, y1 + 1):
        py = (y + 0.5) * step
        first_a = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
        first_b = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
        first_c = 1.0 - first_a - first_b
        low, high = _clip(first_a, step_a, 0.0, float(x1 - x0))
        low, high = _clip(first_b, step_b, low, high)
        low, high = _clip(first_c, step_c, low, high)
        if high < low:
            continue
        first = first_a * ia + first_b * ib + first_c * ic
        for k in range(int(np.ceil(low)), int(high) + 1):
            x = x0 + k
            # On slivers rounding can run away: no point is nearer than the nearest corner.
            nearness, had = min(np.float32(first + k * slope), nearest), near[y, x]
            # Of equally near triangles the first wins, in whatever order they are drawn.
            if nearness < had or (nearness == had and f > triangle[y, x]):
                continue
            if holes:
                z = 1.0 / nearness
                wa, wb = (first_a + k * step_a) * ia * z, (first_b + k * step_b) * ib * z
                if not _solid(f, wa, wb, 1.0 - wa - wb, paint, place, solid):
                    continue
            near[y, x] = nearness
            triangle[y, x] = f


@njit(cache=True, error_model="numpy")
def _nearest_first(positions, faces):  # type: ignore[no-untyped-def]
    """Rows of the faces that lie before the camera, in order of their nearest corner, by a counting sort."""
    count = faces.shape[0]
    key, bucket = np.empty(count, np.float32), np.empty(count, np.int32)
    low, high = np.float32(np.inf), np.float32(0.0)
    for f in range(count):
        z = min(positions[faces[f, 0], 2], positions[faces[f, 1], 2], positions[faces[f, 2], 2])
        key[f] = 1.0 / z if z > 0.0 else -1.0
        if key[f] > 0.0:
            low, high = min(low, key[f]), max(high, key[f])
    ends = np.zeros(_BUCKETS + 1, np.int64)
    scale = (_BUCKETS - 1) / max(high - low, np.float32(1e-12))
    for f in range(count):
        bucket[f] = min(max(int((high - key[f]) * scale), 0), _BUCKETS - 1) if key[f] > 0.0 else -1
        ends[bucket[f] + 1] += bucket[f] >= 0
    for k in range(_BUCKETS):
        ends[k + 1] += ends[k]
    order = np.empty(ends[_BUCKETS], np.int64)
    for f in range(count):
        if bucket[f] >= 0:
            order[ends[bucket[f]]] = f
            ends[bucket[f]] += 1
    return order


@njit(cache=True, error_model="numpy")
def _farthest(near, side, far):  # type: ignore[no-untyped-def]
    """Lower `far`, of every tile of `side` samples, to the least nearness that is seen in it."""
    for y in range(near.shape[0]):
        row, i = near[y], y // side
        for j in range(far.shape[1]):
            least = far[i, j]
            for x in range(j * side, min((j + 1) * side, row.shape[0])):
                least = row[x] if row[x] < least else least
            far[i, j] = least


@njit(cache=True, error_model="numpy", inline="always")
def _hidden(corners, far):  # type: ignore[no-untyped-def]
    """Whether a triangle lies outside the picture, or behind everything in the tiles that it touches."""
    ax, ay, az, bx, by, bz, cx, cy, cz = corners
    if max(ax, bx, cx) < 0.0 or max(ay, by, cy) < 0.0:
        return True
    i0, j0 = max(int(min(ay, by, cy) / _TILE), 0), max(int(min(ax, bx, cx) / _TILE), 0)
    i1 = min(int(max(ay, by, cy) / _TILE), far.shape[0] - 1)
    j1 = min(int(max(ax, bx, cx) / _TILE), far.shape[1] - 1)
    nearest = np.float32(max(1.0 / az, 1.0 / bz, 1.0 / cz))
    for i in range(i0, i1 + 1):
        for j in range(j0, j1 + 1):
            if nearest >= far[i, j]:
                return False
    return True


@njit(cache=True, error_model="numpy")
def scan(positions, faces, order, lead, fine, cutout, paint, place, solid, centres, centre_near, samples, near):  # type: ignore[no-untyped-def]
    """Nearest triangle at every pixel's centre and at its `fine` squared samples.

    positions (V, 3): x, y in pixels and depth; faces (F, 3), drawn in `order` (F,), whose first `lead` are likely to be
    seen; cutout (F,) marks those whose texture has holes, by solid (texels,) under paint and place (empty: none has).
    centres (H, W), samples (fine H, fine W): int32, -1 before; centre_near, near: float32, 1 / depth, 0 before. With
    one sample a pixel, its centre, only the centres' are filled. Triangles with a corner at or behind the camera are
    left out."""
    holes = cutout.shape[0] > 0
    far = np.zeros((-(-centres.shape[0] // _TILE), -(-centres.shape[1] // _TILE)), np.float32)
    due = max(lead, 1)
    for k in range(order.shape[0]):
        if k == due:
            due *= 2
            far[:] = np.inf
            _farthest(centre_near, _TILE, far)
            if fine > 1:
                _farthest(near, _TILE * fine, far)
        f = order[k]
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        corners = (
            positions[a, 0], positions[a, 1], positions[a, 2], positions[b, 0], positions[b, 1], positions[b, 2],
            positions[c, 0], positions[c, 1], positions[c, 2],
        )  # fmt: skip
        if min(corners[2], corners[5], corners[8]) <= 0.0 or _hidden(corners, far):
            continue
        ragged = holes and cutout[f]
        if fine > 1:
            _fill(f, fine, corners, ragged, paint, place, solid, samples, near)
        _fill(f, 1, corners, ragged, paint, place, solid, centres, centre_near)


@njit(cache=True, error_model="numpy", inline="always")
def weights_at(positions, a, b, c, px, py):  # type: ignore[no-untyped-def]
    """Perspective-correct barycentric weights of the point that triangle a, b, c shows at px, py (pixels)."""
    ax, ay, bx, by = positions[a, 0] - px, positions[a, 1] - py, positions[b, 0] - px, positions[b, 1] - py
    cx, cy = positions[c, 0] - px, positions[c, 1] - py
    wa = (bx * cy - by * cx) / positions[a, 2]
    wb = (cx * ay - cy * ax) / positions[b, 2]
    wc = (ax * by - ay * bx) / positions[c, 2]
    scale = 1.0 / (wa + wb + wc)
    return wa * scale, wb * scale, wc * scale


@njit(cache=True, error_model="numpy")
def locate(positions, faces, triangle, weights, depth):  # type: ignore[no-untyped-def]
    """Where on its triangle each pixel's centre lies: fills weights (H, W, 3) and depth (H, W), metres."""
    for y in range(triangle.shape[0]):
        for x in range(triangle.shape[1]):
            f = triangle[y, x]
            if f < 0:
                continue
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            wa, wb, wc = weights_at(positions, a, b, c, x + 0.5, y + 0.5)
            weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = wa, wb, wc
            depth[y, x] = wa * positions[a, 2] + wb * positions[b, 2] + wc * positions[c, 2]


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


def rasterise_mesh(
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
    positions, faces = np.ascontiguousarray(positions_px, np.float64), np.ascontiguousarray(faces, np.int64)
    triangle, near = empty_grid(height, width)
    order, lead = guess(positions, faces)
    scan(
        positions, faces, order, lead, 1, NO_CUTOUT, NO_PAINT, NO_PLACE, NO_CUTOUT, triangle, near, triangle[:0],
        near[:0],
    )  # fmt: skip
    return triangle, *located(positions, faces, triangle)


def guess(positions: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, int]:
    """The order and lead of `scan` when nothing is known of what will be seen: the nearest first."""
    order = _nearest_first(positions, faces)
    return order, len(order) // _LEAD


def empty_grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Triangle and nearness of samples that have seen nothing yet."""
    return np.full((height, width), -1, np.int32), np.zeros((height, width), np.float32)


def located(positions: np.ndarray, faces: np.ndarray, triangle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (H, W, 3) and depth (H, W) float32 at the centres of a picture's pixels, by the triangle each sees."""
    weights, depth = np.zeros((*triangle.shape, 3), np.float32), np.full(triangle.shape, np.inf, np.float32)
    locate(positions, faces, triangle, weights, depth)
    return weights, depth
