"""The square crop that follows a face: boxes from landmarks, smoothing in time, resampling, and the way back."""

from __future__ import annotations

import math

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

cv2.setNumThreads(1)  # crops are small: threads would only fight with the other actors' for the cores


_LINEAR = 1.25
"""Source pixels a crop pixel up to which linear sampling passes over too little to be seen."""


class Recipe(BaseModel):
    """What a crop shows: `margin` is its side in face sizes (the larger side of the landmarks' bounds), `lift`
    how far its centre lies above the face's, as a share of its side; `size` its side in pixels (even).

    The defaults show the head with hair and neck. `smooth_s`: standard deviation of the Gaussian that
    smooths the box over time, in seconds; a long one lets the head move inside the crop.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(default=256, ge=64, le=2048, multiple_of=2)
    margin: float = Field(default=1.7, ge=1.0, le=6.0)
    lift: float = Field(default=0.08, ge=-0.5, le=0.5)
    smooth_s: float = Field(default=0.3, ge=0.0, le=5.0)

    def radius(self, fps: float) -> int:
        """Frames on either side that a smoothed box depends on: three standard deviations."""
        return math.ceil(3 * self.smooth_s * fps)


def face_box(landmarks: np.ndarray, recipe: Recipe) -> np.ndarray:
    """The crop (x, y, side) in source pixels around one face or many: (..., 478, 3) -> (..., 3) float64."""
    low, high = landmarks[..., :2].min(-2), landmarks[..., :2].max(-2)
    side = recipe.margin * (high - low).max(-1, keepdims=True).astype(np.float64)
    centre = (low + high) / 2 - side * np.array([0.0, recipe.lift])
    return np.concatenate([centre - side / 2, side], axis=-1)


def smooth_box(boxes: np.ndarray, t: int, recipe: Recipe, fps: float) -> np.ndarray:
    """Box `t` of the boxes (T, 3) of a shot after smoothing in time by a Gaussian without delay: (3,) float64.

    Only `recipe.radius` boxes on either side count, so that a stream can be cropped with that much delay; the
    Gaussian's weights are renormalised at the ends. Centre and side are smoothed, not the corner, so that a
    change of size does not shift the middle.
    """
    radius = recipe.radius(fps)
    if radius == 0:
        return boxes[t].astype(np.float64)
    first = max(0, t - radius)
    near = boxes[first : t + radius + 1]
    offsets = np.arange(first, first + len(near)) - t
    weights = np.exp(-0.5 * (offsets / (recipe.smooth_s * fps)) ** 2)
    weights /= weights.sum()
    side = weights @ near[:, 2]
    centre = weights @ (near[:, :2] + near[:, 2:] / 2)
    return np.array([*(centre - side / 2), side])


def smooth_boxes(boxes: np.ndarray, recipe: Recipe, fps: float) -> np.ndarray:
    """`smooth_box` of every frame: (T, 3) -> (T, 3)."""
    return np.stack([smooth_box(boxes, t, recipe, fps) for t in range(len(boxes))])


def crop_frame(frame: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """Resample the square `box` (x, y, side) of a frame (H, W, 3) uint8 to (size, size, 3).

    Sub-pixel exact, so that the crop does not shiver. Shrinking averages over each target pixel's area; where it is
    strong, whole squares of source pixels are averaged first, which is the same but for the squares' edges and much
    faster. Enlarging is linear. Outside of the frame its edge is repeated.
    """
    x, y, side = (float(v) for v in box)
    whole = int(side / size)
    if whole > 1 and x < frame.shape[1] and y < frame.shape[0] and min(x, y) > -side:
        frame, x, y = _reduced(frame, x, y, side, whole)
        side /= whole
    step = side / size
    if _LINEAR < step <= 2:
        # Late: it brings the compiler of its loops, which whoever only names a crop does without.
        from talkie.faces.area import area_mean

        return area_mean(frame, x, y, step, size)
    # cv2 counts pixel centres at whole numbers, we at halves.
    affine = np.array([[step, 0, x + step / 2 - 0.5], [0, step, y + step / 2 - 0.5]])
    return cv2.warpAffine(
        frame,
        affine,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _reduced(frame: np.ndarray, x: float, y: float, side: float, factor: int) -> tuple[np.ndarray, float, float]:
    """The part of a frame around a box, averaged over squares of `factor` pixels, and the box's corner in it."""
    height, width = frame.shape[:2]
    left, right = _span(x, side, factor)
    top, bottom = _span(y, side, factor)
    part = frame[_inside(top, height) : _inside(bottom, height), _inside(left, width) : _inside(right, width)]
    beyond = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
    if any(beyond) and part.size:
        part = cv2.copyMakeBorder(part, *beyond, cv2.BORDER_REPLICATE)
    size = (part.shape[1] // factor, part.shape[0] // factor)
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA), (x - left) / factor, (y - top) / factor


def _span(start: float, side: float, factor: int) -> tuple[int, int]:
    """Pixels [first, last) around [start, start + side) with a margin, a whole number of factors, also outside."""
    first = math.floor(start) - 2 * factor
    return first, first + (math.ceil(side / factor) + 5) * factor


def _inside(place: int, length: int) -> int:
    return min(max(place, 0), length)


def to_crop(landmarks: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """Landmarks (..., N, 3) from source pixels to crop pixels; boxes (..., 3). z takes the same scale."""
    corner = np.concatenate([boxes[..., :2], np.zeros_like(boxes[..., :1])], axis=-1)
    moved = (landmarks - corner[..., None, :]) * (size / boxes[..., None, 2:])
    return moved.astype(np.float32)


def to_source(landmarks: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """Inverse of `to_crop`."""
    corner = np.concatenate([boxes[..., :2], np.zeros_like(boxes[..., :1])], axis=-1)
    return (landmarks * (boxes[..., None, 2:] / size) + corner[..., None, :]).astype(np.float32)


def crop_camera(K: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """Intrinsics of the crops (T, 3, 3) of a source camera K (3, 3): the crop is a shift and a scale."""
    scale = size / boxes[:, 2]
    result = np.tile(np.eye(3), (len(boxes), 1, 1))
    result[:, :2] = K[None, :2] * scale[:, None, None]
    result[:, :2, 2] -= boxes[:, :2] * scale[:, None]
    return result
