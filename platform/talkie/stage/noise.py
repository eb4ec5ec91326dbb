"""Smooth random curves that slow movements are made of; what they move is decided elsewhere."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from talkie.clip import FPS


def smooth_noise(frames: int, channels: int, scale_s: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian-filtered white noise (frames, channels) of unit variance, correlated over about `scale_s` seconds."""
    sigma = scale_s * FPS / 2
    pad = int(4 * sigma)
    noise = gaussian_filter1d(rng.normal(size=(frames + 2 * pad, channels)), sigma, axis=0, mode="wrap")
    # The filter shrinks the variance of white noise by 1 / (2 sigma sqrt(pi)).
    return noise[pad : pad + frames] * np.sqrt(2 * sigma * np.sqrt(np.pi))


def ease(x: np.ndarray | float) -> np.ndarray:
    """Minimum-jerk step of x clipped to [0, 1]: 10 x^3 - 15 x^4 + 6 x^5 (Flash & Hogan 1985)."""
    x = np.clip(x, 0.0, 1.0)
    return x**3 * (10 - 15 * x + 6 * x * x)
