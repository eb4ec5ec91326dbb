"""Both hands in the picture, by MediaPipe's hand tracker at every other frame; the body is in `pose`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from talkie.curation.draft import Annotator, Draft, Findings, View, Watcher
from talkie.curation.labels.picture.graphs import GraphPool, mediapipe_tool
from talkie.curation.labels.picture.window import Reach, Window, between
from talkie.faces.mesh import mediapipe_solutions
from talkie.heads.body.keypoints import LAYOUTS

STRIDE = 2
"""Every other frame is looked at, those between are interpolated."""
_REACH = Reach(aside=3.0, up=1.5, down=5.0)
_SIDES = ("left", "right")
_NAMES = tuple(name.removeprefix("left_") for name in LAYOUTS["left_hand21"])
_OF_LABEL = {"Right": 0, "Left": 1}
"""MediaPipe names hands as in a mirror (a front camera's picture): its right is the person's left."""


class Hands(Annotator):
    """hands.npz: handedness (2,) "left", "right", the person's own; landmark_name (21,); landmarks (T, 2, 21, 3): x, y
    in pixels of the crop, also beyond its edges, z in the same scale, growing away from the camera and 0 at the wrist;
    present (T, 2) bool; confidence (T, 2) in [0, 1], of the hand and its side, halved in frames between those looked
    at, 0 where it is not present. Frames without a hand repeat its nearest place.

    Looked for in the whole picture around the face (Zhang et al., MediaPipe Hands, 2020)."""

    name: ClassVar[str] = "hands"
    fields: ClassVar[tuple[str, ...]] = ("hands.npz",)

    def __init__(self) -> None:
        self._graphs = GraphPool(lambda: mediapipe_solutions().hands.Hands(max_num_hands=2, model_complexity=1))

    @property
    def tool(self) -> str:
        return mediapipe_tool("hand_landmark_full")

    def start(self) -> Watcher:
        return _Hands(self._graphs)


class _Hands(Watcher):
    def __init__(self, graphs: GraphPool) -> None:
        self._graphs, self._graph = graphs, graphs.take()
        self._window: Window | None = None
        self._points: list[np.ndarray] = []
        self._sure: list[np.ndarray] = []

    def see(self, view: View) -> None:
        points, sure = np.zeros((2, 21, 3), np.float32), np.zeros(2, np.float32)
        if len(self._sure) % STRIDE == 0:
            if self._window is None or not self._window.fits(view):
                self._window = Window.around(view, _REACH)
            for side, score, hand in _dealt(self._graph.process(self._window.cut(view.frame))):
                points[side], sure[side] = self._window.to_crop(hand, view), score
        self._points.append(points)
        self._sure.append(sure)

    def finish(self, draft: Draft) -> Findings:
        self._graphs.give(self._graph)
        if not self._sure or not np.any(self._sure):
            return Findings()
        points, sure = np.stack(self._points), np.stack(self._sure)
        present, confidence = np.zeros(sure.shape, bool), np.zeros(sure.shape, np.float32)
        for side in range(2):
            known = sure[:, side] > 0
            if known.any():
                points[:, side], present[:, side] = between(points[:, side], known, STRIDE)
                course = between(sure[:, side], known, STRIDE)[0]
                confidence[:, side] = course * np.where(known, 1.0, 0.5 * present[:, side])
        arrays = {
            "handedness": np.array(_SIDES),
            "landmark_name": np.array(_NAMES),
            "landmarks": points,
            "present": present,
            "confidence": confidence,
        }
        return Findings(fields={"hands.npz": arrays})


def _dealt(result: Any) -> list[tuple[int, float, np.ndarray]]:
    """(side, score, points (21, 3) in shares of the window) of the hands of a frame. Of two that claim one side the
    surer has it, and the other is the other hand: nobody shows two left hands."""
    found = []
    for label, hand in zip(result.multi_handedness or [], result.multi_hand_landmarks or [], strict=True):
        best = label.classification[0]
        found.append((float(best.score), _OF_LABEL[best.label], np.array([(p.x, p.y, p.z) for p in hand.landmark])))
    found.sort(key=lambda one: -one[0])
    dealt: list[tuple[int, float, np.ndarray]] = []
    for score, side, points in found[:2]:
        taken = bool(dealt) and dealt[0][0] == side
        dealt.append((1 - side if taken else side, score if not taken else 1 - score, points))
    return dealt
