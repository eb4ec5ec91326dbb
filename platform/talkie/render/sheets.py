"""All textures of a scene in one table, each with its mipmaps; what is painted on them is in the paint_* files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from talkie.render.costume import Costume, Material

_LEVELS = 8


@dataclass(frozen=True, eq=False)
class Sheets:
    """texels: (n, CHANNELS) float32 of all textures and their mipmaps; place: (F, 3) first texel, height and width of
    a face's texture; levels: (M, 8, 3) the same of a material's mipmaps, finest first (the coarsest stands for those
    it lacks); sheet: (F,) the face's material; kind: (M,); finish: (M, 3) gloss, exponent and bump; grain: (F,) texels
    that the face covers; cutout: (F,); solid: (n,) whether a texel is opaque."""

    texels: np.ndarray
    place: np.ndarray
    levels: np.ndarray
    sheet: np.ndarray
    kind: np.ndarray
    finish: np.ndarray
    grain: np.ndarray
    cutout: np.ndarray
    solid: np.ndarray


def gather(costumes: Sequence[Costume], paint: np.ndarray) -> Sheets:
    """The sheets of costumes one after another; paint (F, 3, 2): the texture coordinates of all their faces."""
    materials = [m for c in costumes for m in c.materials]
    first = np.cumsum([0] + [len(c.materials) for c in costumes])
    sheet = np.concatenate([np.asarray(c.material, np.int64) + o for c, o in zip(costumes, first, strict=False)])
    pieces: list[np.ndarray] = []
    levels = np.empty((len(materials), _LEVELS, 3), np.int64)
    start = 0
    for row, material in enumerate(materials):
        for level, texture in enumerate(_pyramid(material)):
            height, width = texture.shape[:2]
            levels[row, level:] = start, height, width
            pieces.append(texture.reshape(-1, texture.shape[2]))
            start += height * width
    place = np.ascontiguousarray(levels[sheet, 0])
    u, v = paint[..., 0] * place[:, 2:], paint[..., 1] * place[:, 1:2]
    doubled = (u[:, 1] - u[:, 0]) * (v[:, 2] - v[:, 0]) - (u[:, 2] - u[:, 0]) * (v[:, 1] - v[:, 0])
    texels = np.concatenate(pieces)
    return Sheets(
        texels=texels,
        place=place,
        levels=levels,
        sheet=sheet,
        kind=np.array([m.kind for m in materials], np.int64),
        finish=np.array([(m.gloss, m.exponent, m.bump) for m in materials], np.float32),
        grain=(np.abs(doubled) / 2).astype(np.float32),
        cutout=np.array([m.cutout for m in materials])[sheet],
        solid=texels[:, 3] >= 0.5,
    )


def _pyramid(material: Material) -> list[np.ndarray]:
    """A texture and its halves, each the mean of two by two texels, as long as both sides are even."""
    levels = [np.asarray(material.texture, np.float32)]
    while len(levels) < _LEVELS and min(levels[-1].shape[:2]) > 4 and not any(n % 2 for n in levels[-1].shape[:2]):
        t = levels[-1]
        levels.append(0.25 * ((t[::2, ::2] + t[1::2, ::2]) + (t[::2, 1::2] + t[1::2, 1::2])))
    return levels
