"""Where the eyes look and when they blink, from iris landmarks on the fitted head's eyeballs; targets are not told."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from talkie.clip import HeadTrack
from talkie.curation.draft import Annotator, Draft, Findings, Toolbox, Watcher
from talkie.curation.labels.picture.eyeballs import IRIS, SIDES, Eyeballs, centres_in_camera, eyeballs, lines_of_sight
from talkie.curation.labels.picture.lids import blinks, closure, openness
from talkie.heads import cameras_of
from talkie.heads.model import HeadModel

HIDDEN = 0.5
"""Closure from which the lids hide the iris: its landmarks are then a guess."""

HALF_DEG = 5.0
"""Expected error at which confidence is a half."""
_LEAST_DEG, _IRIS_PX, _ASIDE = 1.5, 0.35, 0.15
_REACH_SHARE = 0.21
"""Distance from an eyeball's centre to its iris as a share of that between the irises (13.3 over 63 mm)."""


class Gaze(Annotator):
    """gaze.npz in the stage's convention: centre (T, 2, 3) metres of the eyeballs in the world of `head.npz`, left
    first; direction there and direction_camera (T, 2, 3), unit vectors, in OpenCV's camera frame; closure (T,) of the
    lids in [0, 1]; blink (T,) bool. And confidence (T,) in [0, 1] of the direction.

    Both eyes get one direction, the mean of what each says: at the distance from which faces are filmed they are
    parallel within a degree or two, and the mean halves the variance. While the lids hide the irises it is carried
    over from before to after. A head without eyeballs finds nothing."""

    name: ClassVar[str] = "gaze"
    fields: ClassVar[tuple[str, ...]] = ("gaze.npz",)
    needs: ClassVar[tuple[str, ...]] = ("head.npz",)

    @classmethod
    def made(cls, tools: Toolbox) -> Annotator:
        return cls(tools.head)

    def __init__(self, model: HeadModel) -> None:
        self._model = model

    @property
    def tool(self) -> str:
        return "talkie gaze 1"

    def start(self) -> Watcher:
        return _Eyes(self._model)


class _Eyes(Watcher):
    def __init__(self, model: HeadModel) -> None:
        self._model = model

    def finish(self, draft: Draft) -> Findings:
        head = draft.head
        balls = None if head is None else eyeballs(self._model, head.identity)
        if head is None or balls is None:
            return Findings()
        return Findings(fields={"gaze.npz": measure(draft, head, balls)})


def measure(draft: Draft, head: HeadTrack, balls: Eyeballs) -> dict[str, np.ndarray]:
    """The arrays of gaze.npz."""
    centres = centres_in_camera(balls, head)
    iris = draft.landmarks[:, [IRIS[side] for side in SIDES], :2].astype(np.float64)
    shut = closure(openness(draft.landmarks).mean(1, keepdims=True))[:, 0]
    each = lines_of_sight(centres, balls.reach, head.K.astype(np.float64), iris)
    both = _carried(_unit(each.mean(1)), draft.seen & (shut < HIDDEN))
    _, R, t = cameras_of(head)
    world = np.einsum("tji,tj->ti", R, both)
    return {
        "centre": np.einsum("tji,tkj->tki", R, centres - np.asarray(t)[:, None]).astype(np.float32),
        "direction": np.repeat(world[:, None], 2, 1).astype(np.float32),
        "direction_camera": np.repeat(both[:, None], 2, 1).astype(np.float32),
        "closure": shut.astype(np.float32),
        "blink": blinks(shut),
        "confidence": _confidence(draft, both, shut),
    }


def _carried(directions: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Unit vectors (T, 3) with those that are not known on the way between their neighbours."""
    if not known.any():
        return directions
    at = np.arange(len(directions))
    return _unit(np.stack([np.interp(at, at[known], course[known]) for course in directions.T], 1))


def _confidence(draft: Draft, sight: np.ndarray, shut: np.ndarray) -> np.ndarray:
    """(T,) float32: 1 / (1 + (s / HALF_DEG)^2) of the error s to be expected in degrees, times how far the lids are up.

    s: the iris's uncertainty, in pixels of the crop or of a coarser source, seen from the eyeball's centre; what is
    always there; and a share of the angle between the line of sight and the camera, as eyeballs of a guessed depth
    and size scale the turn of the eyes."""
    landmarks = draft.landmarks.astype(np.float64)
    radius = _REACH_SHARE * np.linalg.norm(landmarks[:, IRIS["left"], :2] - landmarks[:, IRIS["right"], :2], axis=1)
    noise = _IRIS_PX * np.maximum(1.0, draft.size / draft.boxes[:, 2])
    steady = np.hypot(_LEAST_DEG, np.degrees(np.arctan2(noise, np.maximum(radius, 1e-6))))
    aside = np.degrees(np.arccos(np.clip(-sight[:, 2], -1, 1)))
    expected = steady + _ASIDE * aside
    return (draft.seen * (1 - shut) / (1 + (expected / HALF_DEG) ** 2)).astype(np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
