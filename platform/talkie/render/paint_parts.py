"""Paints the parts that are no skin: eyes, strands of hair, clothes, teeth; textures and plain colours only."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter

from talkie.heads.builtin.strands import HEM, LANES, SHELL
from talkie.render.costume import texels
from talkie.render.look import Colour, Look
from talkie.render.paint_tools import mix, step

EYE_TEXELS = 256
PUPIL_SHARE = 0.36
"""Of the iris's radius, in a lit room."""
TOOTH: Colour = (0.84, 0.77, 0.65)
GUM: Colour = (0.46, 0.18, 0.17)
TONGUE: Colour = (0.52, 0.20, 0.19)
BAG: Colour = (0.34, 0.105, 0.095)


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
def _strands(kind: int, curls: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(tone, alpha, shift) sheets (128, 256) of a kind of hair surface: strands run down the sheet."""
    rng = np.random.default_rng((0x57A2, kind))
    noise = rng.normal(size=(128, 256))
    if curls and kind == SHELL:
        tone = _norm(gaussian_filter(noise, (1.2, 1.7), mode="wrap"))
        return tone, np.ones_like(tone), np.clip(0.5 + 0.25 * tone, 0, 1)
    along = 26.0 if kind != HEM else 40.0
    tone = 0.6 * _norm(gaussian_filter(noise, (along, 0.55), mode="wrap")) + 0.55 * _norm(
        gaussian_filter(noise, (along, 2.4), mode="wrap")
    )
    shift = np.clip(0.5 + 0.22 * _norm(gaussian_filter(noise, (9.0, 1.2), mode="wrap")), 0, 1)
    if kind == SHELL:
        return tone, np.ones_like(tone), shift
    v = (np.arange(128)[:, None] + 0.5) / 128
    gaps = _norm(gaussian_filter(rng.normal(size=(128, 256)), (40.0, 0.7), mode="wrap"))
    if kind == HEM:
        return tone, np.clip(0.5 + 1.4 * (0.66 - v + 0.28 * gaps), 0, 1), shift
    # A tuft: full near the root, its sides ragged, its strands drawn together and thinned out towards the tip.
    x = np.abs(((np.arange(256)[None] + 0.5) / 256 * LANES) % 1 * 2 - 1)
    reach = np.interp(v, (0, 0.08, 0.5, 0.8, 1), (0.55, 0.95, 0.90, 0.66, 0.12))
    thin = np.interp(v, (0, 0.1, 0.55, 1), (0.15, 0.7, 0.55, -0.35))
    return tone, np.clip(0.5 + np.minimum(1.5 * (reach - x) + 0.22 * gaps, thin + 0.42 * gaps), 0, 1), shift


def _norm(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / x.std()


def strand_texture(look: Look, kind: int, curls: bool) -> np.ndarray:
    """(128, 256, 7) texels of hair of a kind: SHELL, CARD or HEM; roots a little darker, tips a little lighter, holes
    in alpha; channel 4 shifts the highlight."""
    tone, alpha, shift = _strands(kind, curls)
    v = (np.arange(128)[:, None] + 0.5) / 128
    light = np.exp(0.28 * tone) * {SHELL: 0.85, HEM: 0.85}.get(kind, 0.70 + 0.42 * v)
    colour = (np.array(look.hair) * light[..., None]).astype(np.float32)
    mix(colour, np.array(look.hair) * np.array([1.35, 1.15, 0.95]), 0.25 * np.clip(tone, 0, 1))
    return texels(np.clip(colour, 0.001, 1), alpha, shift)


def cloth_texture(look: Look, width: int = 512, height: int = 192) -> np.ndarray:
    """(height, width, 7) texels of woven cloth: u round the shoulders, v down."""
    rng = np.random.default_rng((look.seed, 0xC107))
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    weave = 0.05 * np.sin(x * 1.6) * np.sin(y * 1.6) + 0.03 * rng.normal(size=x.shape)
    folds = gaussian_filter(rng.normal(size=x.shape), (22, 16), mode="wrap")
    folds = folds / folds.std()
    tone = 1 + weave + 0.04 * folds
    if rng.random() < 0.3:
        band = (y // int(rng.integers(6, 14))) % 2
        tone = tone * np.where(band, 0.72, 1.08)
    return texels(np.clip(np.array(look.cloth) * tone[..., None], 0.003, 1), 1.0, 0.3, 4.0 * folds)
