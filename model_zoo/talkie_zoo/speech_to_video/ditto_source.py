"""Finding the face in a portrait, cutting it out, and laying what was rendered back over it. Networks are elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from talkie.errors import NoFace
from talkie.faces import FaceTracker, Recipe, crop_frame, face_box

FACE = Recipe(margin=1.3, lift=0.06, smooth_s=0.0)
"""The face with hair line and chin; LivePortrait's crop (2.3 of its own measure, raised by 0.125) shows as much."""
TRACKED = 256
"""Side in pixels to which a smaller portrait is enlarged before a face is looked for."""
FEATHER = 0.12
"""Share of the crop's side over which it fades into the picture."""


@dataclass(frozen=True)
class Source:
    """A portrait (H, W, 3) uint8, the square (x, y, side) of its face, and landmarks (478, 3) in its pixels, where they
    were read."""

    portrait: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray | None

    def crop(self, size: int) -> np.ndarray:
        """The face (size, size, 3) uint8."""
        return crop_frame(np.ascontiguousarray(self.portrait), self.box, size)

    def laid(self, face: np.ndarray) -> np.ndarray:
        """The portrait with a rendered face (S, S, 3) uint8 over its own, faded at the border."""
        height, width = self.portrait.shape[:2]
        x, y, side = self.box
        if (x, y, side) == (0.0, 0.0, float(width)) and height == width:
            return cv2.resize(face, (width, height), interpolation=cv2.INTER_LINEAR) if len(face) != width else face
        step = side / len(face)
        # cv2 counts pixel centres at whole numbers.
        way = np.array([[step, 0, x + step / 2 - 0.5], [0, step, y + step / 2 - 0.5]])
        laid = cv2.warpAffine(face, way, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        share = cv2.warpAffine(_mask(len(face)), way, (width, height), flags=cv2.INTER_LINEAR)[..., None]
        return (share * laid + (1 - share) * self.portrait + 0.5).astype(np.uint8)


def whole(portrait: np.ndarray) -> Source:
    """A portrait that is a face crop already."""
    return Source(portrait, np.array([0.0, 0.0, float(portrait.shape[1])]), None)


def registered(portrait: np.ndarray) -> Source:
    """The largest face of a portrait. Raises NoFace."""
    factor = max(1.0, TRACKED / min(portrait.shape[:2]))
    size = (round(portrait.shape[1] * factor), round(portrait.shape[0] * factor))
    looked = cv2.resize(np.ascontiguousarray(portrait), size, interpolation=cv2.INTER_LINEAR)
    with FaceTracker() as tracker:
        points = tracker.track(looked)
    if points is None:
        raise NoFace("no face in the portrait", where="portrait", cure="send a picture that shows one from the front")
    points = points / factor
    return Source(portrait, face_box(points, FACE), points)


def _mask(size: int) -> np.ndarray:
    """(S, S) float32: 1 inside, falling to 0 at the border along half a cosine."""
    away = np.minimum(np.arange(size) + 0.5, size - np.arange(size) - 0.5) / (FEATHER * size)
    edge = 0.5 - 0.5 * np.cos(np.pi * np.clip(away, 0, 1))
    return np.asarray(edge[:, None] * edge[None], np.float32)
