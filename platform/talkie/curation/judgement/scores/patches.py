"""Parts of a frame that scores look at, and how often they look: source pixels around the face, without resampling.

What is measured on them is each score's own business."""

from __future__ import annotations

import cv2
import numpy as np

from talkie.curation.draft import View

PICKS_PER_SECOND = 2.5
"""How often scores of the picture's quality look: exposure, focus and codec change slowly within one shot."""
PICK = 10
"""Every how many frames of 25 fps that is."""

Span = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels of the source, the end not included."""

_SKIN = (50, 280, 205, 425, 101, 330, 151, 9, 118, 347, 187, 411, 108, 337)
"""Vertices of MediaPipe's mesh on cheeks and forehead, where neither hair, beard nor features usually are."""


def face_span(view: View, grow: float = 1.0) -> Span:
    """The bounds of the face's landmarks in the source, `grow` times as large, cut at the picture's edge. May be
    empty."""
    scale = view.box[2] / view.crop.shape[0]
    low, high = (view.box[:2] + edge * scale for edge in view.bounds)
    middle, half = (low + high) / 2, (high - low) / 2 * grow
    height, width = view.frame.shape[:2]
    x0, y0 = (max(0, int(np.floor(v))) for v in middle - half)
    x1, y1 = min(width, int(np.ceil(middle[0] + half[0]))), min(height, int(np.ceil(middle[1] + half[1])))
    return x0, y0, max(x0, x1), max(y0, y1)


def part(frame: np.ndarray, span: Span, limit: int | None = None) -> np.ndarray:
    """The grey values (h, w) uint8 of a part of a frame; with a `limit`, every k-th pixel, so that neither side is
    longer. Nothing is averaged: equal frames give equal parts."""
    x0, y0, x1, y1 = span
    step = 1 if limit is None else max(1, -(-max(x1 - x0, y1 - y0) // limit))
    cut = frame[y0:y1, x0:x1]
    if not cut.size:
        return np.zeros(cut.shape[:2], np.uint8)
    return cv2.cvtColor(cut if step == 1 else _every(frame, span, step), cv2.COLOR_RGB2GRAY)


def _every(frame: np.ndarray, span: Span, step: int) -> np.ndarray:
    """Every `step`-th pixel of a part of a frame. cv2's nearest neighbour takes exactly these where it shrinks by a
    whole number, five times as fast as a strided copy of three channels."""
    x0, y0, x1, y1 = span
    columns, rows = -(-(x1 - x0) // step), -(-(y1 - y0) // step)
    whole = frame[y0 : y0 + rows * step, x0 : x0 + columns * step]
    if whole.shape[:2] != (rows * step, columns * step):  # at the picture's edge
        return np.ascontiguousarray(frame[y0:y1:step, x0:x1:step])
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_NEAREST))


def tile(span: Span, side: int) -> Span:
    """The middle of a span, at most `side` pixels wide and high."""
    x0, y0, x1, y1 = span
    dx, dy = max(0, x1 - x0 - side) // 2, max(0, y1 - y0 - side) // 2
    return x0 + dx, y0 + dy, x1 - dx, y1 - dy


def skin(view: View) -> np.ndarray:
    """Colours (N, 3) uint8 of patches of skin on cheeks and forehead, from the crop."""
    size = view.crop.shape[0]
    reach = max(1, round(0.012 * size))
    steps = np.arange(-reach, reach + 1)
    dy, dx = (g.ravel() for g in np.meshgrid(steps, steps, indexing="ij"))
    at = np.round(view.landmarks[_SKIN, :2]).astype(int)
    x = np.clip(at[:, :1] + dx, 0, size - 1)
    y = np.clip(at[:, 1:] + dy, 0, size - 1)
    return view.crop[y, x].reshape(-1, 3)


def linear_light(values: np.ndarray) -> np.ndarray:
    """sRGB bytes to linear light in [0, 1] (IEC 61966-2-1)."""
    return _LINEAR[values]


def _curve() -> np.ndarray:
    v = np.arange(256) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = _curve()
