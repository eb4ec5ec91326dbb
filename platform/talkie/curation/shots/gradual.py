"""Dissolves and wipes, told from motion and from changes of light by how pixels change.

In a dissolve and in a wipe every pixel goes one way, and most pixels go; where something moves, pixels change to and
fro, and the rest of the picture stays. Fades are in `fades`, hard cuts in `cuts`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from talkie.curation.shots.compare import FLAT, VISIBLE, contrast, moved, relit
from talkie.curation.shots.settings import ShotSettings

WINDOWS = (6, 12, 24)
"""Frames in which a transition, or a part of a longer one, is looked for; each in six steps, so that noise adds up six
times only and one frame's share of a slow dissolve need not stand out of it."""

_STEPS = 6
_ABRUPT = 0.45
"""Share of the change in one step of six above which it is a cut: an even change has a sixth in each."""

_RESTLESS = {6: 0.18, 12: 0.25, 24: 0.3}
"""Share of the changed pixels that may move while the light changes, by the length of the window."""

_LOW = 0.12
"""Share of the change at which the ends of a transition are read off, above what motion adds."""


class Blends:
    """Finds dissolves and wipes. `pictures` are those of `shots`, by position."""

    def __init__(self, settings: ShotSettings) -> None:
        self.settings = settings

    def see(self, newest: int, pictures: Mapping[int, np.ndarray]) -> set[int]:
        """Called once for each position in turn: the positions before it that turn out to lie inside a transition."""
        return {
            at
            for length in WINDOWS
            if newest - length in pictures and newest % (length // _STEPS) == 0
            for at in self._blend(newest - length, newest, pictures)
        }

    def _blend(self, first: int, last: int, pictures: Mapping[int, np.ndarray]) -> range:
        """The part of a window in which a dissolve or wipe runs, if one does."""
        step = (last - first) // _STEPS
        before, after = pictures[first], pictures[last]
        change = after - before
        visible = np.abs(change).max(axis=0) > VISIBLE
        if visible.mean() < self.settings.coverage:
            return range(0)
        path = [np.abs((pictures[k + step] - pictures[k])[:, visible]).sum() for k in range(first, last, step)]
        total = float(sum(path))
        if np.abs(change[:, visible]).sum() < self.settings.monotony * total or max(path) > _ABRUPT * total:
            return range(0)
        if (
            min(contrast(before), contrast(after)) < FLAT
            or relit(before, after, restless=_RESTLESS[last - first])
            or moved(before, after)
            or moved(before, pictures[first + 2 * step])
        ):
            return range(0)
        if _leftover(first, last, step, pictures, visible) > self.settings.leftover:
            return range(0)
        energy = float((change * change).sum())
        share = [float(((pictures[k] - before) * change).sum()) / energy for k in range(first, last + 1)]
        return _span(first, np.array(share))


def _leftover(first: int, last: int, step: int, pictures: Mapping[int, np.ndarray], visible: np.ndarray) -> float:
    """How much of a window's pictures is neither a mixture of its ends nor put together of them, at worst: the rest as
    a share of the change, over the pixels (h, w) that change. Where a head turns, something else lies between."""
    before, change = pictures[first], pictures[last] - pictures[first]
    energy, total = float((change * change).sum()), float(np.abs(change[:, visible]).sum())
    worst = 0.0
    for k in range(first + step, last, step):
        gone = pictures[k] - before
        mixed = np.abs(gone - change * (float((gone * change).sum()) / energy))[:, visible].sum()
        pieced = np.minimum(np.abs(gone).sum(axis=0), np.abs(gone - change).sum(axis=0))[visible].sum()
        worst = max(worst, float(min(mixed, pieced)) / total)
    return worst


def _span(first: int, share: np.ndarray) -> range:
    """The positions of mixed pictures, from the share of the change that each picture of a window has made. It grows
    evenly: the ends are extrapolated from where motion before and after hardly shifts them."""
    low = int(np.flatnonzero(share <= _LOW)[-1])
    high = low + int(np.flatnonzero(share[low:] >= 1 - _LOW)[0])
    begin = low + (_LOW - share[low]) / max(share[low + 1] - share[low], 1e-6)
    end = high - (share[high] - (1 - _LOW)) / max(share[high] - share[high - 1], 1e-6)
    beyond = (end - begin) * _LOW / (1 - 2 * _LOW)
    begun, done = round(begin - beyond), round(end + beyond)
    return range(first + max(begun, 0) + 1, first + min(done, len(share) - 1))
