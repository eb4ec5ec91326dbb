"""Dissolves and wipes, told from motion and from changes of light by how pixels change.

In a dissolve and in a wipe every pixel goes one way, and most pixels go; where something moves, pixels change to and
fro, and the rest of the picture stays. Where they begin and end is in `ends`, fades in `fades`, cuts in `cuts`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from talkie.curation.shots.compare import FLAT, VISIBLE, contrast, displaced, moved, panned, relit
from talkie.curation.shots.ends import ends
from talkie.curation.shots.settings import ShotSettings

WINDOWS = (6, 12, 24)
"""Frames in which a transition, or a part of a longer one, is looked for; each in six steps, so that noise adds up six
times only and one frame's share of a slow dissolve need not stand out of it."""

_STEPS = 6
_ABRUPT = 0.45
"""Share of the change in one step of six above which it is a cut: an even change has a sixth in each."""

_RESTLESS = {6: 0.18, 12: 0.25, 24: 0.3}
"""Share of the changed pixels that may move while the light changes, by the length of the window."""

_COVERAGE = 0.3
"""Share of the picture that must still be another one when a transition has passed: a hand has left by then."""


@dataclass
class _Found:
    """first, last: the frames of the windows that gave a transition away; begin, end: of its mixed frames."""

    first: int
    last: int
    begin: int
    end: int
    begun: bool = False


class Blends:
    """Finds dissolves and wipes. `pictures` are those of `shots`, by position."""

    def __init__(self, settings: ShotSettings) -> None:
        self.settings = settings
        self._found: list[_Found] = []
        self._newest = 0

    def see(self, newest: int, pictures: Mapping[int, np.ndarray]) -> None:
        """Called once for each position in turn."""
        self._newest = newest
        for length in WINDOWS:
            first, due = newest - length, newest % (length // _STEPS) == 0
            if due and first in pictures and self._is_blend(first, newest, pictures):
                self._add(first, newest, pictures)

    def inside(self, at: int, pictures: Mapping[int, np.ndarray]) -> bool:
        """Whether a position lies in a transition, for each in turn; what has been told stays so."""
        for found in list(self._found):
            if not found.begun and at >= found.begin:
                begin, found.end = ends(self._from(found, pictures), found.last, pictures)
                found.begin = max(begin, at)
                if at == found.begin:
                    if self._is_over_and_gone(found, pictures):
                        self._found.remove(found)
                    found.begun = True
            elif found.begun and at == found.end and found.last in pictures:
                found.end = max(at, ends(self._from(found, pictures), found.last, pictures)[1])
        self._found = [found for found in self._found if found.end > at]
        return any(found.begun and found.begin <= at < found.end for found in self._found)

    def _add(self, first: int, last: int, pictures: Mapping[int, np.ndarray]) -> None:
        """One more window that looks like a transition; it and what it overlaps are one."""
        for found in self._found:
            if found.first <= last and first <= found.last:
                found.first, found.last = min(found.first, first), max(found.last, last)
                if not found.begun:  # else its end is looked for when it seems to be reached
                    found.begin, found.end = ends(self._from(found, pictures), found.last, pictures)
                return
        self._found.append(_Found(first, last, *ends(first, last, pictures)))

    @staticmethod
    def _from(found: _Found, pictures: Mapping[int, np.ndarray]) -> int:
        return max(found.first, min(pictures))

    def _is_over_and_gone(self, found: _Found, pictures: Mapping[int, np.ndarray]) -> bool:
        """Whether the picture of now is the one before the transition again, or that one relit."""
        before, now = pictures.get(found.begin - 1), pictures[self._newest]
        if before is None:
            return False
        changed = (np.abs(now - before).max(axis=0) > VISIBLE).mean()
        return bool(changed < _COVERAGE or relit(before, now, restless=_RESTLESS[WINDOWS[-1]], loose=True))

    def _is_blend(self, first: int, last: int, pictures: Mapping[int, np.ndarray]) -> bool:
        """Whether a dissolve or wipe, or a part of one, runs in a window."""
        step = (last - first) // _STEPS
        before, after = pictures[first], pictures[last]
        change = after - before
        visible = (np.abs(change).max(axis=0) > VISIBLE).astype(np.float32).ravel()
        if visible.mean() < self.settings.coverage:
            return False
        path = [_size(pictures[k + step] - pictures[k]) @ visible for k in range(first, last, step)]
        total = float(sum(path))
        if _size(change) @ visible < self.settings.monotony * total or max(path) > _ABRUPT * total:
            return False
        if min(contrast(pictures[k]) for k in range(first, last + 1, step)) < FLAT:
            return False
        if not _is_mixed(first, last, step, pictures, visible, self.settings.leftover):
            return False
        # What costs most comes last: few windows pass all that is above.
        if displaced(before, after) > self.settings.displaced:
            return False
        parts = (before, after), (before, pictures[first + 2 * step]), (pictures[last - 2 * step], after)
        if any(moved(*part) or panned(*part) for part in parts):
            return False
        return not relit(before, after, restless=_RESTLESS[last - first])


def _is_mixed(
    first: int, last: int, step: int, pictures: Mapping[int, np.ndarray], visible: np.ndarray, most: float
) -> bool:
    """Whether each of a window's pictures is a mixture of its ends, or put together of them: a rest of at most the
    share `most` of the change, over the pixels that change (visible, (h w,), 1 there and 0 elsewhere). Where a head
    turns, something else lies between."""
    before, change = pictures[first], pictures[last] - pictures[first]
    energy, total = float(np.vdot(change, change)), float(_size(change) @ visible)
    # The middle first: it is the farthest from both ends, so that most of what moves is struck out at once.
    for k in sorted(range(first + step, last, step), key=lambda k: abs(2 * k - first - last)):
        gone = pictures[k] - before
        mixed = float(_size(gone - change * np.float32(np.vdot(gone, change) / energy)) @ visible)
        if mixed > most * total:
            pieced = float(np.minimum(_size(gone), _size(gone - change)) @ visible)
            if pieced > most * total:
                return False
    return True


def _size(change: np.ndarray) -> np.ndarray:
    """Of each pixel of a change (3, h, w), the sum of the absolute changes of its channels: (h w,)."""
    size = np.abs(change)
    return np.asarray(size[0] + size[1] + size[2]).ravel()
