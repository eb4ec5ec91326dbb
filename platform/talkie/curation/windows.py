"""Which stretch of a file its owner speaks of, and of which person: records with spans and boxes over one file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from talkie.clip import FPS
from talkie.curation.record import Box, SourceRecord


@dataclass(frozen=True)
class Window:
    """Frames [first, last) of the 25 fps grid over which the same records hold, by their numbers; last is None for the
    end of the file."""

    first: int
    last: int | None
    records: tuple[int, ...]

    def holds(self, index: int) -> bool:
        return self.first <= index and not self.ended(index)

    def ended(self, index: int) -> bool:
        return self.last is not None and index >= self.last


def windows(records: Sequence[SourceRecord]) -> list[Window]:
    """The stretches between all beginnings and ends of the records' spans in which at least one record holds, in order.

    A span's edges are rounded to whole frames; a record without a span holds for the whole file."""
    spans = [(_frame(r.start_s or 0.0), math.inf if r.end_s is None else _frame(r.end_s)) for r in records]
    edges = sorted({edge for span in spans for edge in span})
    found = []
    for first, last in pairwise(edges):
        holding = tuple(number for number, (a, b) in enumerate(spans) if a <= first and last <= b)
        if holding:
            found.append(Window(int(first), None if math.isinf(last) else int(last), holding))
    return found


def record_of(records: Sequence[SourceRecord], window: Window, faces: np.ndarray, shape: tuple[int, int]) -> int | None:
    """The number of the window's record whose box is around a person's faces (T, 478, 3) in source pixels in most
    frames; None where all records have boxes and none is. A record without a box is anybody's, after those with one.

    Of overlapping boxes the one around most frames counts, then the smaller one."""
    middle = faces[:, :, :2].mean(1)
    around = []
    for number in window.records:
        box = records[number].box
        if box is None:
            continue
        share = float(_inside(box, middle, shape).mean())
        if share > 0.5:
            around.append((-share, (box.right - box.left) * (box.bottom - box.top), number))
    if around:
        return min(around)[2]
    return next((number for number in window.records if records[number].box is None), None)


def _inside(box: Box, points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Which of the points (T, 2) in pixels of a picture of `shape` (height, width) lie in a box."""
    scale = np.array([shape[1], shape[0]])
    if box.width is not None and box.height is not None:
        scale = scale / np.array([box.width, box.height])
    low, high = np.array([box.left, box.top]) * scale, np.array([box.right, box.bottom]) * scale
    return np.asarray(((points >= low) & (points < high)).all(-1))


def _frame(seconds: float) -> int:
    return round(seconds * FPS)
