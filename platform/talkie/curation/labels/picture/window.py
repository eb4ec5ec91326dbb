"""The part of the whole picture in which a person's body is looked for, and the way from there to the crop."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from talkie.curation.draft import View
from talkie.faces import to_source

_MOVED = 0.5
"""Face sizes that a face may move before its window follows: a still window lets a tracker work."""
LARGEST = 640
"""Side in pixels to which larger windows are shrunk: the networks see 256 or fewer."""


@dataclass(frozen=True)
class Reach:
    """How far a window reaches from the middle of the face, in face sizes."""

    aside: float
    up: float
    down: float


@dataclass(frozen=True)
class Window:
    """A part of the source picture: left, top, right, bottom in whole pixels; face: middle (2,) and size of the face
    for which it was made."""

    span: tuple[int, int, int, int]
    face: tuple[np.ndarray, float]

    @classmethod
    def around(cls, view: View, reach: Reach) -> Window:
        middle, size = face_in_source(view)
        height, width = view.frame.shape[:2]
        low = np.floor(middle - size * np.array([reach.aside, reach.up])).astype(int)
        high = np.ceil(middle + size * np.array([reach.aside, reach.down])).astype(int)
        left, top = np.clip(low, 0, [width - 2, height - 2])
        right, bottom = np.clip(high, [left + 2, top + 2], [width, height])
        return cls((int(left), int(top), int(right), int(bottom)), (middle, size))

    def fits(self, view: View) -> bool:
        """Whether the face is still about where it was when the window was made."""
        middle, size = face_in_source(view)
        before, was = self.face
        return bool(np.linalg.norm(middle - before) < _MOVED * was and 0.67 < size / was < 1.5)

    def cut(self, frame: np.ndarray) -> np.ndarray:
        left, top, right, bottom = self.span
        part = np.ascontiguousarray(frame[top:bottom, left:right])
        scale = LARGEST / max(part.shape[:2])
        if scale >= 1:
            return part
        size = (max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1))
        return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA))

    def to_crop(self, points: np.ndarray, view: View) -> np.ndarray:
        """Points (N, 3), x and z in shares of the window's width and y of its height, as MediaPipe gives them, in
        pixels of the crop."""
        left, top, right, bottom = self.span
        source = points * [right - left, bottom - top, right - left] + [left, top, 0]
        scale = len(view.crop) / view.box[2]
        return np.asarray((source - [*view.box[:2], 0]) * scale, np.float32)


def face_in_source(view: View) -> tuple[np.ndarray, float]:
    """Middle (2,) and size, the larger side of the landmarks' bounds, in pixels of the source."""
    points = to_source(view.landmarks, view.box, len(view.crop))[:, :2].astype(np.float64)
    low, high = points.min(0), points.max(0)
    return (low + high) / 2, float((high - low).max())


def between(values: np.ndarray, known: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Values (T, ...) where `known` (T,) bool, else on the straight way between their neighbours or, at the ends, as
    the nearest; and (T,) bool, which of them lie within `longest` frames of known ones on both sides, or are known."""
    at, have = np.arange(len(values)), np.flatnonzero(known)
    flat = values.reshape(len(values), -1)
    filled = np.stack([np.interp(at, have, column[have]) for column in flat.T], 1).reshape(values.shape)
    before = at - have[np.maximum(np.searchsorted(have, at, side="right") - 1, 0)]
    after = have[np.minimum(np.searchsorted(have, at), len(have) - 1)] - at
    near = (before >= 0) & (after >= 0) & (before + after <= longest)
    return filled.astype(values.dtype), near | known
