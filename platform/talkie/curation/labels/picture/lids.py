"""How far the eyes are shut, and where that is a blink, from lid landmarks alone; where eyes look is in `gaze`."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import percentile_filter

from talkie.clip import FPS
from talkie.heads.units import BLINK_S

# MediaPipe's points, the person's own sides, left first: upper and lower lid in three places; outer and inner corner.
_UPPER = np.array([[385, 386, 387], [158, 159, 160]])
_LOWER = np.array([[380, 374, 373], [153, 145, 144]])
_CORNERS = np.array([[263, 362], [33, 133]])

_OPEN_PERCENTILE = 80
_WINDOW_S = 2.4
"""Lids follow the line of sight: what counts as open is looked for this near in time."""
_LEAST_OPEN = 0.6
"""Share of the clip's open eye that no window's falls below, so that eyes kept shut do not pass for open ones."""
_SHUT = 0.22
"""Openness of a shut eye as a share of the open one's: the mesh network never lets the lids meet."""
_ON, _OFF = 0.5, 0.15
"""Closure at which a blink is sure, and the one around it to which it reaches."""


def openness(landmarks: np.ndarray) -> np.ndarray:
    """Eye aspect ratio (T, 2), left first, of landmarks (T, 478, 2 or 3): mean height of the opening at three places
    over its width (Soukupova and Cech, Real-time eye blink detection using facial landmarks, 2016)."""
    points = np.asarray(landmarks, np.float64)[..., :2]
    height = np.linalg.norm(points[:, _UPPER] - points[:, _LOWER], axis=-1).mean(-1)
    width = np.linalg.norm(points[:, _CORNERS[:, 0]] - points[:, _CORNERS[:, 1]], axis=-1)
    return np.asarray(height / np.maximum(width, 1e-6))


def closure(openings: np.ndarray, local: bool = True) -> np.ndarray:
    """(T, E) openness -> (T, E) share of the way from the eye's open state to shut, in [0, 1].

    `local`: open is what the eye is within a second or so, so that lids that follow a lowered gaze do not count;
    otherwise what it is in most of the clip."""
    wide = np.percentile(openings, _OPEN_PERCENTILE, axis=0)
    if local:
        window = min(2 * int(_WINDOW_S * FPS / 2) + 1, 2 * len(openings) - 1)
        near = [percentile_filter(c, _OPEN_PERCENTILE, size=window, mode="nearest") for c in openings.T]
        wide = np.maximum(np.stack(near, 1), _LEAST_OPEN * wide)
    return np.clip((wide - openings) / np.maximum((1 - _SHUT) * wide, 1e-9), 0, 1)


def blinks(shut: np.ndarray) -> np.ndarray:
    """(T,) bool while a blink lasts, of closures (T,): from where they leave _OFF to where they come back, if they
    pass _ON in between for at most BLINK_S (longer ones are closed eyes)."""
    moving = shut > _OFF
    edges = np.flatnonzero(np.diff(np.concatenate([[False], moving, [False]]).astype(int)))
    out = np.zeros(len(shut), bool)
    for start, end in edges.reshape(-1, 2):
        sure = (shut[start:end] > _ON).sum()
        out[start:end] = 0 < sure <= BLINK_S * FPS
    return out
