"""Semantic regions for any head with MediaPipe's landmarks: taken over from the built-in head, warped onto it."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.spatial import cKDTree

from talkie.heads.builtin import builtin_head
from talkie.heads.embedding import IRIS, warp

OUTER = ("skin", "left_ear", "right_ear")
"""Parts of the built-in head whose regions are taken over."""


@cache
def _source() -> tuple[np.ndarray, np.ndarray]:
    """The built-in mean head's vertices (V, 3) and its 478 landmarks."""
    head = builtin_head()
    rest = head.vertices()
    return rest[0].double().numpy(), head.landmarks(rest)[0].double().numpy()


def transferred_regions(points: np.ndarray, landmarks: np.ndarray, skin: np.ndarray) -> dict[str, np.ndarray]:
    """Sorted vertex indices by the built-in head's region names, for a head at its mean and rest.

    points: (V, 3) metres; landmarks: (478, 3) on it; skin: (V,) bool, the outer skin. Each skin vertex takes the
    regions of the nearest vertex of the built-in head's outer skin, warped by a thin-plate spline through every
    third landmark; borders are therefore good to the spacing of the built-in head's vertices there (2-5 mm)."""
    head = builtin_head()
    ours, ours_landmarks = _source()
    outer = np.flatnonzero(np.isin(head.part, [head.part_names.index(n) for n in OUTER if n in head.part_names]))
    guides = np.arange(0, min(IRIS["right_eyeball"]), 3)
    moved = warp(ours_landmarks[guides], landmarks[guides])(ours[outer])
    index = np.flatnonzero(skin)
    nearest = outer[cKDTree(moved).query(points[index])[1]]
    regions = {}
    for name, members in head.regions.items():
        chosen = index[np.isin(nearest, members)]
        if len(chosen):
            regions[name] = chosen.astype(np.int64)
    return regions | {"skin": index.astype(np.int64)}
