"""The body's posture in the picture, by MediaPipe's BlazePose at every other frame; hands are in `hands`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from talkie.curation.draft import Annotator, Draft, Findings, View, Watcher
from talkie.curation.labels.picture.graphs import GraphPool, mediapipe_tool
from talkie.curation.labels.picture.window import Reach, Window, between
from talkie.faces.mesh import mediapipe_solutions
from talkie.heads.body.keypoints import LAYOUTS

STRIDE = 2
"""Every other frame is looked at, those between are interpolated: bodies move slowly against 25 frames a second."""
_REACH = Reach(aside=4.0, up=1.5, down=8.0)
_NOSE = 0
_FACE_NOSE = 1
"""MediaPipe's mesh point at the tip of the nose."""
_ASTRAY = 0.5
"""Face sizes between a posture's nose and the face's from which it is somebody else's."""
_SEEN = 0.5
OUTSIDE, HIDDEN, SEEN = 0.0, 1.0, 2.0
"""COCO's flags: out of the picture, in it behind something, and seen."""


class Pose(Annotator):
    """pose.npz: mediapipe33_name (33,) as `talkie.heads.body.keypoints.LAYOUTS` has them; mediapipe33 (T, 33, 3): x, y
    in pixels of the crop, also beyond its edges, and COCO's flag; confidence (T, 33) in [0, 1], the network's guess
    that a point is in sight, halved in frames between those looked at and 0 where nobody was found.

    Looked for in the whole picture around the face (Bazarevsky et al., BlazePose, 2020); a posture whose nose is not
    on this person's face is another's. Joints in the world are not told: one view does not show them."""

    name: ClassVar[str] = "pose"
    fields: ClassVar[tuple[str, ...]] = ("pose.npz",)

    def __init__(self) -> None:
        self._graphs = GraphPool(lambda: mediapipe_solutions().pose.Pose(model_complexity=1, smooth_landmarks=False))

    @property
    def tool(self) -> str:
        return mediapipe_tool("pose_landmark_full")

    def start(self) -> Watcher:
        return _Body(self._graphs)


class _Body(Watcher):
    def __init__(self, graphs: GraphPool) -> None:
        self._graphs, self._graph = graphs, graphs.take()
        self._window: Window | None = None
        self._points: list[np.ndarray] = []
        self._sure: list[np.ndarray] = []

    def see(self, view: View) -> None:
        found = self._look(view) if len(self._sure) % STRIDE == 0 else None
        points, sure = found if found is not None else (np.zeros((33, 2), np.float32), np.zeros(33, np.float32))
        self._points.append(points)
        self._sure.append(sure)

    def _look(self, view: View) -> tuple[np.ndarray, np.ndarray] | None:
        if self._window is None or not self._window.fits(view):
            self._window = Window.around(view, _REACH)
        landmarks = self._graph.process(self._window.cut(view.frame)).pose_landmarks
        if landmarks is None:
            return None
        points = self._window.to_crop(np.array([(p.x, p.y, 0.0) for p in landmarks.landmark]), view)[:, :2]
        face = np.ptp(view.landmarks[:, :2], axis=0).max()
        if np.linalg.norm(points[_NOSE] - view.landmarks[_FACE_NOSE, :2]) > _ASTRAY * face:
            return None
        return points, np.array([p.visibility for p in landmarks.landmark], np.float32)

    def finish(self, draft: Draft) -> Findings:
        self._graphs.give(self._graph)
        sure = np.stack(self._sure) if self._sure else np.zeros((0, 33), np.float32)
        known = sure.max(1, initial=0) > 0
        if not known.any():
            return Findings()
        points, near = between(np.stack(self._points), known, 2 * STRIDE)
        confidence = between(sure, known, 2 * STRIDE)[0] * np.where(known, 1.0, 0.5 * near)[:, None]
        inside = ((points >= 0) & (points < draft.size)).all(-1)
        visible = between(sure, known, 2 * STRIDE)[0] > _SEEN
        flag = np.where(inside, np.where(visible, SEEN, HIDDEN), OUTSIDE)
        arrays = {
            "mediapipe33_name": np.array(LAYOUTS["mediapipe33"]),
            "mediapipe33": np.concatenate([points, flag[..., None]], -1).astype(np.float32),
            "confidence": np.clip(confidence, 0, 1).astype(np.float32),
        }
        return Findings(fields={"pose.npz": arrays})
