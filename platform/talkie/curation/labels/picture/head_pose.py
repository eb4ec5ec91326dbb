"""The head's turn against the line of sight as scores; frame by frame it stands in `head.npz`, and only there."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.spatial.transform import Rotation

from talkie.clip import HeadTrack
from talkie.curation.draft import Annotator, Draft, Findings, Watcher
from talkie.heads import cameras_of

_ANGLES = {
    "yaw": "the face turns to the person's left, degrees",
    "pitch": "the face turns down, degrees",
    "roll": "the head tilts to the person's right shoulder, degrees",
}
_FLIP = np.diag([1.0, -1.0, -1.0])
"""From the camera's axes (right, down, ahead) to the world's of a person who faces it (their left, up, to it)."""


class HeadPose(Annotator):
    """Scores `yaw_median`, `yaw_range` and so on: over the frames in which the face was seen, the median and the span
    from the 5th to the 95th percentile, in degrees."""

    name: ClassVar[str] = "head_pose"
    scores: ClassVar[dict[str, str]] = {
        **{f"{name}_median": f"median over the frames seen: positive where {text}" for name, text in _ANGLES.items()},
        **{f"{name}_range": f"from the 5th to the 95th percentile of {name} over the frames seen, degrees"
           for name in _ANGLES},
    }  # fmt: skip
    needs: ClassVar[tuple[str, ...]] = ("head.npz",)

    @property
    def tool(self) -> str:
        return "talkie head_pose 1"

    def start(self) -> Watcher:
        return _Pose()


class _Pose(Watcher):
    def finish(self, draft: Draft) -> Findings:
        if draft.head is None or not draft.seen.any():
            return Findings()
        angles = head_angles(draft.head)[draft.seen]
        scores: dict[str, float] = {}
        for name, course in zip(_ANGLES, angles.T, strict=True):
            low, high = np.percentile(course, [5, 95])
            scores |= {f"{name}_median": float(np.median(course)), f"{name}_range": float(high - low)}
        return Findings(scores={name: round(value, 4) for name, value in scores.items()})


def head_angles(head: HeadTrack) -> np.ndarray:
    """Yaw, pitch and roll (T, 3) in degrees of the head (with its neck) in the camera's frame.

    R = Ry(yaw) Rx(pitch) Rz(roll), intrinsic, of a head whose axes are x to the person's left, y up, z out of the
    face, against a camera that looks at it along -z: yaw is positive to the person's left, pitch downwards, roll
    towards the right shoulder. All are 0 for a face straight to a camera on its own axis."""
    turned = Rotation.from_rotvec(head.rotation) * Rotation.from_rotvec(head.neck)
    _, R, _ = cameras_of(head)
    seen = Rotation.from_matrix(_FLIP @ R) * turned
    return np.asarray(seen.as_euler("YXZ", degrees=True))
