"""Fades to and from a picture that shows nothing (black, white), told from flashes and from automatic exposure by the
contrast of the pictures. Dissolves between two pictures are in `gradual`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from talkie.curation.shots.compare import FLAT, contrast, distance, relit
from talkie.curation.shots.settings import ShotSettings

_PLATEAU = 0.96
"""Share of the contrast before a fade under which a picture belongs to it (a fiftieth is one frame of the longest)."""

_SLOPE = 1.01
"""Contrast of a frame over its neighbour's on a slope; the longest fade still has 1.02."""

_RISE_FRAMES = 4
_LEVEL = 0.25
"""Pace over so many frames, against the pace until then, under which a fade in is over: what moves in the new shot
changes its contrast too."""

_UNDER_WAY_FRAMES = 24
_UNDER_WAY = 0.55
"""Contrast left after that many frames of steady fall, the picture being the same but relit, at which a fade is taken
as under way before its end is seen. Automatic exposure does not take a stop in a second."""

_SAME = 8.0
"""Levels of 255 that two pictures of one scene differ by at most on average."""


class Fades:
    """Finds fades. Positions count from 0; `pictures` are those of `shots`, by position."""

    def __init__(self, settings: ShotSettings) -> None:
        self.flash_frames = settings.flash_frames
        self._contrast: dict[int, float] = {}
        self._flat_from: int | None = None
        self._rise_from: int | None = None
        self._pending: tuple[int, int] | None = None

    def forget(self, before: int) -> None:
        """Drop what is known of positions before that one."""
        self._contrast = {at: value for at, value in self._contrast.items() if at >= before}

    def see(self, newest: int, pictures: Mapping[int, np.ndarray]) -> set[int]:
        """Called once for each position in turn: the positions up to it that turn out to lie inside a fade."""
        now = self._contrast[newest] = contrast(pictures[newest])
        marked: set[int] = set()
        if now < FLAT:
            self._flat_from = newest if self._flat_from is None else self._flat_from
            self._rise_from = None
            if newest - self._flat_from >= self.flash_frames:
                marked |= self._flat(self._flat_from, newest + 1)
        elif self._flat_from is not None:
            self._pending, self._flat_from = (self._flat_from, newest), None
            self._rise_from = newest
        if self._pending is not None and newest - self._pending[1] >= _RISE_FRAMES:
            marked |= self._settle(newest, pictures)
        if self._rise_from is not None and self._pending is None:
            marked |= self._rise(newest)
        return marked | self._under_way(newest, pictures)

    def finish(self, newest: int, pictures: Mapping[int, np.ndarray]) -> set[int]:
        """What is still undecided when nothing follows."""
        if self._flat_from is not None:
            return self._flat(self._flat_from, newest + 1)
        return self._settle(newest, pictures) if self._pending is not None else set()

    def _settle(self, newest: int, pictures: Mapping[int, np.ndarray]) -> set[int]:
        """A flat stretch that is over: a fade, unless it was short and the same picture is back."""
        assert self._pending is not None
        start, end = self._pending
        self._pending = None
        slope = self._slope(start)
        short = end - min(slope, default=start) <= self.flash_frames and start - 1 in pictures
        if short and _same(pictures[start - 1], pictures[newest]):
            self._rise_from = None
            return set()
        return self._flat(start, end) | (self._rise(newest) if self._rise_from is not None else set())

    def _flat(self, start: int, end: int) -> set[int]:
        return {*self._slope(start), *range(start, end)}

    def _slope(self, start: int) -> set[int]:
        """The frames before a flat one over which the contrast fell to it."""
        top = start - 1
        while top - 1 in self._contrast and self._contrast[top - 1] >= _SLOPE * self._contrast[top]:
            top -= 1
        if top not in self._contrast:
            return set()
        edge = max(at for at in range(top, start) if self._contrast[at] >= _PLATEAU * self._contrast[top])
        return set(range(edge + 1, start))

    def _rise(self, newest: int) -> set[int]:
        """The frames after a flat one over which the contrast has risen so far; ends the rise where it no longer
        does."""
        assert self._rise_from is not None
        known = [at for at in range(self._rise_from, newest + 1) if at in self._contrast]
        back = newest - _RISE_FRAMES
        if back > known[0]:
            pace = (self._contrast[back] - self._contrast[known[0]]) / (back - known[0])
            if self._contrast[newest] - self._contrast[back] < _LEVEL * _RISE_FRAMES * pace:
                self._rise_from = None
                known = [at for at in known if at <= back]
        top = max(self._contrast[at] for at in known)
        return {at for at in known if self._contrast[at] < _PLATEAU * top}

    def _under_way(self, newest: int, pictures: Mapping[int, np.ndarray]) -> set[int]:
        """A slow fade out before it has become flat."""
        first = newest - _UNDER_WAY_FRAMES
        if first not in self._contrast or self._contrast[newest] > _UNDER_WAY * self._contrast[first]:
            return set()
        fall = [self._contrast[at] for at in range(first, newest + 1, _RISE_FRAMES)]
        steps = -np.diff(fall)
        if (
            (steps <= 0).any()
            or steps.max() > 0.5 * steps.sum()
            or not relit(pictures[first], pictures[newest], restless=0.5)
        ):
            return set()
        top = max(at for at in range(first, newest + 1) if self._contrast[at] >= _PLATEAU * fall[0])
        return set(range(top + 1, newest + 1))


def _same(before: np.ndarray, after: np.ndarray) -> bool:
    return distance(before, after) < _SAME or relit(before, after, restless=0.35)
