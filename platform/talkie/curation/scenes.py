"""Shots into scenes: the frames in which people are followed without a break. Who is in them is not known here."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from talkie.curation.shots import ShotFrame
from talkie.curation.windows import Window


@dataclass
class Coverage:
    """Which frames of a source fell to no clip, and why: how many there were, in how many shots, which lie in a
    transition between two shots, and where no face was found."""

    frames: int = 0
    shots: int = 0
    transitions: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)


def scenes(
    frames: Iterable[ShotFrame], found: Sequence[Window], max_frames: int, coverage: Coverage
) -> Iterator[tuple[Window, Iterator[tuple[int, Any]]]]:
    """Each scene with the window it lies in and its (index, frame as it came): frames of one shot and one
    window, without transitions, at most `max_frames` long; what no window holds is in no scene.

    A scene must be spent before the next is asked for, as `itertools.groupby` demands."""
    for key, group in itertools.groupby(_numbered(frames, found, max_frames, coverage), key=lambda item: item[0]):
        yield found[key[0]], ((index, frame) for _, index, frame in group)


def _numbered(
    frames: Iterable[ShotFrame], found: Sequence[Window], max_frames: int, coverage: Coverage
) -> Iterator[tuple[tuple[int, int, int], int, Any]]:
    """Every usable frame under the number of its window, of its shot and of the part of the shot."""
    at = 0
    group, first = None, 0
    for item in frames:
        while at < len(found) and found[at].ended(item.index):
            at += 1
        if at == len(found):
            return
        if not found[at].holds(item.index):
            continue
        coverage.frames += 1
        if group is None or item.shot != group[1]:
            coverage.shots += 1
        if item.transition:
            coverage.transitions.append(item.index)
        if group != (at, item.shot) or item.transition:
            group, first = (at, item.shot), item.index + item.transition
        if not item.transition:
            yield (at, item.shot, first + (item.index - first) // max_frames * max_frames), item.index, item.frame
