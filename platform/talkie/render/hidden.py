"""Which points a filmed surface hides from its camera: a z-buffer asked at any points, not at pixel centres."""

from __future__ import annotations

import numpy as np
from numba import njit

from talkie.render.raster import _solid
from talkie.render.scene import Surface

DEPTH_TOLERANCE = 1e-4
"""Share of its depth by which a surface must lie before a point to hide it: 0.1 mm at one metre. The surface that
a point lies on never hides it, nor does one that touches it there."""
_TILE, _NARROW = 8, 4.0
_ROUNDING = 1e-6
"""Pixels by which a row of a triangle is looked at too far on either side, lest rounding leave out its end."""


def project(points: np.ndarray, surface: Surface) -> np.ndarray:
    """(N, 3): x, y in pixels and depth in metres of world points (N, 3), seen by the surface's camera."""
    return _project(np.ascontiguousarray(points, np.float64), surface.K, surface.R, surface.t)


def hidden(points_px: np.ndarray, surface: Surface, pixels: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """(N,) bool: points that no ray from the camera reaches, since a triangle is in the way, or since they lie
    outside the picture, behind the camera or are not finite.

    points_px: (N, 3) of `project`; pixels: (V, 3) the same of the surface's own points; size: height and width.
    Each point is tested against every triangle that its pixel may touch, in double precision, with the raster's
    rules: both sides hide, holes of cut-outs do not, triangles with a corner behind the camera are not there."""
    out = np.ones(len(points_px), np.bool_)
    order, start, deepest = _bin(points_px, size[0], size[1], out)
    _hide(points_px, order, start, deepest, pixels, surface.faces, *surface.holes, size[0], size[1], out)
    return out


@njit(cache=True)
def _project(points, K, R, t):  # type: ignore[no-untyped-def]
    out = np.empty_like(points)
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        u = R[0, 0] * x + R[0, 1] * y + R[0, 2] * z + t[0]
        v = R[1, 0] * x + R[1, 1] * y + R[1, 2] * z + t[1]
        w = R[2, 0] * x + R[2, 1] * y + R[2, 2] * z + t[2]
        scale = K[2, 0] * u + K[2, 1] * v + K[2, 2] * w
        if scale == 0.0:
            out[i, 0], out[i, 1], out[i, 2] = np.inf, np.inf, w
            continue
        out[i, 0] = (K[0, 0] * u + K[0, 1] * v + K[0, 2] * w) / scale
        out[i, 1] = (K[1, 0] * u + K[1, 1] * v + K[1, 2] * w) / scale
        out[i, 2] = w
    return out


@njit(cache=True)
def _bin(points, height, width, out):  # type: ignore[no-untyped-def]
    """Points sorted by the pixel they fall in: order, where each pixel's begin (pixels + 1), and the depth of the
    deepest in each. Clears `out` for them; those that fall in no pixel keep it."""
    start = np.zeros(height * width + 1, np.int64)
    deepest = np.zeros(height * width)
    cell = np.full(points.shape[0], -1, np.int64)
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        if z > 0.0 and 0.0 <= x < width and 0.0 <= y < height:
            c = int(y) * width + int(x)
            cell[i], out[i] = c, False
            start[c + 1] += 1
            deepest[c] = max(deepest[c], z)
    for c in range(height * width):
        start[c + 1] += start[c]
    order = np.empty(start[-1], np.int64)
    fill = start[:-1].copy()
    for i in range(points.shape[0]):
        if cell[i] >= 0:
            order[fill[cell[i]]] = i
            fill[cell[i]] += 1
    return order, start, deepest


@njit(cache=True)
def _tiles(deepest, height, width):  # type: ignore[no-untyped-def]
    """Depth of the deepest point in every tile of _TILE squared pixels."""
    out = np.zeros(((height - 1) // _TILE + 1, (width - 1) // _TILE + 1))
    for y in range(height):
        for x in range(width):
            out[y // _TILE, x // _TILE] = max(out[y // _TILE, x // _TILE], deepest[y * width + x])
    return out


@njit(cache=True)
def _is_behind(nearest, tiles, x0, x1, y0, y1):  # type: ignore[no-untyped-def]
    """Whether no point in the tiles under a box of pixels lies deeper than `nearest`."""
    for row in range(y0 // _TILE, y1 // _TILE + 1):
        for column in range(x0 // _TILE, x1 // _TILE + 1):
            if nearest < tiles[row, column]:
                return False
    return True


@njit(cache=True)
def _slope(ax, ay, bx, by):  # type: ignore[no-untyped-def]
    """How far an edge runs in x for one pixel in y; a level edge lies in one row and its ends alone tell its span."""
    return (bx - ax) / (by - ay) if by != ay else 0.0


@njit(cache=True)
def _span(ax, ay, bx, by, slope, y, low, high):  # type: ignore[no-untyped-def]
    """`low` and `high` widened by what x the edge from a to b covers in the row of pixels [y, y + 1]."""
    if ay > by:
        ax, ay, bx, by = bx, by, ax, ay
    if by < y or ay > y + 1:
        return low, high
    first = ax + (y - ay) * slope if ay < y else ax
    last = ax + (y + 1 - ay) * slope if by > y + 1 else bx
    return min(low, first, last), max(high, first, last)


@njit(cache=True)
def _hide(  # type: ignore[no-untyped-def]
    points, order, start, deepest, pixels, faces, cutout, paint, place, solid, height, width, out
):
    near_side = 1.0 - DEPTH_TOLERANCE
    tiles = _tiles(deepest, height, width)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = pixels[a, 0], pixels[a, 1], pixels[a, 2]
        bx, by, bz = pixels[b, 0], pixels[b, 1], pixels[b, 2]
        cx, cy, cz = pixels[c, 0], pixels[c, 1], pixels[c, 2]
        if az <= 0.0 or bz <= 0.0 or cz <= 0.0:
            continue
        left, right = max(min(ax, bx, cx), 0.0), min(max(ax, bx, cx), width - 0.5)
        top, bottom = max(min(ay, by, cy), 0.0), min(max(ay, by, cy), height - 0.5)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if right < left or bottom < top or area == 0.0:
            continue
        # What a point must lie behind to be hidden by the nearest corner, hence by any of the triangle.
        nearest, inverse = min(az, bz, cz) / near_side, 1.0 / area
        if _is_behind(nearest, tiles, int(left), int(right), int(top), int(bottom)):
            continue
        ia, ib, ic = 1.0 / az, 1.0 / bz, 1.0 / cz
        ab, bc, ca = _slope(ax, ay, bx, by), _slope(bx, by, cx, cy), _slope(cx, cy, ax, ay)
        for y in range(int(top), int(bottom) + 1):
            low, high = left, right
            if right - left > _NARROW:
                low, high = _span(ax, ay, bx, by, ab, y, np.inf, -np.inf)
                low, high = _span(bx, by, cx, cy, bc, y, low, high)
                low, high = _span(cx, cy, ax, ay, ca, y, low, high)
            for x in range(int(max(low - _ROUNDING, 0.0)), int(min(high + _ROUNDING, width - 0.5)) + 1):
                cell = y * width + x
                if nearest >= deepest[cell]:
                    continue
                for k in range(start[cell], start[cell + 1]):
                    i = order[k]
                    px, py, pz = points[i, 0], points[i, 1], points[i, 2]
                    if out[i] or nearest >= pz:
                        continue
                    wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
                    wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
                    wc = 1.0 - wa - wb
                    # 1/z is linear in the image; most triangles near a point are its own surface, no nearer than it.
                    inverse_depth = wa * ia + wb * ib + wc * ic
                    if inverse_depth * pz * near_side <= 1.0 or wa < 0.0 or wb < 0.0 or wc < 0.0:
                        continue
                    z = 1.0 / inverse_depth
                    if not (cutout[f] and not _solid(f, wa * ia * z, wb * ib * z, wc * ic * z, paint, place, solid)):
                        out[i] = True
