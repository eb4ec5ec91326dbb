"""Sharpness without a truth: the cumulative probability of blur detection. Naturalness is in niqe.py."""

from __future__ import annotations

import cv2
import numpy as np

from talkie.evaluation.metrics.checks import pictures
from talkie.evaluation.metrics.image import IMAGE_TASKS
from talkie.evaluation.metrics.registry import metric

BLOCK, EDGE_SHARE = 64, 0.002
BETA, JNB_PROBABILITY = 3.6, 0.63
CONTRAST, WIDE_PX, NARROW_PX = 50, 5.0, 3.0
"""Blocks of 64 px count from 0.2 % edge pixels on; a blur of the just noticeable width (5 px up to a contrast of 50 of
255, 3 px above it) is seen with a probability of 63 % (Narvekar & Karam 2011; Ferzli & Karam 2009)."""
REACH_PX = 101
"""Furthest that an edge is followed to either side, as in the authors' code."""
_STRONG = 4.0
"""Squared Sobel answers above four times their mean are edges: MATLAB's choice, which the authors' code relies on."""


@metric(
    "cpbd",
    "Share of edges whose blur is not noticeable",
    unit="1",
    better="higher",
    tasks=IMAGE_TASKS,
    source="Narvekar & Karam 2011; edges by thinned Sobel answers, blocks by Canny at MATLAB's automatic thresholds",
)
def cpbd(frames: np.ndarray) -> np.ndarray:
    """(T,) in [0, 1]; higher is sharper. frames: (T, H, W, 3) RGB or (T, H, W) grey, uint8 or floats in [0, 1].

    Of the widths w of all vertical edges in edge blocks, the share with 1 - exp(-(w / w_jnb)^3.6) <= 0.63 (in steps of
    one percent). 0 for a frame without edges. Figures of other programs differ by a few hundredths, because each finds
    edges its own way: compare those of one program. Raises BadInput as the other metrics of pictures do."""
    moving, peak = pictures(frames, "frames")
    return np.array([_sharpness(_grey(frame, peak)) for frame in moving])


def edge_widths(grey: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(H, W) widths in px of vertical edges, 0 elsewhere (Marziliano et al. 2002): from the pixel at the edge to either
    side as far as the brightness keeps rising or falling. Only gradients within 22.5 degrees of horizontal count."""
    rise_y, rise_x = np.gradient(grey)
    direction = 45 * np.round(np.degrees(np.arctan2(rise_y, rise_x)) / 45)
    up, down = edges & (direction == 0) & (rise_x != 0), edges & (np.abs(direction) == 180)
    edge = np.zeros_like(edges)
    edge[1:-1, 1:-1] = True
    # Steps from each pixel to the next on its right, rising or falling strictly.
    step = np.diff(grey, axis=1)
    widths = np.zeros(grey.shape)
    for chosen, along in ((up & edge, step > 0), (down & edge, step < 0)):
        right, left = _runs(along), _runs(along[:, ::-1])[:, ::-1]
        rows, columns = np.nonzero(chosen)
        # One pixel to the side is always part of the edge; further ones while brightness goes on.
        ahead = np.minimum(right[rows, np.minimum(columns + 1, right.shape[1] - 1)], REACH_PX - 1)
        ahead[columns + 1 >= right.shape[1]] = 0
        behind = np.minimum(left[rows, np.maximum(columns - 2, 0)], REACH_PX - 1)
        behind[columns < 2] = 0
        widths[rows, columns] = ahead + behind + 2
    return widths


def _runs(along: np.ndarray) -> np.ndarray:
    """For each place of (H, W) bool, how many true ones follow from it to the right, itself included."""
    count = np.zeros(along.shape, int)
    running = np.zeros(len(along), int)
    for x in range(along.shape[1] - 1, -1, -1):
        running = np.where(along[:, x], running + 1, 0)
        count[:, x] = running
    return count


def _sharpness(grey: np.ndarray) -> float:
    widths, outlines = edge_widths(grey, _sobel_edges(grey)), _canny(grey)
    chances = []
    for y in range(0, grey.shape[0] // BLOCK * BLOCK, BLOCK):
        for x in range(0, grey.shape[1] // BLOCK * BLOCK, BLOCK):
            place = np.s_[y : y + BLOCK, x : x + BLOCK]
            if np.count_nonzero(outlines[place]) > EDGE_SHARE * BLOCK**2:
                found = widths[place][widths[place] > 0]
                noticeable = WIDE_PX if int(np.ptp(grey[place])) <= CONTRAST else NARROW_PX
                chances.append(1 - np.exp(-((found / noticeable) ** BETA)))
    every = np.concatenate(chances) if chances else np.zeros(0)
    return float((np.round(every, 2) <= JNB_PROBABILITY).mean()) if every.size else 0.0


def _sobel_edges(grey: np.ndarray) -> np.ndarray:
    """(H, W) bool: where the squared horizontal Sobel answer is strong, above that of the right neighbour and not below
    that of the left one. The tie matters: a sharp step answers alike on both its sides."""
    strength = np.square(cv2.Sobel(grey, cv2.CV_64F, 1, 0, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE))
    edges = strength > _STRONG * strength.mean()
    edges[:, 1:] &= strength[:, 1:] >= strength[:, :-1]
    edges[:, :-1] &= strength[:, :-1] > strength[:, 1:]
    return edges


def _canny(grey: np.ndarray) -> np.ndarray:
    """Canny's edges of a lightly blurred picture, upper threshold at the 70th percentile of the gradients, the lower
    one at 40 % of it: MATLAB's choice."""
    smooth = cv2.GaussianBlur(grey, (0, 0), np.sqrt(2))
    dx, dy = (cv2.Sobel(smooth, cv2.CV_64F, i, 1 - i, ksize=3) for i in (1, 0))
    high = float(np.percentile(np.hypot(dx, dy), 70))
    if high <= 0:
        high = 1.0  # mostly flat: whatever differs is an edge
    both = [np.clip(np.round(d), -32768, 32767).astype(np.int16) for d in (dx, dy)]
    return np.asarray(cv2.Canny(both[0], both[1], 0.4 * high, high, L2gradient=True) > 0)


def _grey(frame: np.ndarray, peak: float) -> np.ndarray:
    plane = frame.astype(np.float64) * (255 / peak)
    return np.round(plane @ (0.299, 0.587, 0.114)) if plane.ndim == 3 else plane
