"""How a mouth moves, from 478 landmarks: a handful of distances free of head pose. What sound predicts is elsewhere."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

MOTIONS = ("gap", "opening", "width", "inner_width", "jaw", "upper_lip")
"""Gap between the inner lips, opening of the outer ones, width between the lips' corners, outer and inner, nose tip to
chin, nose tip to upper lip."""

_GAP = ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402))
_PAIRS = ((0, 17), (61, 291), (78, 308), (4, 152), (4, 0))
_EYE_CORNERS = (33, 263)
_SMOOTH = 5
"""Frames over which the unit is averaged: the distance of head and camera changes slowly, the detector's noise fast."""


def mouth_motion(landmarks: np.ndarray) -> np.ndarray:
    """(T, 478, 3) in any pixels, z alike -> (T, len(MOTIONS)) float64, in distances of the eyes' outer corners.

    Distances in space and not in the picture: a turning head then changes little of them."""
    points = np.asarray(landmarks, np.float64)
    unit = np.maximum(uniform_filter1d(_apart(points, *_EYE_CORNERS), _SMOOTH, mode="nearest"), 1e-6)
    gap = np.mean([_apart(points, a, b) for a, b in _GAP], axis=0)
    return np.stack([gap, *(_apart(points, a, b) for a, b in _PAIRS)], axis=1) / unit[:, None]


def _apart(points: np.ndarray, a: int, b: int) -> np.ndarray:
    return np.asarray(np.linalg.norm(points[:, a] - points[:, b], axis=-1))
