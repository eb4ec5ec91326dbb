"""Frames in, the same frames out with the number of their shot, in bounded memory; the detectors are beside this."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from talkie.curation.shots.cuts import Candidates, is_cut
from talkie.curation.shots.ends import REACH
from talkie.curation.shots.fades import Fades
from talkie.curation.shots.gradual import WINDOWS, Blends
from talkie.curation.shots.settings import ShotSettings

WIDE = (96, 54)
"""Width and height of the pictures that cuts are proposed on."""

_SMALL = (48, 27)
_GAP_FRAMES = 6
"""Unmarked frames between two marked ones that belong to the same transition: a slow one may pause."""

_LEAST_FRAMES = 3
"""A shorter transition is a cut with a blended frame, as a change of frame rate makes it."""


@dataclass(frozen=True)
class ShotFrame:
    """A frame of the grid as it came in. shot: counts from 0 in each stream; transition: inside a fade, dissolve or
    wipe, whose frames carry the number of the shot before and belong to no clip."""

    shot: int
    transition: bool
    index: int
    time_s: float
    frame: Any


def shots(
    frames: Iterator[tuple[int, float, Any]],
    settings: ShotSettings | None = None,
    thumbnail: Callable[[Any], np.ndarray] | None = None,
) -> Iterator[ShotFrame]:
    """Number the shots of a stream of (index, time in seconds, frame), as `read_video` gives it.

    frame: (H, W, 3) uint8 RGB, or whatever `thumbnail` turns into (54, 96, 3) uint8 BGR.

    Every frame comes out, in order, `settings.held` frames late; that many full-size ones are held (at 25 fps and
    1280x720 30 of them are 83 MB), and small ones of 48x27 for as long again. A jump in `index` ends a shot.

    A detector may be started anywhere (pieces of a long source). Near the borders of its stream: a cut at its first
    frame cannot be seen; a transition that has begun before is found from the frame on at which its rest still changes
    a third of the picture; a fade in from before is not told from a change of light; one that the end cuts off is found
    where what is in the stream is enough to tell it. Cuts, flashes and everything `settings.held` frames away from a
    border come out as in the whole.
    """
    settings = settings or ShotSettings()
    shot, run, expected = 0, None, None
    for index, time_s, frame in frames:
        if run is not None and index != expected:
            yield from run.finish()
            shot, run = run.shot + 1, None
        run = run or _Run(shot, settings, thumbnail or _bgr)
        yield from run.see(index, time_s, frame)
        expected = index + 1
    if run is not None:
        yield from run.finish()


class _Run:
    """An unbroken run of frames. Positions count from 0 at its first frame."""

    def __init__(self, shot: int, settings: ShotSettings, thumbnail: Callable[[Any], np.ndarray]) -> None:
        self.shot, self.settings, self._thumbnail = shot, settings, thumbnail
        self._held: deque[tuple[int, float, Any]] = deque()
        self._pictures: dict[int, np.ndarray] = {}
        self._candidates, self._blends, self._fades = Candidates(settings), Blends(settings), Fades(settings)
        self._proposed: set[int] = set()
        self._marked: set[int] = set()
        self._seen = self._out = 0
        self._inside = False
        self._clean = False

    def see(self, index: int, time_s: float, frame: Any) -> Iterator[ShotFrame]:
        wide = self._thumbnail(frame)
        small = cv2.resize(wide, _SMALL, interpolation=cv2.INTER_AREA)
        self._pictures[self._seen] = np.ascontiguousarray(small.transpose(2, 0, 1), dtype=np.float32)
        self._proposed.update(self._candidates.see(wide))
        self._blends.see(self._seen, self._pictures)
        self._marked |= self._fades.see(self._seen, self._pictures)
        self._held.append((index, time_s, frame))
        self._seen += 1
        if len(self._held) > self.settings.held:
            yield self._release()

    def finish(self) -> Iterator[ShotFrame]:
        self._proposed.update(self._candidates.finish())
        self._marked |= self._fades.finish(self._seen - 1, self._pictures)
        while self._held:
            yield self._release()

    def _release(self) -> ShotFrame:
        at = self._out
        blending = self._blends.inside(at, self._pictures)
        inside = blending or self._is_inside(at)
        if not inside and self._clean and (self._inside or self._is_boundary(at)):
            self.shot += 1
        self._inside, self._clean = inside, self._clean or not inside
        self._out += 1
        self._forget()
        return ShotFrame(self.shot, inside, *self._held.popleft())

    def _is_boundary(self, at: int) -> bool:
        return at in self._proposed and at > 0 and is_cut(at, self._pictures, self.settings)

    def _is_inside(self, at: int) -> bool:
        """Whether a frame lies in a transition of at least `_LEAST_FRAMES`, pauses closed."""
        if not self._is_marked(at):
            return False
        length, step = 1, 1
        for direction in (-1, 1):
            step = direction
            while length < _LEAST_FRAMES and self._is_marked(at + step):
                length, step = length + 1, step + direction
        return length >= _LEAST_FRAMES

    def _is_marked(self, at: int) -> bool:
        if at in self._marked:
            return True
        before = any(at - k in self._marked for k in range(1, _GAP_FRAMES))
        return before and any(at + k in self._marked for k in range(1, _GAP_FRAMES))

    def _forget(self) -> None:
        keep = self._out - max(WINDOWS[-1] + REACH, self.settings.flash_frames) - 2
        for at in [at for at in self._pictures if at < keep]:
            del self._pictures[at]
        self._marked = {at for at in self._marked if at >= keep}
        self._proposed = {at for at in self._proposed if at >= keep}
        self._fades.forget(keep)


def _bgr(frame: np.ndarray) -> np.ndarray:
    """The picture at 96x54: thinned out to four times that, then averaged twice by 2x2, which is forty times as fast
    as averaging a 1080p frame by area and leaves 16 samples, of noise and of texture, in each pixel."""
    for factor in (4, 2, 1):
        kind = cv2.INTER_NEAREST if factor == 4 else cv2.INTER_AREA
        frame = cv2.resize(frame, (factor * WIDE[0], factor * WIDE[1]), interpolation=kind)
    return cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
