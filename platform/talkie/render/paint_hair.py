"""Paints what grows on skin: the scalp's stubble, beards, brows, lash lines and make-up; strands with a shape of their
own are geometry, in `talkie.heads.builtin.hair`."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from talkie.heads.builtin.features import lid_curves
from talkie.heads.builtin.hair import hair_share
from talkie.render.look import Look
from talkie.render.paint_chart import Chart, face_chart
from talkie.render.paint_tools import mix, noise_layer, step, streak_layer

_BLACK = np.array([0.010, 0.008, 0.007], np.float32)


def scalp(c: Chart, look: Look, colour: np.ndarray, gloss: np.ndarray, rng: np.random.Generator) -> None:
    """Roots of the hair: dark skin under long hair, the whole of it where it is shaved."""
    if look.hair_style == "bald":
        return
    share = hair_share(c.theta, c.y, look.hairline, look.hair_style)
    # The border is ragged: single roots stand before the line, gaps behind it.
    share = step((share * 1.6 - 0.75 + 1.3 * share * (1 - share) * streak_layer(4.0, 0.8, rng)) / 1.2)
    dots = 0.5 + 0.5 * np.clip(noise_layer(1.0, rng), -1, 1)
    under = np.array(look.hair, np.float32) * 0.9 + 0.10 * np.array(look.skin, np.float32)
    strength = 0.58 + 0.12 * dots if look.hair_style == "shaved" else 0.92
    mix(colour, under, share * strength)
    gloss *= 1 - 0.8 * share


def beard(c: Chart, look: Look, colour: np.ndarray, gloss: np.ndarray, rng: np.random.Generator) -> None:
    """Stubble, moustache, goatee or full beard; a share of strands lets skin through at its borders."""
    if look.beard == "none":
        return
    area = beard_share(c, look.beard)
    strands = streak_layer(4.0, 0.8, rng)
    if look.beard == "stubble":
        dots = np.clip(0.5 + 0.6 * noise_layer(1.0, rng), 0, 1)
        mix(colour, np.array(look.skin, np.float32) * [0.55, 0.55, 0.60], 0.35 * area)
        mix(colour, np.array(look.hair, np.float32), 0.38 * area * dots)
    else:
        # Thin at the borders, where single strands stand before bare skin, and never quite closed.
        ragged = step((area * 1.9 - 0.75 + 0.9 * area * (1 - area) * strands) / 1.15)
        tone = np.array(look.hair, np.float32) * np.exp(0.30 * strands)[..., None]
        mix(colour, tone, 0.90 * ragged)
    gloss *= 1 - 0.7 * area


def beard_share(c: Chart, style: str) -> np.ndarray:
    """Where a beard grows, in [0, 1]."""
    x, side = np.abs(c.x), np.abs(np.degrees(c.theta))
    room = np.sqrt(np.clip(1 - c.t**2, 0, 1))
    lips = step((5.8 * room + 0.4 - c.above) / 2.4) * step((c.above + 5.2 * room + 0.4) / 2.4) * (np.abs(c.t) < 1.08)
    top = np.interp(side, (0, 14, 24, 40, 60, 75, 88), (-0.014, -0.016, -0.036, -0.030, -0.012, 0.0, 0.015))
    low = np.interp(side, (0, 30, 60, 90), (-0.108, -0.100, -0.085, -0.050))
    full = step((top - c.y) / 0.016) * step((c.y - low) / 0.018) * (side < 92)
    # A moustache is fullest beside the groove under the nose and thins out beyond the mouth's corners.
    thick = 5.4 * (1 - np.clip(np.abs(c.t) / 1.22, 0, 1) ** 2.5) - 1.2 * np.exp(-((c.t / 0.13) ** 2))
    over = c.above - 5.2 * room
    moustache = step((thick - over) / 2.2) * step((over + 1.0) / 1.5) * step((1.2 - np.abs(c.t)) / 0.3)
    moustache *= step((-0.0150 - c.y) / 0.004)
    chin = step((0.019 - x) / 0.012) * step((-5.0 - c.above) / 3.0) * step((c.y + 0.108) / 0.015)
    bare = {"moustache": moustache, "goatee": np.maximum(moustache * step((1.15 - np.abs(c.t)) / 0.2), chin)}
    return bare.get(style, full) * (1 - lips) * (c.z > -0.01)


@lru_cache(maxsize=1)
def _brow_place() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Place along the brow (0 to 1, and held there), metres above its middle, and the waves of its strands."""
    _, c = face_chart()
    u = (np.abs(c.x) - 0.0115) / 0.041
    held = np.clip(u, 0, 1)
    middle = c.ey - 0.0182 - 0.0048 * np.sin(np.pi * held**1.15 * 0.80)
    # Strands rise from the nose and lie down outward: coordinates sheared along the brow.
    lean = np.sin(2 * np.pi * (np.abs(c.x) * (1.6 - 1.0 * held) + middle * (-0.9 + 2.2 * held)) / 0.0016)
    return u, held, middle, lean


def brows(look: Look, colour: np.ndarray, gloss: np.ndarray, rng: np.random.Generator) -> None:
    """Brows of slanted strands that thin out towards both ends, on the face's texels."""
    window, c = face_chart()
    u, held, middle, lean = _brow_place()
    half = 0.0042 * look.brow * (1 - 0.62 * held**2)
    across = np.exp(-(np.abs(middle / half) ** 2.6))
    strands = np.clip(0.66 + 0.20 * lean + 0.10 * noise_layer(1.0, rng)[window], 0, 1)
    share = across * step(u / 0.22) * step((1 - u) / 0.25) * (c.z > 0.03)
    dark = np.array(look.hair, np.float32) * 0.55 + 0.45 * np.minimum(np.array(look.hair), 0.06)
    mix(colour, dark, np.clip(share * (0.35 + 0.75 * strands), 0, 0.96))
    gloss *= 1 - 0.8 * share


@lru_cache(maxsize=1)
def _lid_marks() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Shares (float32, of the face's texels) of the upper lid, its fold, and the rims of the upper and lower lid."""
    _, c = face_chart()
    upper, lower = lid_curves(c.ex)
    front = c.z > 0.03
    within = step((0.0135 - np.abs(c.ex)) / 0.002) * front
    over = np.exp(-(((c.ey - upper - 0.0003) / 0.0009) ** 2)) * within
    under = np.exp(-(((c.ey - lower + 0.0003) / 0.0008) ** 2)) * within
    fold_y = upper + 0.0036 + 0.0008 * np.clip(c.ex / 0.013, -1, 1)
    fold = np.exp(-(((c.ey - fold_y) / 0.0006) ** 2)) * step((0.0150 - np.abs(c.ex)) / 0.004) * front
    lid = step((c.ey - upper) / 0.001) * step((upper + 0.007 - c.ey) / 0.003) * within
    lid, fold, over, under = (a.astype(np.float32) for a in (lid, fold, over, under))
    return lid, fold, over, under


def eye_make_up(look: Look, colour: np.ndarray, gloss: np.ndarray) -> None:
    """Lash lines, the fold of the upper lid, and colour on the lids where it is worn, on the face's texels."""
    lid, fold, over, under = _lid_marks()
    skin = np.array(look.skin, np.float32)
    mix(colour, skin * np.array([0.55, 0.36, 0.42]), 0.55 * look.makeup * lid)
    mix(colour, skin * np.array([0.45, 0.32, 0.30]), 0.45 * fold)
    mix(colour, skin * np.array([0.95, 0.60, 0.58]), 0.45 * under)
    mix(colour, _BLACK, np.clip(0.62 + 0.3 * look.makeup, 0, 0.95) * over)
    mix(colour, _BLACK, (0.14 + 0.35 * look.makeup) * under)
    gloss += 0.5 * under
