"""Hard cuts: scenedetect proposes them frame by frame, and what only looks like one is struck out here.

Gradual transitions are found in `gradual`."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from talkie.curation.shots.compare import blinded, distance, moved, relit
from talkie.curation.shots.settings import ShotSettings

_RETURN = 0.35
"""A picture has come back where it differs from the one before by at most this share of the jump away from it."""

_GLITCH_FRAMES = 2
_GLITCH_RETURN = 0.2


class Candidates:
    """Positions at which a cut may be, from scenedetect's adaptive detector; a change of `certain` or more is one even
    where the next cut is too near to stand out. Positions count from 0 at the first picture seen."""

    def __init__(self, settings: ShotSettings) -> None:
        self._detector = _detector(settings)
        self._rate = Fraction(25)
        self._seen = 0
        self._last: np.ndarray | None = None

    def see(self, picture: np.ndarray) -> set[int]:
        """picture: (h, w, 3) uint8 BGR; returns what has become known."""
        # The detector decides on the third picture at the earliest: two more of the first make that the first.
        found = self._feed(picture, 3 if self._last is None else 1)
        self._last = picture
        return found

    def finish(self) -> set[int]:
        """What becomes known when nothing follows."""
        return set() if self._last is None else self._feed(self._last, 2)

    def _feed(self, picture: np.ndarray, times: int) -> set[int]:
        from scenedetect import FrameTimecode

        found: set[int] = set()
        for _ in range(times):
            at = FrameTimecode(self._seen, self._rate)
            found.update(int(code.frame_num) - 2 for code in self._detector.process_frame(at, picture))
            self._seen += 1
        return found


def _detector(settings: ShotSettings) -> Any:
    from scenedetect.detectors import AdaptiveDetector

    class Detector(AdaptiveDetector):
        """Also proposes every change of `certain` at once, which the adaptive ratio of two near cuts hides."""

        _before: np.ndarray | None = None

        def _calculate_frame_score(self, timecode: Any, frame_img: np.ndarray) -> float:
            """The base class's mean difference of hue, saturation and value, in one pass."""
            now = cv2.cvtColor(frame_img, cv2.COLOR_BGR2HSV)
            before, self._before = self._before, now
            return 0.0 if before is None else cv2.norm(now, before, cv2.NORM_L1) / now.size

        def process_frame(self, timecode: Any, frame_img: np.ndarray) -> list[Any]:
            found = super().process_frame(timecode, frame_img)
            certain = self._frame_score is not None and self._frame_score >= settings.certain
            return [*found, timecode] if certain else found

    return Detector(settings.ratio, min_scene_len=0, window_width=2, min_content_val=settings.content)


def is_cut(at: int, pictures: Mapping[int, np.ndarray], settings: ShotSettings) -> bool:
    """Whether a candidate stands: neither a change of light, nor a jolt of the camera, nor the edge of a flash or of a
    picture that was broken for a moment. pictures: small ones by position, `flash_frames` around `at` where they exist.
    """
    before, after = pictures[at - 1], pictures[at]
    if relit(before, after) or moved(before, after):
        return False
    span = settings.flash_frames
    for back in range(at - 1, at - 1 - span, -1):
        for ahead in range(at, back + span + 2):
            known = back in pictures and ahead in pictures
            if known and ahead - back > 1 and _is_interlude(back, ahead, distance(before, after), pictures):
                return False
    return True


def _is_interlude(back: int, ahead: int, jump: float, pictures: Mapping[int, np.ndarray]) -> bool:
    """Whether one picture is there on both sides of a flash or of a picture that is broken."""
    stay = pictures[back]
    away = distance(stay, pictures[ahead])
    if ahead - back <= _GLITCH_FRAMES + 1 and away < _GLITCH_RETURN * jump:
        return True
    if away < _RETURN * jump or (away < jump and relit(stay, pictures[ahead])):
        return all(blinded(stay, pictures[k]) for k in range(back + 1, ahead))
    return False
