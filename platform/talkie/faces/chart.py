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
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def chart(frame: np.ndarray, landmarks: np.ndarray, rows: slice | list[int] = slice(None)) -> np.ndarray:
    """Linear-light colours (468, 3) float32 in [0, 1] at the landmarks (478, 3) of a face in a frame (H, W, 3) uint8;
    rows: of which landmarks, (N, 3).

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
    x, y = ((points[rows] - (x0, y0)) * (size[0] / (x1 - x0), size[1] / (y1 - y0)) - 0.5).astype(np.float32).T
    colours = cv2.remap(small, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    return np.asarray((colours / np.float32(255.0)) ** np.float32(2.2))


_LIPS = [13, 14, 82, 87, 312, 317, 81, 178, 311, 402]
"""The inner edges of the lips: between them an open mouth is dark."""
_SKIN = [50, 280, 205, 425, 101, 330, 4, 6, 197]
"""Cheeks and nose."""
_BLACK = 0.01
"""Linear light below which shadows are not told apart."""


def mouth_shade(frame: np.ndarray, landmarks: np.ndarray) -> float:
    """How much darker the face is between its lips than on cheeks and nose: difference of the mean natural logarithms
    of luminance (ITU-R BT.709), of landmarks (478, 3) in a frame (H, W, 3) uint8.

    The mean light of a place survives what takes its edges away: a mouth out of focus still darkens where it opens, and
    between the letters of a caption, when the landmarks no longer see its lips move."""
    light = np.log(chart(frame, landmarks, _LIPS + _SKIN) @ _LUMINANCE + _BLACK)
    return float(light[len(_LIPS) :].mean() - light[: len(_LIPS)].mean())


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
