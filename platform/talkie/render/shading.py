"""Light on what the rasteriser saw: Lambert with a soft terminator, hemispherical ambient, a Blinn-Phong gloss.

One numba kernel over pixels; colours are linear RGB. What is painted on the skin is in texture.py."""

from __future__ import annotations

import numpy as np
from numba import njit

SKIN, EYE, PLAIN = 0, 1, 2
"""Kinds of surface: textured skin, procedural eyeball, one colour."""
_PUPIL_RAD, _IRIS_RAD = 0.165, 0.46


@njit(cache=True)
def vertex_normals(points, faces):  # type: ignore[no-untyped-def]
    """Unit normals (V, 3) of a mesh: area-weighted means of the faces' normals."""
    normals = np.zeros_like(points)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            normals[v, 0] += nx
            normals[v, 1] += ny
            normals[v, 2] += nz
    for v in range(normals.shape[0]):
        length = np.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2) + 1e-20
        normals[v] /= length
    return normals


@njit(cache=True)
def _sample(texture, u, v, out):  # type: ignore[no-untyped-def]
    height, width = texture.shape[0], texture.shape[1]
    x, y = u * width - 0.5, v * height - 0.5
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - x0, y - y0
    y1 = min(max(y0 + 1, 0), height - 1)
    y0 = min(max(y0, 0), height - 1)
    x1 = (x0 + 1) % width
    x0 = x0 % width
    for k in range(3):
        top = texture[y0, x0, k] * (1 - fx) + texture[y0, x1, k] * fx
        low = texture[y1, x0, k] * (1 - fx) + texture[y1, x1, k] * fx
        out[k] = top * (1 - fy) + low * fy


@njit(cache=True)
def _eye_colour(x, y, z, iris, out):  # type: ignore[no-untyped-def]
    """Colour of the eyeball at a direction from its centre, z along the gaze."""
    length = np.sqrt(x * x + y * y + z * z) + 1e-12
    polar = np.arccos(min(max(z / length, -1.0), 1.0))
    around = np.arctan2(y, x)
    if polar < _PUPIL_RAD:
        out[:] = 0.004
        return
    if polar < _IRIS_RAD:
        r = (polar - _PUPIL_RAD) / (_IRIS_RAD - _PUPIL_RAD)
        fibres = 0.85 + 0.25 * np.sin(around * 37.0 + 3.0 * np.sin(around * 11.0)) * (0.4 + 0.6 * r)
        limbus = 1.0 - 0.8 * max(0.0, (r - 0.78) / 0.22)
        for k in range(3):
            out[k] = iris[k] * (0.7 + 0.9 * r) * fibres * limbus
        return
    blend = min((polar - _IRIS_RAD) / 0.05, 1.0)
    pink = min(max((polar - 0.7) / 0.8, 0.0), 1.0)
    white = (0.62 - 0.05 * pink, 0.60 - 0.16 * pink, 0.58 - 0.16 * pink)
    for k in range(3):
        out[k] = white[k] * blend + iris[k] * 0.2 * (1 - blend)


@njit(cache=True, fastmath=True)
def shade(  # type: ignore[no-untyped-def]
    triangle, weights, faces, points, normals, uv, kind, colour, local, open_share, texture, iris, eye, key,
    key_power, sky, ground, image,
):  # fmt: skip
    """Colours the pixels of `image` (H, W, 3) float32, which holds the background, where a triangle was seen.

    points, normals (V, 3) in the world; uv (F, 3, 2); kind (F,) and colour (F, 3) per face; local (V, 3): direction
    from an eyeball's centre at rest; open_share (V,): how much of the light reaches a vertex; eye (3,): camera
    centre; key (3,): unit direction to the light, of strength key_power; sky, ground (3,): ambient light from above
    and below."""
    base = np.zeros(3, np.float32)
    for row in range(triangle.shape[0]):
        for column in range(triangle.shape[1]):
            f = triangle[row, column]
            if f < 0:
                continue
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            wa, wb, wc = weights[row, column, 0], weights[row, column, 1], weights[row, column, 2]
            nx = wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0]
            ny = wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1]
            nz = wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2]
            vx = eye[0] - (wa * points[a, 0] + wb * points[b, 0] + wc * points[c, 0])
            vy = eye[1] - (wa * points[a, 1] + wb * points[b, 1] + wc * points[c, 1])
            vz = eye[2] - (wa * points[a, 2] + wb * points[b, 2] + wc * points[c, 2])
            view = 1.0 / (np.sqrt(vx * vx + vy * vy + vz * vz) + 1e-12)
            vx, vy, vz = vx * view, vy * view, vz * view
            # Near an outline an interpolated normal can point away from the camera: keep its visible part.
            away = min(nx * vx + ny * vy + nz * vz, 0.0)
            nx, ny, nz = nx - away * vx, ny - away * vy, nz - away * vz
            scale = 1.0 / (np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12)
            nx, ny, nz = nx * scale, ny * scale, nz * scale
            gloss, power = 0.05, 14.0
            if kind[f] == SKIN:
                u = wa * uv[f, 0, 0] + wb * uv[f, 1, 0] + wc * uv[f, 2, 0]
                v = wa * uv[f, 0, 1] + wb * uv[f, 1, 1] + wc * uv[f, 2, 1]
                _sample(texture, u, v, base)
            elif kind[f] == EYE:
                lx = wa * local[a, 0] + wb * local[b, 0] + wc * local[c, 0]
                ly = wa * local[a, 1] + wb * local[b, 1] + wc * local[c, 1]
                lz = wa * local[a, 2] + wb * local[b, 2] + wc * local[c, 2]
                _eye_colour(lx, ly, lz, iris, base)
                gloss, power = 0.9, 220.0
            else:
                for k in range(3):
                    base[k] = colour[f, k]
                gloss, power = 0.12, 40.0
            seen = wa * open_share[a] + wb * open_share[b] + wc * open_share[c]
            facing = nx * key[0] + ny * key[1] + nz * key[2]
            # A terminator softened as under skin: light wraps a fifth of the way round.
            lit = max(0.0, (facing + 0.2) / 1.2)
            lit = lit * lit * (1.5 - 0.5 * lit)
            hx, hy, hz = key[0] + vx, key[1] + vy, key[2] + vz
            half = 1.0 / (np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-12)
            mirror = (nx * hx + ny * hy + nz * hz) * half
            shine = gloss * mirror**power if mirror > 0.5 else 0.0
            above = 0.5 + 0.5 * ny
            for k in range(3):
                ambient = sky[k] * above + ground[k] * (1 - above)
                image[row, column, k] = seen * (base[k] * (ambient + key_power * lit) + shine * key_power)


@njit(cache=True)
def _resolve(linear, supersample, table, out):  # type: ignore[no-untyped-def]
    top = table.shape[0] - 1
    share = top / (supersample * supersample)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            for k in range(3):
                total = 0.0
                for i in range(supersample):
                    for j in range(supersample):
                        total += linear[row * supersample + i, column * supersample + j, k]
                out[row, column, k] = table[min(max(int(total * share), 0), top)]


def to_display(linear: np.ndarray, supersample: int) -> np.ndarray:
    """Linear (sH, sW, 3) to sRGB uint8 (H, W, 3): box filter, then the sRGB curve (IEC 61966-2-1)."""
    height, width = linear.shape[0] // supersample, linear.shape[1] // supersample
    out = np.empty((height, width, 3), np.uint8)
    _resolve(linear, supersample, _SRGB, out)
    return out


def _srgb_table(steps: int = 8192) -> np.ndarray:
    x = np.linspace(0, 1, steps)
    curve = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.round(255 * curve).astype(np.uint8)


_SRGB = _srgb_table()
