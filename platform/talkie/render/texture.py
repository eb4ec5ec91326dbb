"""Paints the skin of the built-in head: a texture over its chart, in linear RGB. Lighting is in shading.py."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from talkie.heads.builtin import chart, features, surface
from talkie.render.look import Look

WIDTH, HEIGHT = 1024, 768
"""Texels around the head (u, azimuth) and from the crown to below the shoulders (v, descent)."""
_COARSE = 4


@lru_cache(maxsize=1)
def _texels() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Azimuth and descent in radians and the point on the mean head in metres, (H, W), (H, W), (H, W, 3)."""
    u = (np.arange(WIDTH) + 0.5) / WIDTH
    v = (np.arange(HEIGHT) + 0.5) / HEIGHT
    theta = (u - 0.5) * 2 * np.pi
    s = np.pi / 2 - v * (np.pi / 2 - chart.LOWEST)
    theta, s = np.meshgrid(theta, s)
    # The mean surface is smooth: its points on every fourth texel, interpolated, are exact to 0.1 mm.
    coarse = surface.point(theta[::_COARSE, ::_COARSE], s[::_COARSE, ::_COARSE])
    points = np.stack(
        [zoom(coarse[..., i], (HEIGHT / coarse.shape[0], WIDTH / coarse.shape[1]), order=1) for i in range(3)], -1
    )
    return theta, s, points


def hair_mask(theta: np.ndarray, points: np.ndarray, look: Look) -> np.ndarray:
    """Share of hair, in [0, 1], at azimuth `theta` and points (..., 3) of the mean head."""
    if look.hair_m == 0.0:
        return np.zeros(np.shape(theta))
    angle = np.abs(np.degrees(theta))
    # Height of the hairline: forehead, temple, before the ear, behind it, nape.
    corner = (0, 25, 42, 58, 74, 88, 96, 112, 135, 180)
    height = (0.098, 0.094, 0.088, 0.062, 0.046, 0.008, 0.030, -0.004, -0.034, -0.044)
    line = np.interp(angle, corner, height) + look.hairline * (angle < 60)
    return _step((points[..., 1] - line) / 0.010)


def skin_texture(look: Look) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) float32 linear RGB: mottled skin, cheeks, lips, brows, lashes, freckles, hair, clothes."""
    theta, s, points = _texels()
    rng = np.random.default_rng((look.seed, 0x7E47))
    noise = rng.normal(size=(HEIGHT, WIDTH)).astype(np.float32)
    mottle = _octaves(noise, (2.0, 6.0, 20.0))
    x, y, z = np.moveaxis(points, -1, 0)
    front = z > 0.03
    colour = np.array(look.skin) * (1 + 0.05 * mottle[..., None])
    _mix(colour, np.array(look.skin) * [1.05, 0.72, 0.70], look.redness * _blush(x, y) * front)
    spots = _step((gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), 1.2) * 4.3 - 2.6) / 0.5)
    _mix(colour, np.array(look.skin) * 0.55, look.freckles * spots * _blush(x, y) * front)
    _mix(colour, np.array(look.skin) * [0.72, 0.60, 0.58], 0.45 * _eye_socket(x, y) * front)
    _mix(colour, np.array(look.skin) * [0.16, 0.09, 0.08], 0.85 * _nostrils(x, y) * (z > 0.1))
    lip_line, lips = _lips(theta, s)
    _mix(colour, np.array(look.lips) * (1 + 0.10 * mottle[..., None]), 0.9 * lips)
    _mix(colour, np.array(look.lips) * 0.35, 0.75 * lip_line)
    strands = _strands(noise)
    _mix(colour, np.array(look.hair) * 0.9, _brows(x, y, look) * front * (0.72 + 0.28 * strands))
    _mix(colour, np.array([0.008, 0.006, 0.005]), 0.9 * _lashes(x, y) * front)
    hair = hair_mask(theta, points, look)
    _mix(colour, np.array(look.hair) * (0.75 + 0.5 * strands[..., None]), hair)
    _mix(colour, np.array(look.cloth) * (1 + 0.06 * mottle[..., None]), _step((np.radians(-104) - s) / 0.03))
    return np.clip(colour, 0.0, 1.0).astype(np.float32)


def _mix(colour: np.ndarray, other: np.ndarray, share: np.ndarray) -> None:
    colour += (other - colour) * share[..., None]


def _step(x: np.ndarray) -> np.ndarray:
    u = np.clip(x + 0.5, 0.0, 1.0)
    return u * u * (3 - 2 * u)


def _octaves(noise: np.ndarray, sigmas: tuple[float, ...]) -> np.ndarray:
    """Blurred noise of several scales, summed, unit variance; seamless around the head."""
    total = np.zeros_like(noise)
    for sigma in sigmas:
        layer = gaussian_filter(noise, sigma, mode=("nearest", "wrap"))
        total += layer / layer.std()
    return total / total.std()


def _strands(noise: np.ndarray) -> np.ndarray:
    """Vertical streaks in [0, 1]."""
    streaks = gaussian_filter(noise, (7.0, 0.7), mode=("nearest", "wrap"))
    return np.clip(0.5 + 0.35 * streaks / streaks.std(), 0, 1)


def _blush(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    cheeks = np.exp(-(((np.abs(x) - 0.043) / 0.020) ** 2) - ((y + 0.004) / 0.020) ** 2)
    nose = np.exp(-((x / 0.013) ** 2) - ((y - 0.002) / 0.014) ** 2)
    return np.clip(cheeks + 0.8 * nose, 0, 1)


def _nostrils(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    slant = y + 0.0088 - 0.25 * (np.abs(x) - 0.0068)
    return np.exp(-(((np.abs(x) - 0.0068) / 0.0030) ** 2) - (slant / 0.0013) ** 2)


def _eye_socket(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    ex, ey = np.abs(x) - features.EYE_CENTRE[0], y - features.EYE_CENTRE[1]
    return np.exp(-((ex / 0.020) ** 2) - (ey / 0.011) ** 2)


def _lips(theta: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(contact line, vermilion) shares."""
    t, d = features.mouth_coordinates(theta, s)
    room = np.sqrt(np.clip(1 - t**2, 0, 1))
    bow = (5.6 - 0.7 * np.exp(-((t / 0.16) ** 2)) - 0.6 * t**2) * room
    under = (4.2 - 0.7 * t**2) * room
    inside = _step((bow - d) / 0.7) * _step((d + under) / 0.7) * (np.abs(t) < 1) * (np.abs(d) < 8)
    line = np.exp(-((d / 0.35) ** 2)) * (np.abs(t) < 1.02)
    return line, inside


def _brows(x: np.ndarray, y: np.ndarray, look: Look) -> np.ndarray:
    u = (np.abs(x) - 0.011) / 0.041
    middle = 0.0535 + 0.0048 * np.sin(np.pi * np.clip(u, 0, 1) ** 1.15 * 0.80)
    half = 0.0041 * look.brow * (1 - 0.65 * np.clip(u, 0, 1) ** 2)
    across = np.exp(-(np.abs((y - middle) / half) ** 2.5))
    return across * _step(u / 0.16) * _step((1 - u) / 0.16)


def _lashes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    ex, ey = np.abs(x) - features.EYE_CENTRE[0], y - features.EYE_CENTRE[1]
    upper, lower = features.lid_curves(ex)
    within = _step((0.0135 - np.abs(ex)) / 0.002)
    over = np.exp(-(((ey - upper - 0.0002) / 0.0010) ** 2))
    under = 0.35 * np.exp(-(((ey - lower + 0.0002) / 0.0007) ** 2))
    crease = 0.25 * np.exp(-(((ey - upper - 0.0042) / 0.0007) ** 2))
    return within * np.clip(over + under + crease, 0, 1)
