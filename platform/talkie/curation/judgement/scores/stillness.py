"""Pictures that stand still or come again while time goes on: frozen and looped video.

Every frame is looked at, in a small part of the source whose pixels are taken as they are: equal frames are equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import cv2
import numpy as np

from talkie.curation.draft import Annotator, Draft, Findings, View, Watcher
from talkie.curation.judgement.scores.patches import Span, face_span, part
from talkie.curation.judgement.scores.sampled import own_tool, rounded

_LOOK_PX = 96
_SAME = 0.1
"""Mean difference of two pictures, in grey levels, under which nothing has moved: a codec's own trace of a still
picture is under it, breath and a sensor's noise are over it."""
RUN = 5
"""Frames in a row that make a freeze or a loop. 15 pictures a second shown at 25 repeat at most one in a row."""
_SIDE = 24
_APART = 8
"""Frames that lie between a picture and its repetition at least."""
_AGAIN = 0.35
"""A picture has come again where it is this much nearer to an earlier one than to its neighbours in time, and
everybody's next picture likewise; codecs keep loops from being equal to the last bit."""
_LONGEST = 1500
"""Frames of a clip that are compared with each other: 60 s."""


class Stillness(Annotator):
    name = "stillness"
    scores: ClassVar[Mapping[str, str]] = {
        "frozen_share": f"share of frames that show the picture before them again, in runs of {RUN} or more",
        "repeated_share": f"share of frames that an earlier part of the clip has shown, in runs of {RUN} or more",
    }

    @property
    def tool(self) -> str:
        return own_tool(self.name)

    def start(self) -> Watcher:
        return _Still()


class _Still(Watcher):
    def __init__(self) -> None:
        self._before: tuple[Span, np.ndarray] | None = None
        self._place: Span | None = None
        self._same: list[bool] = []
        self._pictures: list[np.ndarray] = []

    def see(self, view: View) -> None:
        if self._before is not None:
            span, grey = self._before
            now = part(view.frame, span, _LOOK_PX)
            self._same.append(grey.size > 0 and now.shape == grey.shape and _apart(now, grey) < _SAME)
        span = face_span(view)
        self._before = span, part(view.frame, span, _LOOK_PX)
        self._keep(view)

    def _keep(self, view: View) -> None:
        """A thumbnail of one place of the source, that of the first frame's face, so that the crop's own movement
        counts for nothing."""
        if len(self._pictures) >= _LONGEST:
            return
        if self._place is None:
            self._place = face_span(view, 1.3)
        grey = part(view.frame, self._place, 2 * _LOOK_PX)
        if grey.size:
            self._pictures.append(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA))

    def finish(self, draft: Draft) -> Findings:
        if not self._same:
            return Findings()
        same = np.array([False, *self._same])
        scores = {"frozen_share": in_runs(same).mean()}
        if len(self._pictures) == min(len(same), _LONGEST):
            scores["repeated_share"] = repeated(np.stack(self._pictures), same[: len(self._pictures)]).mean()
        return Findings(scores=rounded(scores))


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference of two grey pictures."""
    return cv2.norm(a, b, cv2.NORM_L1) / a.size


def in_runs(flags: np.ndarray, least: int = RUN) -> np.ndarray:
    """The flags (T,) bool that stand in a run of at least `least`."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    out = np.zeros(len(flags), bool)
    for start, end in zip(starts, ends, strict=True):
        out[start:end] = end - start >= least
    return out


def repeated(pictures: np.ndarray, still: np.ndarray) -> np.ndarray:
    """Which of the pictures (T, h, w) uint8 were seen before, in order: (T,) bool.

    Frames t and t - L, for one lag L of at least `_APART` frames over a run, must be nearer to each other than
    `_AGAIN` of what each differs from its neighbours. Frames that stand still (`still`) are no repetition."""
    n = len(pictures)
    out = np.zeros(n, bool)
    if n < _APART + RUN:
        return out
    flat = pictures.reshape(n, -1).astype(np.float32)
    flat -= flat.mean(0)
    power = (flat**2).mean(1)
    step = np.concatenate([[np.inf], ((flat[1:] - flat[:-1]) ** 2).mean(1)])
    # What a frame differs from both its neighbours: at a cut the one of them says nothing.
    usual = np.minimum(step, np.concatenate([step[1:], [np.inf]]))
    usual[still | ~np.isfinite(usual)] = 0
    distance = np.maximum(power[:, None] + power[None] - 2 * (flat @ flat.T) / flat.shape[1], 0)
    alike = distance < _AGAIN * np.minimum(usual[:, None], usual[None])
    for lag in range(_APART, n - RUN + 1):
        flags = np.diagonal(alike, -lag)
        if flags.sum() >= RUN:
            out[lag:] |= in_runs(flags)
    return out
