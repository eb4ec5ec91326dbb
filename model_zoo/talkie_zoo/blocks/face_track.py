"""A square around the face in every frame that does not tell how far the mouth is open. One box for a whole clip is in
face_box.py; crops for shards, which follow all landmarks, are `talkie.faces.crop`'s."""

from __future__ import annotations

import numpy as np

from talkie.clip import FPS
from talkie.errors import NoFace
from talkie.faces import Recipe, smooth_boxes

STILL = (33, 133, 263, 362, 168, 6)
"""Corners of the eyes and bridge of the nose in MediaPipe's topology: nothing that is said moves them."""
_SMOOTH = Recipe(smooth_s=0.06)
"""Long enough to quiet a tracker, short enough to follow a head."""


def tracked_boxes(landmarks: np.ndarray, margin: float) -> np.ndarray:
    """(T, 3) float64 x, y and side of a square around the face in each frame: landmarks (T, 478, 2 or 3) in pixels, NaN
    where no face was found; such frames take those of the nearest that has one.

    The side is `margin` times the clip's median face; the middle follows `STILL` at the clip's median distance from it,
    so that a chin which drops does not move the box. Raises NoFace where no frame has a face."""
    places = _filled(landmarks)
    low, high = places.min(1), places.max(1)
    side = margin * np.median((high - low).max(1))
    still = places[:, STILL].mean(1)
    centre = still + np.median((low + high) / 2 - still, axis=0)
    boxes = np.concatenate([centre - side / 2, np.full((len(places), 1), side)], 1)
    return smooth_boxes(boxes, _SMOOTH, FPS)


def following(box: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(T, 3) the box (3,) of the first frame, taken along by `STILL`: landmarks (T, 478, 2 or 3) in pixels, finite."""
    still = np.asarray(landmarks, np.float64)[:, STILL, :2].mean(1)
    boxes = box + np.pad(still - still[0], ((0, 0), (0, 1)))
    return smooth_boxes(boxes, _SMOOTH, FPS)


def still_points(landmarks: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(T, 6, 2) float64 where `STILL` lies, in shares of the boxes (T, 3) from their upper left corners; landmarks and
    what is done without a face as above."""
    shares: np.ndarray = (_filled(landmarks)[:, STILL] - boxes[:, None, :2]) / boxes[:, None, 2:]
    return shares


def _filled(landmarks: np.ndarray) -> np.ndarray:
    """(T, 478, 2) float64, of frames without a face those of the nearest that has one."""
    places = np.asarray(landmarks[..., :2], np.float64)
    seen = np.flatnonzero(np.isfinite(places).all((1, 2)))
    if not len(seen):
        raise NoFace(f"no face in {len(places)} frames", cure="leave the clip out, or send landmarks")
    filled: np.ndarray = places[seen[np.abs(np.arange(len(places))[:, None] - seen).argmin(1)]]
    return filled
