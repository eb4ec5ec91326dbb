"""Small brushes of the painters: blends, smooth steps, blotches and noise; what is painted is elsewhere."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from scipy.ndimage import gaussian_filter

_HEIGHT, _WIDTH = 768, 1024


@njit(cache=True, fastmath=True)
def _mix_plain(colour, r, g, b, share):  # type: ignore[no-untyped-def]
    for i in range(colour.shape[0]):
        for j in range(colour.shape[1]):
            s = share[i, j]
            if s != 0.0:
                colour[i, j, 0] += (r - colour[i, j, 0]) * s
                colour[i, j, 1] += (g - colour[i, j, 1]) * s
                colour[i, j, 2] += (b - colour[i, j, 2]) * s


@njit(cache=True, fastmath=True)
def _mix_sheet(colour, other, share):  # type: ignore[no-untyped-def]
    for i in range(colour.shape[0]):
        for j in range(colour.shape[1]):
            s = share[i, j]
            if s != 0.0:
                for k in range(3):
                    colour[i, j, k] += (other[i, j, k] - colour[i, j, k]) * s


def mix(colour: np.ndarray, other: np.ndarray, share: np.ndarray) -> None:
    """Blend colour (H, W, 3) float32 in place towards `other`, (3,) or (H, W, 3), by share (H, W)."""
    other, share = np.asarray(other, np.float32), np.asarray(share, np.float32)
    if other.ndim == 1:
        _mix_plain(colour, other[0], other[1], other[2], share)
    else:
        _mix_sheet(colour, other, share)


def step(x: np.ndarray) -> np.ndarray:
    """Cubic step from 0 at -1/2 to 1 at 1/2."""
    u = np.clip(x + 0.5, 0.0, 1.0)
    return u * u * (3 - 2 * u)


def blotch(x: np.ndarray, y: np.ndarray, at_x: float, at_y: float, wide: float, high: float) -> np.ndarray:
    """A soft ellipse, 1 at its middle."""
    return np.exp(-(((x - at_x) / wide) ** 2) - ((y - at_y) / high) ** 2)


def noise_layer(sigma: float, rng: np.random.Generator) -> np.ndarray:
    """(768, 1024) float32 noise of unit variance blurred by sigma texels, seamless both ways: one of a few sheets,
    turned and shifted by rng, since blurring a fresh one for every look would take most of the painting's time."""
    sheet = _sheet(round(sigma, 3))
    if rng.random() < 0.5:
        sheet = sheet[:, ::-1]
    return np.roll(sheet, tuple(rng.integers(0, (_HEIGHT, _WIDTH))), axis=(0, 1))


@lru_cache(maxsize=12)
def _sheet(sigma: float) -> np.ndarray:
    noise = np.random.default_rng((round(sigma * 1000), 0x5EE7)).normal(size=(_HEIGHT, _WIDTH)).astype(np.float32)
    blurred = gaussian_filter(noise, sigma, mode="wrap")
    return blurred / blurred.std()


@lru_cache(maxsize=4)
def _streak_sheet(along: float, across: float) -> np.ndarray:
    noise = np.random.default_rng((round(along * 100), round(across * 100))).normal(size=(_HEIGHT, _WIDTH))
    blurred = gaussian_filter(noise.astype(np.float32), (along, across), mode="wrap")
    return blurred / blurred.std()


def streak_layer(along: float, across: float, rng: np.random.Generator) -> np.ndarray:
    """(768, 1024) float32 streaks of unit variance that run down the chart, seamless both ways."""
    return np.roll(_streak_sheet(along, across), tuple(rng.integers(0, (_HEIGHT, _WIDTH))), axis=(0, 1))
