"""Whether two small pictures show one scene: after a change of light, after a move of the camera, during a flash.

Pictures are (3, h, w) float32, 0 to 255. When these are asked is decided in `cuts` and `gradual`."""

from __future__ import annotations

import cv2
import numpy as np

FLAT = 4.0
"""Standard deviation of the lightness, in levels of 255, under which a picture shows nothing."""

VISIBLE = 6.0
"""Levels of 255 by which a pixel must change to count."""

_MOVED = 0.93
_MOVED_GAIN = 0.04


def contrast(picture: np.ndarray) -> float:
    """Standard deviation of the lightness in levels of 255."""
    return float(picture.mean(axis=0).std())


def relit(before: np.ndarray, after: np.ndarray, *, restless: float = 0.15) -> bool:
    """Whether one tone curve per channel turns `before` into `after`: more or less light, exposure, a flash that
    saturates. The curve is a cubic with clipped ends; where it is none, it leaves something to be seen in most
    pixels that changed.

    restless: the share of them that may move meanwhile: little between neighbours, more in a second."""
    change = np.abs(after - before).max(axis=0) > VISIBLE
    if not change.any():
        return True
    if contrast(before) < FLAT or contrast(after) < FLAT:
        return False
    # In a dark picture less is to be seen of anybody.
    visible = min(VISIBLE, 0.3 * contrast(after))
    left = np.zeros(change.size, bool)
    for x, y in zip(before.reshape(3, -1) / 255.0, after.reshape(3, -1), strict=True):
        basis = np.stack([np.ones_like(x), x, x * x, x * x * x], axis=1)
        inside = (y > 4) & (y < 246)  # beyond, the sensor clips: no smooth curve bends there
        if inside.mean() < 0.1:
            continue
        found = np.linalg.lstsq(basis[inside], y[inside], rcond=None)[0]
        left |= np.abs(y - np.clip(basis @ found, 0, 255)) > visible
    same_sense = np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.5
    return bool(same_sense and left.sum() < restless * change.sum())


def moved(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether `after` is `before` shifted by up to a fifth of the picture: shake, a jolt, a fast pan.

    The middle of `before` is looked for in `after` by normalised cross-correlation; it must be found elsewhere than at
    its own place, and clearly better than there."""
    grey, other = before.mean(axis=0), after.mean(axis=0)
    height, width = grey.shape
    top, left = height // 5, width // 5
    middle = grey[top : height - top, left : width - left]
    if middle.std() < FLAT:
        return False
    scores = cv2.matchTemplate(other, np.ascontiguousarray(middle), cv2.TM_CCOEFF_NORMED)
    return bool(scores.max() > _MOVED and scores.max() > scores[top, left] + _MOVED_GAIN)


def distance(before: np.ndarray, after: np.ndarray) -> float:
    """Mean absolute difference in levels of 255."""
    return float(np.abs(after - before).mean())


def blinded(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether `after` may be `before` in a flash or blanked: nearly every pixel went the same way, and what is left of
    the picture is the same one, or much of it is burnt out, or there is nothing left."""
    change = (after - before).mean(axis=0)
    if max((change > -3).mean(), (change < 3).mean()) < 0.95:
        return False
    if contrast(after) < FLAT:
        return True
    burnt = (after.mean(axis=0) > 240).mean()
    alike = np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.4
    return bool(burnt > 0.75 or (burnt > 0.4 and alike) or relit(before, after, restless=0.25))
