"""Paints the parts that are no skin: eyes, strands of hair, clothes, teeth; textures and plain colours only."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter

from talkie.render.costume import texels
from talkie.render.look import Colour, Look
from talkie.render.paint_tools import mix, step

EYE_TEXELS = 256
PUPIL_SHARE = 0.36
"""Of the iris's radius, in a lit room."""
TOOTH: Colour = (0.60, 0.55, 0.46)
GUM: Colour = (0.40, 0.15, 0.14)
TONGUE: Colour = (0.42, 0.15, 0.14)
BAG: Colour = (0.20, 0.06, 0.055)


def eye_texture(look: Look, iris_sine: float) -> np.ndarray:
    """(256, 256, 7) texels of an eyeball seen along its gaze; iris_sine: radius of the iris over the eyeball's.

    Pupil, collarette, fibres, the dark ring of the limbus (which also blends into the white), veins towards the rim.
    Channel 4 is how strongly the surface mirrors the sky."""
    rng = np.random.default_rng((look.seed, 0xE7E))
    axis = (np.arange(EYE_TEXELS) + 0.5) / EYE_TEXELS * 2 - 1
    x, y = np.meshgrid(axis, -axis)
    radius, around = np.hypot(x, y), np.arctan2(y, x)
    r = radius / iris_sine
    veins = gaussian_filter(rng.normal(size=x.shape), 1.6)
    veins = np.clip(1 - np.abs(veins / veins.std()) * 5, 0, 1) * np.clip((radius - 0.60) / 0.35, 0, 1)
    colour = np.empty((*x.shape, 3), np.float32)
    colour[:] = (0.63, 0.60, 0.57)
    mix(colour, np.array([0.60, 0.42, 0.38]), 0.5 * np.clip((radius - 0.55) / 0.4, 0, 1))
    mix(colour, np.array([0.55, 0.20, 0.17]), 0.4 * veins)
    colour = _iris(colour, look, r, around, rng)
    gloss = np.where(r < 1.1, 1.0, 0.6)
    return texels(colour, 1.0, gloss)


def _iris(colour: np.ndarray, look: Look, r: np.ndarray, around: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    phase = rng.uniform(0, 2 * np.pi, 4)
    fibres = (
        0.5 * np.sin(47 * around + 2.5 * np.sin(9 * around + phase[0]) + 4 * r + phase[1])
        + 0.3 * np.sin(83 * around + phase[2] + 3 * r)
        + 0.3 * np.sin(23 * around + phase[3] - 6 * r)
    )
    t = np.clip((r - PUPIL_SHARE) / (1 - PUPIL_SHARE), 0, 1)
    iris = np.array(look.iris) * (0.85 + 0.75 * t + 0.28 * fibres * (0.4 + t))[..., None]
    iris = iris.astype(np.float32)
    collarette = np.exp(-(((t - 0.25) / 0.13) ** 2)) * (0.6 + 0.4 * fibres)
    mix(iris, np.array(look.iris) * np.array([1.9, 1.35, 0.8]) + 0.01, 0.40 * collarette)
    mix(iris, np.array(look.iris) * 0.10, step((t - 0.84) / 0.34))
    mix(colour, iris, step((1.02 - r) / 0.16))
    mix(colour, np.array([0.003, 0.003, 0.003]), step((PUPIL_SHARE - r) / 0.10))
    return np.clip(colour, 0.002, 1)


@lru_cache(maxsize=8)
def _strands(ragged: float, curls: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(tone, alpha, shift) sheets (128, 256): strands run down; `ragged`: how early tips thin out."""
    rng = np.random.default_rng(0x57A2)
    noise = rng.normal(size=(128, 256))
    if curls:
        tone = gaussian_filter(noise, 1.6, mode="wrap")
        lumps = gaussian_filter(rng.normal(size=(128, 256)), 3.2, mode="wrap")
        return _norm(tone), _norm(lumps), np.clip(0.5 + 0.25 * _norm(lumps), 0, 1)
    tone = 0.6 * _norm(gaussian_filter(noise, (26.0, 0.55), mode="wrap")) + 0.55 * _norm(
        gaussian_filter(noise, (26.0, 2.4), mode="wrap")
    )
    gaps = _norm(gaussian_filter(rng.normal(size=(128, 256)), (40.0, 0.9), mode="wrap"))
    shift = np.clip(0.5 + 0.22 * _norm(gaussian_filter(noise, (9.0, 1.2), mode="wrap")), 0, 1)
    return tone, gaps, shift


def _norm(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / x.std()


def strand_texture(look: Look, cutout: bool, curls: bool) -> np.ndarray:
    """(128, 256, 7) texels of hair: roots a little darker, tips a little lighter; channel 4 shifts the highlight.

    With `cutout`, alpha opens between strands towards the tip, or in lumps for curls."""
    tone, gaps, shift = _strands(1.0, curls)
    v = (np.arange(128)[:, None] + 0.5) / 128
    light = np.exp(0.34 * tone) * ((0.72 + 0.40 * v) if cutout and not curls else 0.9)
    colour = (np.array(look.hair) * light[..., None]).astype(np.float32)
    mix(colour, np.array(look.hair) * np.array([1.35, 1.15, 0.95]), 0.25 * np.clip(tone, 0, 1))
    alpha: np.ndarray | float = 1.0
    if cutout:
        edge = 0.5 + 0.55 * gaps if curls else 1.55 - 2.1 * np.clip(v - 0.35, 0, 1) + 0.50 * gaps
        alpha = np.clip(edge, 0, 1) * np.ones_like(tone)
    return texels(np.clip(colour, 0.001, 1), alpha, shift)


def cloth_texture(look: Look, width: int = 512, height: int = 192) -> np.ndarray:
    """(height, width, 7) texels of woven cloth: u round the shoulders, v down."""
    rng = np.random.default_rng((look.seed, 0xC107))
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    weave = 0.05 * np.sin(x * 1.6) * np.sin(y * 1.6) + 0.03 * rng.normal(size=x.shape)
    folds = gaussian_filter(rng.normal(size=x.shape), (30, 7), mode="wrap")
    folds = folds / folds.std()
    tone = 1 + weave + 0.05 * folds
    if rng.random() < 0.3:
        band = (y // int(rng.integers(6, 14))) % 2
        tone = tone * np.where(band, 0.72, 1.08)
    return texels(np.clip(np.array(look.cloth) * tone[..., None], 0.003, 1), 1.0, 0.3, 3.0 * gaussian_filter(folds, 1))
