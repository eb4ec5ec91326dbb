"""Where Hallo looks: the square that is cut out of a frame, and masks of face, lips and the rest, from landmarks. No
network is here."""

from __future__ import annotations

import cv2
import numpy as np

LIPS = (0, 13, 14, 17, 37, 39, 40, 61, 78, 80, 81, 82, 84, 87, 88, 91, 95, 146, 178, 181, 185, 191, 267, 269, 270, 291,
        308, 310, 311, 312, 314, 317, 318, 321, 324, 375, 402, 405, 409, 415)  # fmt: skip
"""Lip points of MediaPipe's mesh."""
MESH = 468
"""Points of the face; those behind are irises."""
GRID = 64
"""Side of the latents of a 512 px picture: masks are blurred at that size whatever the size of the latents."""
FACE_BLUR, LIP_BLUR = 51, 31
"""Sides of the Gaussian kernels at GRID, as released."""
FACE_GROWN, LIP_GROWN = 1.2, 2.0
"""By how much a box is larger than the hull when the portrait alone tells where things are."""


def square(points: np.ndarray, share: float) -> np.ndarray:
    """(x, y, side) in pixels of a square whose middle is the face's and whose side the face fills to `share`. points
    (478, 2+)."""
    low, high = _bounds(points[None, :MESH])
    side = float((high - low).max()) / share
    return np.array([*((low + high - side) / 2), side], np.float64)


def cut(frames: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """(T, size, size, 3) uint8: the square (3,) of frames (T, H, W, 3), or of each frame its own (T, 3); what lies
    outside repeats the border."""
    each = np.broadcast_to(box, (len(frames), 3))
    return np.stack([_cut(frame, where, size) for frame, where in zip(frames, each, strict=True)])


def _cut(frame: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    x, y, side = box
    scale = size / side
    # Pixel centres: output (u + 0.5) / scale + x - 0.5; reduced after a slight blur, as area averaging would.
    matrix = np.array([[scale, 0, (0.5 - x) * scale - 0.5], [0, scale, (0.5 - y) * scale - 0.5]])
    if scale < 1:
        frame = cv2.GaussianBlur(frame, (0, 0), 0.35 / scale)
    return cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def paste(frame: np.ndarray, squares: np.ndarray, box: np.ndarray, edge: float = 0.08) -> np.ndarray:
    """(T, H, W, 3) uint8: `squares` (T, S, S, 3) put back where `box` cut them out of `frame` (H, W, 3), blended over
    `edge` of their side."""
    size = squares.shape[1]
    x, y, side = box
    scale = side / size
    matrix = np.array([[scale, 0, x + scale / 2 - 0.5], [0, scale, y + scale / 2 - 0.5]])
    ramp = np.minimum(1, np.minimum(np.arange(size) + 0.5, size - np.arange(size) - 0.5) / (edge * size))
    target = frame.shape[1], frame.shape[0]
    weight = cv2.warpAffine(np.outer(ramp, ramp).astype(np.float32), matrix, target)[..., None]
    out = []
    for picture in squares:
        put = cv2.warpAffine(picture, matrix, target, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out.append(np.rint(frame + weight * (put.astype(np.float32) - frame)).astype(np.uint8))
    return np.stack(out)


def boxes(points: np.ndarray, size: int, grown: bool) -> np.ndarray:
    """(2, 4) low x, low y, high x, high y of face and lips over all frames: points (T, 478, 2+) in pixels of a square
    of `size`, the answer in shares of it. `grown`: one frame stands for all of them."""
    out = []
    for rows, factor in ((points[:, :MESH], FACE_GROWN), (points[:, LIPS], LIP_GROWN)):
        low, high = _bounds(rows)
        if grown:
            middle, half = (low + high) / 2, factor * (high - low) / 2
            low, high = middle - half, middle + half
        out.append(np.clip(np.concatenate([low, high]) / size, 0, 1))
    return np.stack(out)


WHOLE = np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
"""Boxes of a picture without a face."""


def hard_mask(box: np.ndarray, side: int) -> np.ndarray:
    """(side, side) float32: 1 where a cell's middle lies in the box (4,)."""
    middles = (np.arange(side) + 0.5) / side
    across = (middles >= box[0]) & (middles <= box[2])
    down = (middles >= box[1]) & (middles <= box[3])
    return np.outer(down, across).astype(np.float32)


def soft_masks(found: np.ndarray) -> np.ndarray:
    """(3, GRID, GRID) float32 in [0, 1] of pose, face and lip, from `boxes`: blurred and stretched to reach 0 and 1;
    the face is without the lips, pose is what is not face."""
    face, lip = (_stretched(cv2.GaussianBlur(hard_mask(box, GRID), (k, k), 0))
                 for box, k in zip(found, (FACE_BLUR, LIP_BLUR), strict=True))  # fmt: skip
    return np.stack([1 - face, np.clip(face - lip, 0, 1), lip]).astype(np.float32)


def _stretched(mask: np.ndarray) -> np.ndarray:
    low, high = float(mask.min()), float(mask.max())
    return (mask - low) / (high - low) if high > low else mask


def _bounds(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return points[..., :2].min((0, 1)).astype(np.float64), points[..., :2].max((0, 1)).astype(np.float64)
