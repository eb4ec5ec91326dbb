"""Which frame of a driver looks as the source does: there relative motion should begin. Motion itself is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from talkie.errors import NoFace
from talkie.faces import FaceTracker
from talkie.heads import landmarks_68

_LOOKED_AT = 256
"""Side in pixels of the pictures in which landmarks are looked for."""


def best_frame(source: np.ndarray, driving: np.ndarray) -> int:
    """Number of the driving frame (T, H, W, 3) uint8 whose 68 landmarks, about their mean and over the root of their
    hull's area, are nearest to the source's (H, W, 3), by squared distance (Siarohin et al. 2019, released code).
    Frames without a face are passed over. Raises NoFace where the source or every frame is without one."""
    points = _normalised([source])[0]
    if points is None:
        raise NoFace("no face in the source", cure="send a picture with a face, or name the frame to begin at")
    away = [np.inf if p is None else float(((p - points) ** 2).sum()) for p in _normalised(driving)]
    if not np.isfinite(away).any():
        raise NoFace(f"no face in {len(driving)} driving frames", cure="send footage of a face")
    return int(np.argmin(away))


def _normalised(frames: np.ndarray | Sequence[np.ndarray]) -> list[np.ndarray | None]:
    found: list[np.ndarray | None] = []
    with FaceTracker() as tracker:
        for frame in frames:
            seen = cv2.resize(np.ascontiguousarray(frame), (_LOOKED_AT, _LOOKED_AT), interpolation=cv2.INTER_LINEAR)
            points = tracker.track(seen)
            found.append(None if points is None else normalised(landmarks_68(points)[:, :2]))
    return found


def normalised(points: np.ndarray) -> np.ndarray:
    """Points (N, 2) about their mean, over the root of the area of their convex hull."""
    middle = (points - points.mean(0)).astype(np.float32)
    return np.asarray(middle / np.sqrt(max(cv2.contourArea(cv2.convexHull(middle)), 1e-9)))
