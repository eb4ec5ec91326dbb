"""Paints skin: a texture over the built-in head's chart with colour, gloss and relief, in linear RGB; lighting is in
shading.py, what grows on the skin in paint_hair.py."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter

from talkie.heads.builtin import features
from talkie.render.costume import texels
from talkie.render.look import Look
from talkie.render.paint_chart import Chart, face_chart, texel_chart
from talkie.render.paint_hair import beard, brows, eye_make_up, scalp
from talkie.render.paint_tools import blotch, mix, noise_layer, step


def skin_texture(look: Look) -> np.ndarray:
    """(HEIGHT, WIDTH, 7) float32 texels of the whole skin, scalp and clothes apart."""
    c = texel_chart()
    window, _ = face_chart()
    rng = np.random.default_rng((look.seed, 0x7E47))
    colour, gloss, relief = _bare(c, look, rng)
    _features(look, colour[window], gloss[window], relief[window])
    if look.fur > 0:
        _fur(c, look, colour, gloss, rng)
    scalp(c, look, colour, gloss, rng)
    beard(c, look, colour, gloss, rng)
    brows(look, colour[window], gloss[window], rng)
    eye_make_up(look, colour[window], gloss[window])
    return texels(np.clip(colour, 0.002, 1.0), 1.0, gloss, relief)


def ear_texture(look: Look) -> np.ndarray:
    """(64, 64, 7) texels of skin for the ears, redder than the face: blood runs near their surface."""
    rng = np.random.default_rng((look.seed, 0xEA2))
    mottle = noise_layer(3.0, rng)[:64, :64, None]
    colour = np.array(look.skin) * [1.03, 0.82 - 0.1 * look.redness, 0.80 - 0.1 * look.redness] * (1 + 0.05 * mottle)
    if look.fur > 0:
        colour = colour + (np.array(look.fur_colour) * (1 + 0.2 * mottle) - colour) * look.fur
    return texels(np.clip(colour, 0.002, 1), 1.0, 0.6)


def _bare(c: Chart, look: Look, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Skin without features: pigment, blood, shine and pores."""
    fine, mid, wide = (noise_layer(s, rng) for s in (1.0, 5.0, 18.0))
    # Below the jaw the chart is stretched: blotches would run down the neck.
    even = np.clip((c.y + 0.115) / 0.03, 0.25, 1)
    pigment = even * (0.025 * fine + 0.035 * mid + 0.03 * wide)
    blood = 0.5 * noise_layer(8.0, rng) + 0.5 * noise_layer(3.0, rng)
    skin = np.array(look.skin, np.float32)
    colour = skin * np.exp(-pigment[..., None] * np.array([0.7, 1.1, 1.3], np.float32))
    front = (c.z > 0.03).astype(np.float32)
    red = np.clip(look.redness * (0.15 + _blush(c)) * (1 + 0.5 * blood) + 0.04 * blood, 0, 1) * front
    mix(colour, skin * np.array([1.06, 0.70, 0.68]), red)
    forehead = blotch(c.x, c.y, 0.0, 0.080, 0.045, 0.022) * front
    mix(colour, skin * np.array([1.02, 1.0, 0.90]), 0.4 * forehead)
    if look.freckles > 0:
        spots = step((noise_layer(1.3, rng) - 2.3) / 0.5)
        mix(colour, skin * np.array([0.62, 0.48, 0.42]), look.freckles * spots * _blush(c) * front)
    moles = step((noise_layer(1.6, rng) - 3.9) / 0.3) * front
    mix(colour, skin * np.array([0.35, 0.25, 0.22]), 0.8 * moles)
    nose = blotch(c.x, c.y, 0.0, 0.012, 0.013, 0.030) * (c.z > 0.09)
    cheeks = blotch(np.abs(c.x), c.y, 0.042, 0.010, 0.020, 0.014)
    # The shine of deep skin stands out against its colour: half of it is enough to look as oily.
    deep = np.interp(skin.mean(), (0.06, 0.35), (0.55, 1.0))
    gloss = (0.42 + 0.45 * forehead + 0.75 * nose + 0.30 * cheeks) * look.oil * deep
    gloss *= 1 + 0.18 * fine
    relief = even * (0.45 * fine + 0.25 * mid)
    return colour, gloss.astype(np.float32), relief


@lru_cache(maxsize=1)
def _marks() -> dict[str, np.ndarray]:
    """Shares (float32, of the face's texels) of what every face has in the same place; made once a process."""
    _, c = face_chart()
    front = c.z > 0.03
    theta, s = np.degrees(c.theta), np.degrees(c.s)
    line, inside, wet = lip_shares(c)
    marks = {
        "socket": np.exp(-((c.ex / 0.019) ** 2) - ((c.ey + 0.002) / 0.011) ** 2) * front,
        "bag": np.exp(-(((c.ex + 0.002) / 0.013) ** 2) - ((c.ey + 0.0135) / 0.0035) ** 2) * front,
        "nostril": step((0.85 - features.nostril_level(c.theta, c.s)) / 0.4),
        "wing": np.exp(-(((np.abs(theta) - 10.4) / 0.8) ** 2) - ((s + 12.5) / 2.2) ** 2) * (c.z > 0.08),
        "line": line,
        "inside": inside,
        "wet": wet,
        "cracks": 0.5 + 0.5 * np.sin(c.t * 95 + 2.0 * np.sin(c.t * 31) + 0.4 * c.above),
        "age": _age_lines(c) * front,
    }
    return {name: mark.astype(np.float32) for name, mark in marks.items()}


def _features(look: Look, colour: np.ndarray, gloss: np.ndarray, relief: np.ndarray) -> None:
    """Lips, nostrils, eye sockets and the lines of age, painted in place on the face's texels."""
    mark = _marks()
    skin = np.array(look.skin, np.float32)
    mix(colour, skin * np.array([0.80, 0.64, 0.64]), 0.42 * mark["socket"])
    mix(colour, skin * np.array([0.66, 0.52, 0.56]), (0.22 + 0.35 * look.age) * mark["bag"])
    mix(colour, skin * np.array([0.12, 0.06, 0.05]), 0.80 * mark["nostril"])
    mix(colour, skin * np.array([0.72, 0.50, 0.47]), 0.45 * mark["wing"])
    inside, wet, cracks = mark["inside"], mark["wet"], mark["cracks"]
    lips = np.array(look.lips, np.float32)
    mix(colour, lips * (0.92 + 0.12 * cracks[..., None]), 0.88 * inside)
    mix(colour, lips * np.array([1.05, 0.92, 0.92]), 0.35 * inside * wet)
    mix(colour, lips * 0.30, 0.7 * mark["line"])
    gloss += inside * (0.95 + 0.9 * wet + 0.9 * look.makeup - gloss)
    relief += 0.55 * inside * (cracks - 0.5)
    lines = mark["age"] * np.float32(look.age)
    mix(colour, skin * np.array([0.62, 0.48, 0.44]), 0.38 * lines)
    relief -= 1.6 * lines


def lip_shares(c: Chart) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(contact line, vermilion, its wet inner part) shares."""
    room = np.sqrt(np.clip(1 - c.t**2, 0, 1))
    bow = (5.6 - 0.7 * np.exp(-((c.t / 0.16) ** 2)) - 0.6 * c.t**2) * room
    under = (4.2 - 0.7 * c.t**2) * room
    inside = step((bow - c.above) / 0.9) * step((c.above + under) / 0.9) * (np.abs(c.t) < 1) * (np.abs(c.above) < 8)
    line = np.exp(-((c.above / 0.30) ** 2)) * (np.abs(c.t) < 1.02)
    wet = np.exp(-((c.above / 1.5) ** 2))
    return line, inside, wet


def _age_lines(c: Chart) -> np.ndarray:
    """Forehead lines, crow's feet and the folds from nose to mouth."""
    across = np.exp(-((c.x / 0.045) ** 4))
    wave = c.y + 0.0015 * np.sin(c.x * 90)
    forehead = sum(np.exp(-(((wave - h) / 0.0009) ** 2)) for h in (0.072, 0.080, 0.089)) * across
    out, up = c.ex - 0.0175, c.ey
    fan = sum(np.exp(-(((up - k * 0.25 * np.maximum(out, 0) - 0.002 * k) / 0.0007) ** 2)) for k in (-2, -0.5, 1, 2.5))
    feet = fan * step((out - 0.002) / 0.004) * step((0.012 - out) / 0.006)
    along = np.clip((-0.002 - c.y) / 0.032, 0, 1)
    fold_x = 0.0185 + 0.0125 * along**0.8
    fold = np.exp(-(((np.abs(c.x) - fold_x) / 0.0016) ** 2)) * step(along / 0.2) * step((1 - along) / 0.3)
    between = np.exp(-(((np.abs(c.x) - 0.0065) / 0.0008) ** 2)) * np.exp(-(((c.y - 0.055) / 0.007) ** 2))
    return np.clip(0.8 * forehead + 0.6 * feet + 0.9 * fold + 0.6 * between, 0, 1)


def _fur(c: Chart, look: Look, colour: np.ndarray, gloss: np.ndarray, rng: np.random.Generator) -> None:
    """Short fur over all but lips, nose and lids, paler round muzzle and throat."""
    streaks = gaussian_filter(
        rng.normal(size=colour.shape[:2]).astype(np.float32), (5.0, 0.7), mode=("nearest", "wrap")
    )
    streaks /= streaks.std()
    base = np.array(look.fur_colour, np.float32)
    pale = np.clip(base * 1.9 + 0.06, 0, 0.8)
    muzzle = np.clip(
        blotch(c.x, c.y, 0.0, -0.035, 0.032, 0.030) + blotch(np.abs(c.x), c.y, 0.030, 0.050, 0.014, 0.007), 0, 1
    )
    tone = base + (pale - base) * (muzzle * (c.z > 0.03))[..., None]
    _, inside, _ = lip_shares(c)
    lids = np.exp(-((c.ex / 0.0150) ** 4) - (c.ey / 0.0075) ** 4) * (c.z > 0.05)
    nose = blotch(c.x, c.y, 0.0, -0.002, 0.014, 0.008) * (c.z > 0.1)
    share = look.fur * (1 - np.clip(inside + lids + nose, 0, 1))
    mix(colour, tone * np.exp(0.22 * streaks[..., None]), share)
    gloss *= 1 - 0.6 * share


def _blush(c: Chart) -> np.ndarray:
    cheeks = blotch(np.abs(c.x), c.y, 0.043, -0.004, 0.021, 0.020)
    nose = blotch(c.x, c.y, 0.0, 0.002, 0.014, 0.014)
    chin = blotch(c.x, c.y, 0.0, -0.072, 0.016, 0.010)
    return np.clip(cheeks + 0.9 * nose + 0.5 * chin, 0, 1)
