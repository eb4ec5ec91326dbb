"""Light on what the rasteriser saw: per-vertex surroundings, then one kernel over pixels; colours are linear RGB.

Skin: Lambert whose terminator reaches round further for red (a wrapped diffusion, after d'Eon and Luebke, GPU Gems 3,
ch. 14), two Blinn-Phong lobes and a sheen at the outline. Hair: Kajiya and Kay (1989) with two shifted lobes.
Eyes: a sharp highlight of key and fill. What is painted on surfaces is in the files named paint_*.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from talkie.render.costume import CLOTH, EYE, HAIR, SKIN, WET


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
        normals[v, 0] /= length
        normals[v, 1] /= length
        normals[v, 2] /= length
    return normals


@njit(cache=True, fastmath=True)
def surroundings(normals, open_share, terms, fill, fill_colour, out):  # type: ignore[no-untyped-def]
    """Ambient and fill light (V, 3) at vertices. terms: (9, 3) harmonics already scaled for Lambert, times Y's
    constants; fill: (3,) direction, fill_colour (3,) strength."""
    for v in range(normals.shape[0]):
        x, y, z = normals[v, 0], normals[v, 1], normals[v, 2]
        facing = max(0.0, (x * fill[0] + y * fill[1] + z * fill[2] + 0.25) / 1.25)
        for k in range(3):
            light = (
                terms[0, k] + terms[1, k] * y + terms[2, k] * z + terms[3, k] * x
                + terms[4, k] * x * y + terms[5, k] * y * z + terms[6, k] * (3 * z * z - 1)
                + terms[7, k] * x * z + terms[8, k] * (x * x - y * y)
            )  # fmt: skip
            out[v, k] = open_share[v] * (max(light, 0.0) + facing * fill_colour[k])


@njit(cache=True, fastmath=True)
def _sample(texels, start, height, width, u, v, out):  # type: ignore[no-untyped-def]
    """Bilinear texel into out (7,); u wraps round, v is held at its ends."""
    x, y = u * width - 0.5, v * height - 0.5
    xf, yf = np.floor(x), np.floor(y)
    fx, fy = x - xf, y - yf
    x0 = int(xf) % width
    x1 = (x0 + 1) % width
    y0 = int(yf)
    y1 = min(max(y0 + 1, 0), height - 1)
    y0 = min(max(y0, 0), height - 1)
    a, b = start + y0 * width + x0, start + y0 * width + x1
    c, d = start + y1 * width + x0, start + y1 * width + x1
    wa, wb, wc, wd = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    for k in range(7):
        out[k] = wa * texels[a, k] + wb * texels[b, k] + wc * texels[c, k] + wd * texels[d, k]


@njit(cache=True, fastmath=True)
def _lobe(cosine, exponent):  # type: ignore[no-untyped-def]
    """A highlight as a spherical Gaussian, which Blinn-Phong's power is for large exponents."""
    return np.exp(exponent * (cosine - 1.0)) if cosine > 0.0 else 0.0


@njit(cache=True, fastmath=True)
def _shoulder(x):  # type: ignore[no-untyped-def]
    """Light above 0.7 rolls off towards 1 as film does, so that highlights keep their hue and shape."""
    return x if x < 0.7 else 0.7 + 0.3 * (1.0 - np.exp(-(x - 0.7) / 0.3))


@njit(cache=True, fastmath=True)
def shade(  # type: ignore[no-untyped-def]
    triangle, weights, supersample, faces, points, normals, tangents, ambient, lit, paint, kind, place, surface,
    texels, eye, key, key_colour, fill, fill_colour, image, cover,
):  # fmt: skip
    """Adds the light of every seen subpixel to image (H, W, 3) float32 and counts it in cover (H, W).

    triangle, weights: of the supersampled raster; points, normals, tangents (V, 3) in the world; ambient (V, 3) and
    lit (V,): light of the surroundings, and share of the key's, at vertices; paint (F, 3, 2); kind (F,); place (F, 3):
    first texel, height and width of the face's texture; surface (F, 3): gloss, exponent, bump; eye (3,): camera
    centre; key, fill (3,): unit directions to the lights, with their colours times strength."""
    base = np.zeros(7, np.float32)
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
            what = kind[f]
            u = wa * paint[f, 0, 0] + wb * paint[f, 1, 0] + wc * paint[f, 2, 0]
            v = wa * paint[f, 0, 1] + wb * paint[f, 1, 1] + wc * paint[f, 2, 1]
            _sample(texels, place[f, 0], place[f, 1], place[f, 2], u, v, base)
            gloss, exponent, bump = surface[f, 0], surface[f, 1], surface[f, 2]
            if bump > 0.0:
                # Tangents along and down the chart: across the world's up, which the chart's v follows.
                flat = 1.0 / (np.sqrt(nz * nz + nx * nx) + 1e-6)
                tx, tz = nz * flat, -nx * flat
                du, dv = bump * base[5], bump * base[6]
                # Down the chart: t x n.
                bx, by, bz = -tz * ny, tz * nx - tx * nz, tx * ny
                nx, ny, nz = nx - du * tx - dv * bx, ny - dv * by, nz - du * tz - dv * bz
            toward = nx * vx + ny * vy + nz * vz
            if what in (HAIR, CLOTH):
                if toward < 0.0:
                    nx, ny, nz, toward = -nx, -ny, -nz, -toward
            elif toward < 0.0:
                # Near an outline an interpolated normal can point away from the camera: keep its visible part.
                nx, ny, nz, toward = nx - toward * vx, ny - toward * vy, nz - toward * vz, 0.0
            scale = 1.0 / (np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12)
            nx, ny, nz, toward = nx * scale, ny * scale, nz * scale, toward * scale
            reach = wa * lit[a] + wb * lit[b] + wc * lit[c]
            facing = nx * key[0] + ny * key[1] + nz * key[2]
            hx, hy, hz = key[0] + vx, key[1] + vy, key[2] + vz
            half = 1.0 / (np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-12)
            mirror = (nx * hx + ny * hy + nz * hz) * half
            # Schlick's rise of reflection towards the outline.
            edge = 1.0 - min(max(toward, 0.0), 1.0)
            rim = edge * edge * edge * edge
            lobe, tint, wrap, red, sheen = 0.0, 0.0, 0.06, 0.0, 0.0
            above = min(max(facing * 4.0, 0.0), 1.0)
            if what == SKIN:
                wrap, red, sheen = 0.12, 0.20, 0.16 * rim
                power = exponent * (0.6 + 0.4 * base[4])
                lobe = gloss * base[4] * (_lobe(mirror, power) + 0.55 * _lobe(mirror, 0.25 * power)) * above
                lobe *= 1.0 + 4.0 * rim
            elif what == HAIR:
                wrap = 0.35
                tx = wa * tangents[a, 0] + wb * tangents[b, 0] + wc * tangents[c, 0]
                ty = wa * tangents[a, 1] + wb * tangents[b, 1] + wc * tangents[c, 1]
                tz = wa * tangents[a, 2] + wb * tangents[b, 2] + wc * tangents[c, 2]
                shift = 0.35 * (base[4] - 0.5)
                first, second = shift - 0.10, shift + 0.16
                along = (tx * hx + ty * hy + tz * hz) * half
                lean = mirror
                one, two = along + first * lean, along + second * lean
                open_ = min(max(facing * 1.5 + 0.5, 0.0), 1.0)
                lobe = gloss * np.exp(-exponent * one * one) * open_
                tint = 2.2 * gloss * np.exp(-0.3 * exponent * two * two) * open_
            elif what == EYE:
                wrap = 0.25
                second = fill[0] + vx, fill[1] + vy, fill[2] + vz
                size = 1.0 / (np.sqrt(second[0] ** 2 + second[1] ** 2 + second[2] ** 2) + 1e-12)
                glint = (nx * second[0] + ny * second[1] + nz * second[2]) * size
                lobe = gloss * (_lobe(mirror, exponent) + 0.04 * _lobe(mirror, 0.06 * exponent))
                lobe += 0.4 * gloss * _lobe(glint, exponent)
                sheen = 0.10 * base[4] * max(ny, 0.0)
            elif what == CLOTH:
                sheen = 0.22 * rim
            else:
                lobe = gloss * base[4] * _lobe(mirror, exponent) * above
                if what == WET:
                    wrap, sheen = 0.3, 0.05 * rim
            y, x = row // supersample, column // supersample
            for k in range(3):
                around = wa * ambient[a, k] + wb * ambient[b, k] + wc * ambient[c, k]
                soft = wrap + red if k == 0 else wrap + 0.15 * red
                diffuse = max(0.0, (facing + soft) / (1.0 + soft))
                through = reach
                if red > 0.0:
                    # In a penumbra, too, red light has travelled furthest under the skin.
                    through = reach + (0.22 if k == 0 else 0.03) * reach * (1.0 - reach)
                    diffuse = diffuse * (0.72 + 0.28 * diffuse)
                light = base[k] * (around + key_colour[k] * through * diffuse)
                light += through * key_colour[k] * (lobe + tint * base[k]) + sheen * around
                image[y, x, k] += _shoulder(light)
            cover[y, x] += 1.0


@njit(cache=True)
def resolve(image, cover, background, full, table, out, alpha):  # type: ignore[no-untyped-def]
    """Mean over subpixels, over the background by coverage, through the display's curve, to uint8."""
    top = table.shape[0] - 1
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            share = cover[row, column] / full
            alpha[row, column] = share
            for k in range(3):
                value = image[row, column, k] / full + (1.0 - share) * background[row, column, k]
                out[row, column, k] = table[min(max(int(value * top + 0.5), 0), top)]


def _srgb_table(steps: int = 8192) -> np.ndarray:
    x = np.linspace(0, 1, steps)
    curve = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.round(255 * curve).astype(np.uint8)


SRGB = _srgb_table()
"""Linear [0, 1] in equal steps to sRGB bytes (IEC 61966-2-1)."""
