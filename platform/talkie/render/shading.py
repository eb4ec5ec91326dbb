"""Light on what the rasteriser saw: per-vertex surroundings, then one kernel over pixels; colours are linear RGB.

Skin: Lambert whose terminator reaches round further for red (a wrapped diffusion, after d'Eon and Luebke, GPU Gems 3,
ch. 14), two Blinn-Phong lobes and a sheen at the outline. Hair: Kajiya and Kay (1989) with two shifted lobes.
Eyes: a sharp highlight of key and fill. What is painted on surfaces is in the files named paint_*.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from talkie.render.costume import CLOTH, EYE, HAIR, SKIN, WET
from talkie.render.raster import weights_at

ATTRIBUTES = 16
"""Numbers a vertex carries to its pixels: normal 0-2, tangent 3-5, light of the surroundings 6-8, share of the key
light 9, point 10-12; the rest fills a cache line."""
_SHARPNESS = 0.28
"""A pixel's area shows at most 1 / this texels of its mipmap."""
_ALIKE = 0.85**2
"""Least squared cosine between the normals of two triangles that are lit as one."""


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
def gather_light(points, normals, tangents, share, lit, seen, terms, fill, fill_colour, out):  # type: ignore[no-untyped-def]
    """Fill out (V, ATTRIBUTES) where `seen`: normal, tangent, the light of surroundings and fill, the share of the key
    light that arrives, and the point. share, lit: (V,) what occlusion and what shadows leave; terms: (9, 3) harmonics
    already scaled for Lambert, times Y's constants; fill, fill_colour: (3,) direction and strength."""
    for v in range(points.shape[0]):
        if not seen[v]:
            continue
        x, y, z, free = normals[v, 0], normals[v, 1], normals[v, 2], share[v]
        facing = max(0.0, (x * fill[0] + y * fill[1] + z * fill[2] + 0.25) / 1.25)
        for k in range(3):
            light = (
                terms[0, k] + terms[1, k] * y + terms[2, k] * z + terms[3, k] * x
                + terms[4, k] * x * y + terms[5, k] * y * z + terms[6, k] * (3 * z * z - 1)
                + terms[7, k] * x * z + terms[8, k] * (x * x - y * y)
            )  # fmt: skip
            out[v, k], out[v, 3 + k], out[v, 10 + k] = normals[v, k], tangents[v, k], points[v, k]
            out[v, 6 + k] = free * (max(light, 0.0) + facing * fill_colour[k])
        # What is hidden from the sky is mostly hidden from the key: the mouth's inside and the lids' shade.
        out[v, 9] = lit[v] * (0.35 + 0.65 * free) * min(1.0, 3.0 * free)


@njit(cache=True, fastmath=True, inline="always")
def _sample(texels, start, height, width, u, v, out):  # type: ignore[no-untyped-def]
    """Bilinear texel into out (7,); u wraps round, v is held at its ends."""
    x, y = (u - np.floor(u)) * width - 0.5, v * height - 0.5
    xf, yf = np.floor(x), np.floor(y)
    fx, fy = x - xf, y - yf
    x0 = int(xf) if x >= 0.0 else width - 1
    x1 = x0 + 1 if x0 + 1 < width else 0
    y0 = int(yf)
    y1 = min(max(y0 + 1, 0), height - 1)
    y0 = min(max(y0, 0), height - 1)
    a, b = start + y0 * width + x0, start + y0 * width + x1
    c, d = start + y1 * width + x0, start + y1 * width + x1
    wa, wb, wc, wd = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    for k in range(7):
        out[k] = wa * texels[a, k] + wb * texels[b, k] + wc * texels[c, k] + wd * texels[d, k]


@njit(cache=True, fastmath=True, inline="always")
def _lobe(cosine, exponent):  # type: ignore[no-untyped-def]
    """A highlight as a spherical Gaussian, which Blinn-Phong's power is for large exponents."""
    return np.exp(exponent * (cosine - 1.0)) if cosine > 0.0 else 0.0


@njit(cache=True, fastmath=True, inline="always")
def _shoulder(x):  # type: ignore[no-untyped-def]
    """Light above 0.7 rolls off towards 1 as film does, so that highlights keep their hue and shape."""
    return x if x < 0.7 else 0.7 + 0.3 * (1.0 - np.exp(-(x - 0.7) / 0.3))


@njit(cache=True, fastmath=True, inline="always")
def _continues(faces, attributes, f, g):  # type: ignore[no-untyped-def]
    """Whether triangle g continues f: they have a corner in common and turn little from one to the other."""
    a, b, c, d, e, h = faces[f, 0], faces[f, 1], faces[f, 2], faces[g, 0], faces[g, 1], faces[g, 2]
    if a not in (d, e, h) and b not in (d, e, h) and c not in (d, e, h):
        return False
    both, one, other = 0.0, 0.0, 0.0
    for k in range(3):
        x = attributes[a, k] + attributes[b, k] + attributes[c, k]
        y = attributes[d, k] + attributes[e, k] + attributes[h, k]
        both, one, other = both + x * y, one + x * x, other + y * y
    return both > 0.0 and both * both > _ALIKE * one * other


@njit(cache=True, fastmath=True, inline="always")
def _level(pixels, faces, f, grain):  # type: ignore[no-untyped-def]
    """The mipmap whose texels are about as large as pixels on triangle f."""
    a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
    ux, uy = pixels[b, 0] - pixels[a, 0], pixels[b, 1] - pixels[a, 1]
    vx, vy = pixels[c, 0] - pixels[a, 0], pixels[c, 1] - pixels[a, 1]
    area = 0.5 * abs(ux * vy - uy * vx)
    level, texels = 0, grain * _SHARPNESS
    while texels > area and level < 7:
        texels *= 0.25
        level += 1
    return level


@njit(cache=True, fastmath=True)
def shade(  # type: ignore[no-untyped-def]
    samples, fine, faces, pixels, attributes, paint, sheet, grain, levels, kind, finish, texels, eye, lights, image,
    cover,
):  # fmt: skip
    """Mean light of every pixel's samples into image (H, W, 3) float32 and their share of it into cover (H, W).

    Samples of one pixel on one surface, that is on triangles of one material which touch, are lit once, at their
    middle (as in multisampling); the mipmap stands for their mean colour. samples (fine H, fine W): the triangles of
    the raster; pixels (V, 3), attributes (V, ATTRIBUTES) of vertices; eye (3,): camera centre; lights (4, 3): unit
    direction to the key, its colour, and the same of the fill; the rest as `sheets.Sheets` holds it."""
    count = fine * fine
    full = 1.0 / count
    who, group = np.empty(count, np.int64), np.empty(count, np.int64)
    right, down = np.empty(count), np.empty(count)
    for s in range(count):
        right[s], down[s] = (s % fine + 0.5) / fine, (s // fine + 0.5) / fine
    base, at, light = np.zeros(7, np.float32), np.zeros(ATTRIBUTES, np.float32), np.zeros(3)
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            k, alike = 0, True
            for i in range(row * fine, (row + 1) * fine):
                for j in range(column * fine, (column + 1) * fine):
                    who[k] = samples[i, j]
                    alike, k = alike and who[k] == who[0], k + 1
            for s in range(count):
                f = who[s]
                if f < 0:
                    if alike:
                        break
                    continue
                x, y, seen, mixed = 0.5 * count, 0.5 * count, count, False
                if not alike:
                    x, y, seen = 0.0, 0.0, 0
                    for r in range(s, count):
                        g = who[r]
                        if g == f or (g >= 0 and sheet[g] == sheet[f] and _continues(faces, attributes, f, g)):
                            group[seen] = g
                            x, y, seen, mixed = x + right[r], y + down[r], seen + 1, mixed or g != f
                            who[r] = -1
                px, py = column + x / seen, row + y / seen
                wa, wb, wc = weights_at(pixels, faces[f, 0], faces[f, 1], faces[f, 2], px, py)
                if mixed:
                    f, wa, wb, wc = _within(pixels, faces, group, seen, px, py)
                _interpolate(attributes, faces, f, wa, wb, wc, at)
                m, n = sheet[f], _level(pixels, faces, f, grain[f])
                u = wa * paint[f, 0, 0] + wb * paint[f, 1, 0] + wc * paint[f, 2, 0]
                v = wa * paint[f, 0, 1] + wb * paint[f, 1, 1] + wc * paint[f, 2, 1]
                _sample(texels, levels[m, n, 0], levels[m, n, 1], levels[m, n, 2], u, v, base)
                _light(kind[m], base, at, finish[m, 0], finish[m, 1], finish[m, 2], eye, lights, light)
                for k in range(3):
                    image[row, column, k] += seen * full * light[k]
                cover[row, column] += seen * full
                if alike:
                    break


@njit(cache=True, fastmath=True, inline="always")
def _within(pixels, faces, group, count, px, py):  # type: ignore[no-untyped-def]
    """The triangle of a group in which a point of the picture lies most, and its weights there, none below 0."""
    best, f, wa, wb, wc = -1e30, group[0], 1.0, 0.0, 0.0
    for k in range(count):
        g = group[k]
        a, b, c = weights_at(pixels, faces[g, 0], faces[g, 1], faces[g, 2], px, py)
        if min(a, b, c) > best:
            best, f, wa, wb, wc = min(a, b, c), g, a, b, c
    wa, wb, wc = max(wa, 0.0), max(wb, 0.0), max(wc, 0.0)
    scale = 1.0 / (wa + wb + wc)
    return f, wa * scale, wb * scale, wc * scale


@njit(cache=True, fastmath=True, inline="always")
def _interpolate(attributes, faces, f, wa, wb, wc, out):  # type: ignore[no-untyped-def]
    a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
    wa, wb, wc = np.float32(wa), np.float32(wb), np.float32(wc)
    for k in range(ATTRIBUTES):
        out[k] = wa * attributes[a, k] + wb * attributes[b, k] + wc * attributes[c, k]


@njit(cache=True, fastmath=True, inline="always")
def _light(what, base, at, gloss, exponent, bump, eye, lights, out):  # type: ignore[no-untyped-def]
    """Light (3,) that a point sends to the eye; base (7,): its texel, at: its attributes."""
    key, fill = lights[0], lights[2]
    nx, ny, nz = at[0], at[1], at[2]
    vx, vy, vz = eye[0] - at[10], eye[1] - at[11], eye[2] - at[12]
    view = 1.0 / (np.sqrt(vx * vx + vy * vy + vz * vz) + 1e-12)
    vx, vy, vz = vx * view, vy * view, vz * view
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
    reach = at[9]
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
        tx, ty, tz = at[3], at[4], at[5]
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
    for k in range(3):
        around = at[6 + k]
        soft = wrap + red if k == 0 else wrap + 0.15 * red
        diffuse = max(0.0, (facing + soft) / (1.0 + soft))
        through = reach
        if red > 0.0:
            # In a penumbra, too, red light has travelled furthest under the skin.
            through = reach + (0.22 if k == 0 else 0.03) * reach * (1.0 - reach)
            diffuse = diffuse * (0.72 + 0.28 * diffuse)
        light = base[k] * (around + lights[1, k] * through * diffuse)
        light += through * lights[1, k] * (lobe + tint * base[k]) + sheen * around
        out[k] = _shoulder(light)


@njit(cache=True)
def resolve(image, cover, background, table, out, alpha):  # type: ignore[no-untyped-def]
    """The picture over the background by coverage, through the display's curve, to uint8."""
    top = table.shape[0] - 1
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            share = cover[row, column]
            alpha[row, column] = share
            for k in range(3):
                value = image[row, column, k] + (1.0 - share) * background[row, column, k]
                out[row, column, k] = table[min(max(int(value * top + 0.5), 0), top)]


def _srgb_table(steps: int = 8192) -> np.ndarray:
    x = np.linspace(0, 1, steps)
    curve = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.round(255 * curve).astype(np.uint8)


SRGB = _srgb_table()
"""Linear [0, 1] in equal steps to sRGB bytes (IEC 61966-2-1)."""
