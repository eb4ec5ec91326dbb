"""Outlines of a face in the picture: polygons of landmarks, and parts of the mean head laid under them. No colours."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from talkie.heads.model import HeadModel

OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
        150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
LEFT_EYE = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
BROWS = (276, 283, 282, 295, 285, 300, 293, 334, 296, 336, 46, 53, 52, 65, 55, 70, 63, 105, 66, 107)
TOP, CHIN, BRIDGE = 10, 152, 168
SURFACE = 468
"""MediaPipe's points before the irises."""
_CLEAR_M = 0.007
"""Skin is sampled this far from everything on it."""
_SHIFT = 4


@dataclass(frozen=True)
class HeadParts:
    """Of the mean head: `placing` (4, 468), which takes a face's landmarks to the affine camera that lays the head
    under them; points (N, 4), homogeneous, of each part by name; skin: numbers of landmarks on bare skin."""

    placing: np.ndarray
    points: dict[str, np.ndarray]
    skin: np.ndarray

    def place(self, landmarks: np.ndarray) -> dict[str, np.ndarray]:
        """Pixels (N, 2) of every part under landmarks (478, 2): the least-squares affine view of the mean head."""
        camera = self.placing @ landmarks[:SURFACE]
        return {name: points @ camera for name, points in self.points.items()}


def head_parts(model: HeadModel) -> HeadParts:
    """Ears and neck, as far as the model has them."""
    vertices = model.vertices()
    rest = vertices[0].double().numpy()
    landmarks = model.landmarks(vertices)[0].double().numpy()
    wanted = {"neck": model.regions.get("neck")}
    for side in ("left_ear", "right_ear"):
        named = np.flatnonzero(model.part == model.part_names.index(side)) if side in model.part_names else None
        wanted[side] = named if named is not None else model.regions.get(side)
    points = {name: np.c_[rest[v], np.ones(len(v))] for name, v in wanted.items() if v is not None and len(v)}
    placing = np.linalg.pinv(np.c_[landmarks[:SURFACE], np.ones(SURFACE)])
    return HeadParts(placing, points, _bare_skin(landmarks))


def _bare_skin(landmarks: np.ndarray) -> np.ndarray:
    marks = landmarks[[*OVAL, *OUTER_LIPS, *INNER_LIPS, *LEFT_EYE, *RIGHT_EYE, *BROWS], :2]
    gap = np.linalg.norm(landmarks[:SURFACE, None, :2] - marks, axis=-1).min(1)
    return np.flatnonzero(gap > _CLEAR_M)


def fill(plane: np.ndarray, outline: np.ndarray, value: int) -> None:
    """Fills a polygon (N, 2) of pixels whose centres lie at half integers, in place."""
    # cv2 counts pixel centres at whole numbers, in fixed point of _SHIFT bits.
    cv2.fillPoly(plane, [np.round((outline - 0.5) * 2**_SHIFT).astype(np.int32)], [value], shift=_SHIFT)


def hull(points: np.ndarray) -> np.ndarray:
    """The convex outline (K, 2) of points (N, 2)."""
    return np.asarray(cv2.convexHull(points.astype(np.float32))[:, 0])
