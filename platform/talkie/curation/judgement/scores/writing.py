"""Writing over the face: strokes of strong contrast that stay where they are in the picture while the face moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import cv2
import numpy as np

from talkie.curation.draft import Annotator, Draft, Findings, View, Watcher
from talkie.curation.judgement.scores.patches import PICK, Span, face_span, part
from talkie.curation.judgement.scores.sampled import own_tool, rounded

_STROKE = 5
"""Pixels of the neighbourhood within which a stroke goes from dark to bright, of a face `_FACE_PX` wide."""
_FACE_PX = 160
_CONTRAST = 110
"""Grey levels between a letter and its rim: captions are made to be read on any ground. Eyes reach less."""
_SAME = 12
"""Grey levels that a letter may change by from one look to the next."""


class Writing(Annotator):
    name = "writing"
    scores: ClassVar[Mapping[str, str]] = {
        "text_on_face": "share of the face's bounds covered by strokes of strong contrast that stay in place; "
        "upper quartile over time",
    }

    @property
    def tool(self) -> str:
        return own_tool(self.name)

    def start(self) -> Watcher:
        return _Strokes()


class _Strokes(Watcher):
    """Looks every `PICK` frames and compares with the look before, at the same place of the source."""

    def __init__(self) -> None:
        self._count = 0
        self._before: tuple[Span, np.ndarray] | None = None
        self._shares: list[float] = []

    def see(self, view: View) -> None:
        count, self._count = self._count, self._count + 1
        if count % PICK:
            return
        if self._before is not None:
            span, grey = self._before
            now = part(view.frame, span, _FACE_PX)
            share = _fixed_strokes(grey, now) if now.shape == grey.shape and now.size else None
            if share is not None:
                self._shares.append(share)
        span = face_span(view)
        self._before = span, part(view.frame, span, _FACE_PX)

    def finish(self, draft: Draft) -> Findings:
        if not self._shares:
            return Findings()
        return Findings(scores=rounded({"text_on_face": float(np.percentile(self._shares, 75))}))


def _fixed_strokes(before: np.ndarray, now: np.ndarray) -> float | None:
    """None where the picture stood still: then everything stays in place."""
    change = cv2.absdiff(before, now)
    if (change <= 2).mean() > 0.95:
        return None
    kernel = np.ones((_STROKE, _STROKE), np.uint8)
    strokes = cv2.morphologyEx(before, cv2.MORPH_GRADIENT, kernel) >= _CONTRAST
    return float((strokes & (change <= _SAME)).mean())
