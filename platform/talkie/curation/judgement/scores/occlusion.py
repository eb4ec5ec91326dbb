"""What passes before the face: landmarks whose colour departs from what they have in the rest of the clip.

Something that hides the face in most of the clip becomes its usual colour and is not seen here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import cv2
import numpy as np

from talkie.curation.draft import Annotator, Draft, Findings, View, Watcher
from talkie.curation.judgement.scores.sampled import own_tool, rounded

_SIDE = 64
"""Side to which the crop is averaged: a landmark then stands for a patch of a sixtieth of the face."""
_MESH = 468
"""Landmarks of the face itself; the irises, which follow, move under their lids."""
_DEPARTS = 20
"""Grey levels of the furthest channel between what a landmark shows and what it usually shows, beyond `_SPREADS` times
its own median departure, which is large where a face moves most: lips, lids, the edge of a head that turns."""
_SPREADS = 2
_STILL = 0.1
"""Mean change of the landmarks' colours, in grey levels, under which a frame shows the one before it again."""
HELD = 3
"""Frames that it must last: 0.12 s."""
_LONGEST = 1500


class Occlusion(Annotator):
    name = "occlusion"
    scores: ClassVar[Mapping[str, str]] = {
        "face_hidden": f"largest share of the face's landmarks that show another colour than usual for {HELD} frames "
        "on end, as where a hand passes"
    }

    @property
    def tool(self) -> str:
        return own_tool(self.name)

    def start(self) -> Watcher:
        return _Colours()


class _Colours(Watcher):
    def __init__(self) -> None:
        self._colours: list[np.ndarray] = []

    def see(self, view: View) -> None:
        if len(self._colours) >= _LONGEST:
            return
        size = view.crop.shape[0]
        small = cv2.resize(view.crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        at = np.clip((view.landmarks[:_MESH, :2] * (_SIDE / size)).astype(int), 0, _SIDE - 1)
        self._colours.append(small[at[:, 1], at[:, 0]])

    def finish(self, draft: Draft) -> Findings:
        if len(self._colours) < 2 * HELD:
            return Findings()
        return Findings(scores=rounded({"face_hidden": held(hidden_share(np.stack(self._colours)), HELD)}))


def hidden_share(colours: np.ndarray) -> np.ndarray:
    """Colours of landmarks (T, N, 3) uint8 -> the share (T,) of them that departs from their median over time, after
    what all of them have in common in a frame, the light, was taken off."""
    values = colours.astype(np.float32)
    # A picture that stands still would make one moment the usual one.
    moving = np.abs(np.diff(values, axis=0, prepend=values[:1] + 255)).mean((1, 2)) > _STILL
    apart = values - np.median(values[moving], axis=0)
    apart -= np.median(apart, axis=1, keepdims=True)
    far = np.abs(apart).max(-1)
    return (far > _DEPARTS + _SPREADS * np.median(far[moving], axis=0)).mean(1)


def held(values: np.ndarray, frames: int) -> float:
    """The largest value that `frames` successive ones of (T,) reach."""
    return float(np.lib.stride_tricks.sliding_window_view(values, frames).min(-1).max())
