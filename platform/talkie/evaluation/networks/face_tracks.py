"""The crop in which SyncNet's demo sees a face track of a whole video; clips that are face crops already (LRS) go into
SyncNet whole. Finding the boxes is the caller's business (the demo uses S3FD)."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.signal import medfilt

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array

SIDE, WIDER, TAPS, GREY = 224, 0.4, 13, 110
"""Pixels of the crop; share of the half box added to the sides and, twice, below; frames of the median that smooths the
boxes; value beyond the frame (syncnet_python's run_pipeline)."""
LEAST_FRAMES, LEAST_FACE_PX = 100, 100
"""Tracks that are shorter, or whose mean face is smaller, do not count there."""


def track_crops(frames: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(T, 224, 224, 3) uint8 of frames (T, H, W, 3) uint8 and boxes (T, 4) px: left, top, right, bottom. With b half of
    the box's longer side: from b above its middle to 1.8 b below, 1.4 b to either side.

    Raises BadInput for unlike numbers of frames and boxes, or tracks that the demo would not count."""
    places = array(boxes, "boxes", (len(frames), 4))
    sizes = places[:, 2:] - places[:, :2]
    if len(frames) < LEAST_FRAMES or sizes.mean() < LEAST_FACE_PX:
        raise BadInput(
            f"{len(frames)} frames of a face of {sizes.mean():.0f} px",
            where="boxes",
            cure=f"give tracks of {LEAST_FRAMES} frames and {LEAST_FACE_PX} px or more",
        )
    half, x, y = (medfilt(v, TAPS) for v in (sizes.max(1) / 2, places[:, [0, 2]].mean(1), places[:, [1, 3]].mean(1)))
    return np.stack([_crop(frame, *place) for frame, *place in zip(frames, half, x, y, strict=True)])


def _crop(frame: np.ndarray, half: float, x: float, y: float) -> np.ndarray:
    edge = int(half * (1 + 2 * WIDER))
    padded = np.pad(frame, ((edge, edge), (edge, edge), (0, 0)), constant_values=GREY)
    x, y = x + edge, y + edge
    top, bottom = int(y - half), int(y + half * (1 + 2 * WIDER))
    left, right = int(x - half * (1 + WIDER)), int(x + half * (1 + WIDER))
    return np.asarray(cv2.resize(padded[top:bottom, left:right], (SIDE, SIDE)))
