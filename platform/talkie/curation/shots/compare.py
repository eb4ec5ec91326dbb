"""Whether two small pictures show one scene: after a change of light, after a move of the camera, during a flash.

Pictures are (3, h, w) float32, 0 to 255. When these are asked is decided in `cuts` and `gradual`."""

from __future__ import annotations

import cv2
import numpy as np

FLAT = 4.0
"""Standard deviation of the lightness, in levels of 255, under which a picture shows nothing."""

VISIBLE = 6.0
"""Levels of 255 by which a pixel must change to count."""

_BLACK, _WHITE = 4.0, 246.0
"""Levels beyond which a channel counts as clipped."""

_SQUARE = np.ones((3, 3), np.uint8)

_MOVED = 0.93
_MOVED_GAIN = 0.04

_CORNER = 11, 14
"""Rows and columns of the corners of a picture that a pan carries along."""

_SLOPE = np.array([[-0.5, 0.0, 0.5]], np.float32)
_BLOCK = 5, 5
_TEXTURED = 20.0
"""Of the sum of squared slopes over a block, in levels of 255 a pixel: under it a block shows too little to move."""


def contrast(picture: np.ndarray) -> float:
    """Standard deviation of the lightness in levels of 255."""
    return float(cv2.meanStdDev(grey(picture))[1][0, 0])


def grey(picture: np.ndarray) -> np.ndarray:
    """The mean of the channels: (3, h, w) -> (h, w)."""
    return np.asarray((picture[0] + picture[1] + picture[2]) / np.float32(3))


def relit(before: np.ndarray, after: np.ndarray, *, restless: float = 0.15, loose: bool = False) -> bool:
    """Whether one tone curve per channel turns `before` into `after`: more or less light, exposure, a flash that
    saturates. The curve is a cubic with clipped ends; where it is none, it leaves something to be seen in most
    pixels that changed.

    restless: the share of them that may move meanwhile: little between neighbours, more in a second. loose: edges may
    have moved by a pixel."""
    change = np.abs(after - before).max(axis=0) > VISIBLE
    if not change.any():
        return True
    if contrast(before) < FLAT or contrast(after) < FLAT:
        return False
    # In a dark picture less is to be seen of anybody.
    visible = min(VISIBLE, 0.3 * contrast(after))
    left = np.zeros(change.shape, bool)
    for x, y in zip(before / 255.0, after, strict=True):
        inside = (y > _BLACK) & (y < _WHITE)  # beyond, the sensor clips: no smooth curve bends there
        if inside.mean() < 0.1:
            left |= ~_clipped_alike(x, y)
            continue
        curve = _tone_curve(x.ravel(), y.ravel(), inside.ravel()).reshape(x.shape)
        guess = np.clip(curve, 0, 255).astype(np.float32)
        low, high = (cv2.erode(guess, _SQUARE), cv2.dilate(guess, _SQUARE)) if loose else (guess, guess)
        left |= inside & ((y < low - visible) | (y > high + visible))
        left |= ~inside & ~_clipped_alike(x, y)
    same_sense = np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.5
    return bool(same_sense and left.sum() < restless * change.sum())


def _tone_curve(x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The cubic of x (N,) in [0, 1] that is nearest to y where `inside`: its values (N,). By normal equations, in
    double precision: a tenth of the time of a decomposition of all rows."""
    x = x.astype(np.float64)
    powers = np.stack([np.ones_like(x), x, x * x, x * x * x])
    counted = powers * inside
    found = np.linalg.lstsq(counted @ powers.T, counted @ y.astype(np.float64), rcond=None)[0]
    return np.asarray(found @ powers)


def _clipped_alike(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where a clipped pixel of `y` was among the brightest, or darkest, of `x` (0 to 1), as many as are clipped."""
    margin, alike = VISIBLE / 255, np.ones(y.shape, bool)
    white, black = y >= _WHITE, y <= _BLACK
    if white.any():
        alike &= ~white | (x > np.quantile(x, 1 - white.mean()) - margin)
    if black.any():
        alike &= ~black | (x < np.quantile(x, black.mean()) + margin)
    return alike


def moved(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether `after` is `before` shifted by up to a fifth of the picture: shake, a jolt, a fast pan.

    The middle of `before` is looked for in `after` by normalised cross-correlation; it must be found elsewhere than at
    its own place, and clearly better than there."""
    here, other = grey(before), grey(after)
    height, width = here.shape
    top, left = height // 5, width // 5
    middle = here[top : height - top, left : width - left]
    if middle.std() < FLAT:
        return False
    scores = cv2.matchTemplate(other, np.ascontiguousarray(middle), cv2.TM_CCOEFF_NORMED)
    return bool(scores.max() > _MOVED and scores.max() > scores[top, left] + _MOVED_GAIN)


def panned(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two corners of `before` are found in `after` at one shift, as behind somebody who fills the middle and
    stays there. One by one a corner may find its like by chance, or where a front passes."""
    here, other = grey(before), grey(after)
    height, width = here.shape
    rows, columns = _CORNER
    shifts: list[tuple[int, int]] = []
    for top, left in ((0, 0), (0, width - columns), (height - rows, 0), (height - rows, width - columns)):
        corner = np.ascontiguousarray(here[top : top + rows, left : left + columns])
        if corner.std() < FLAT:
            continue
        scores = cv2.matchTemplate(other, corner, cv2.TM_CCOEFF_NORMED)
        _, best, _, (x, y) = cv2.minMaxLoc(scores)
        if best > _MOVED and best > scores[top, left] + _MOVED_GAIN:
            shifts.append((x - left, y - top))
    return any(max(abs(x - u), abs(y - v)) <= 1 for k, (x, y) in enumerate(shifts) for u, v in shifts[:k])


def displaced(before: np.ndarray, after: np.ndarray) -> float:
    """The share of the squared change of lightness that small shifts account for, each block by one of its own: near 1
    where the camera or what it sees moves, under a half where one picture turns into another, because what appears
    has nothing to do with the slopes of what goes.

    One step of Lucas and Kanade (An iterative image registration technique, IJCAI 1981), on pictures smoothed alike;
    it follows shifts of up to about a pixel."""
    a, b = (cv2.GaussianBlur(grey(picture), (3, 3), 0) for picture in (before, after))
    middle, change = (a + b) / 2, b - a
    x, y = cv2.filter2D(middle, -1, _SLOPE), cv2.filter2D(middle, -1, _SLOPE.T)
    products = (x * x, x * y, y * y, x * change, y * change, change * change)
    xx, xy, yy, xc, yc, cc = (cv2.boxFilter(product, -1, _BLOCK, normalize=False) for product in products)
    xx, yy = xx + _TEXTURED, yy + _TEXTURED
    # The least that is left of cc + 2 (u xc + v yc) + ... over the shifts (u, v) of a block.
    shifted = (yy * xc * xc - 2 * xy * xc * yc + xx * yc * yc) / (xx * yy - xy * xy)
    return float(shifted.sum() / max(float(cc.sum()), 1e-6))


def distance(before: np.ndarray, after: np.ndarray) -> float:
    """Mean absolute difference in levels of 255."""
    return float(np.abs(after - before).mean())


def blinded(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether `after` may be `before` in a flash or blanked: nearly every pixel went the same way, and what is left of
    the picture is the same one, or much of it is burnt out, or there is nothing left."""
    change = grey(after - before)
    if max((change > -3).mean(), (change < 3).mean()) < 0.95:
        return False
    if contrast(after) < FLAT:
        return True
    burnt = (grey(after) > 240).mean()
    alike = np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.4
    return bool(burnt > 0.75 or (burnt > 0.4 and alike) or relit(before, after, restless=0.25))
