"""A face's colours at its landmarks and its shape in its own frame: descriptors without a network.

What they are compared for, tracking or identity, is decided elsewhere."""

from __future__ import annotations

import cv2
import numpy as np

MESH = 468
"""Landmarks on the skin: those after them belong to the irises."""
_FACE_PX = 64
"""Width of the face in the picture that colours are read from: a landmark then speaks for some millimetres around it
and neither noise nor compression counts."""
_BRIDGE, _CHIN = 168, 152
_FLIP = np.array([1.0, -1.0, -1.0])
"""From the picture, y down and z away, to y up and z out of the face."""
_RIGHT, _LEFT = (33, 133), (263, 362)
"""Corners of the eyes, outer and inner."""


def chart(frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Linear-light colours (468, 3) float32 in [0, 1] at the landmarks (478, 3) of a face in a frame (H, W, 3) uint8.

    Sampling at the landmarks makes the chart: each row is the same spot of skin whatever the pose. Landmarks off the
    frame take its nearest pixel."""
    points = landmarks[:MESH, :2]
    columns = np.ascontiguousarray(points.T)
    height, width = frame.shape[:2]
    low = np.floor(columns.min(1)).astype(int) - 2
    high = np.ceil(columns.max(1)).astype(int) + 2
    x0, y0 = np.clip(low, 0, (width - 2, height - 2))
    x1, y1 = np.maximum(np.clip(high, 2, (width, height)), (x0 + 2, y0 + 2))
    part = frame[y0:y1, x0:x1]
    scale = min(1.0, _FACE_PX / float((high - low).max()))
    size = (max(2, round((x1 - x0) * scale)), max(2, round((y1 - y0) * scale)))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    x, y = ((points - (x0, y0)) * (size[0] / (x1 - x0), size[1] / (y1 - y0)) - 0.5).astype(np.float32).T
    colours = cv2.remap(small, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    return np.asarray((colours / np.float32(255.0)) ** np.float32(2.2))


def canonical(landmarks: np.ndarray, rows: slice | list[int] = slice(None)) -> np.ndarray:
    """The landmarks (..., 478, 3), or the given rows of them, in the face's own frame and unit: (..., N, 3) float32.

    Origin between the eyes, x to the person's left through the eyes' corners, y up away from the chin, z out of the
    face; one unit is the distance between the middles of the eyes."""
    ends = landmarks[..., [*_RIGHT, *_LEFT, _BRIDGE, _CHIN], :].astype(np.float64) * _FLIP
    right, left = ends[..., :2, :].mean(-2), ends[..., 2:4, :].mean(-2)
    x = left - right
    unit = np.linalg.norm(x, axis=-1, keepdims=True)
    x = x / np.maximum(unit, 1e-9)
    up = ends[..., 4, :] - ends[..., 5, :]
    z = np.cross(x, up)
    z /= np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-9)
    points = landmarks[..., rows, :].astype(np.float64) * _FLIP
    turned = (points - ((right + left) / 2)[..., None, :]) @ np.stack([x, np.cross(z, x), z], axis=-1)
    return (turned / np.maximum(unit[..., None], 1e-9)).astype(np.float32)
