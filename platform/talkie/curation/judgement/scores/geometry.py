"""Size and pose of the face: pixels in the source, yaw and pitch towards the camera."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from talkie.clip import HeadTrack
from talkie.curation.draft import Annotator, Draft, Findings, Watcher
from talkie.curation.judgement.scores.sampled import own_tool, rounded

_SHARE = 95
"""Per cent of the frames that the angles cover: a single glance aside is no profile view."""
_RIGHT_EYE, _LEFT_EYE, _BROW, _CHIN = 33, 263, 10, 152
"""Outer corners of the eyes, top of the forehead and chin in MediaPipe's mesh; right and left are the person's."""


class Geometry(Annotator):
    name = "geometry"
    scores: ClassVar[Mapping[str, str]] = {
        "face_px": "median size of the face in the source: larger side of the landmarks' bounds, pixels",
        "yaw_deg": f"angle by which the face is turned aside from the camera at most in {_SHARE} % of frames, degrees",
        "pitch_deg": f"angle by which the face is raised or lowered at most in {_SHARE} % of frames, degrees",
    }

    @property
    def tool(self) -> str:
        return own_tool(self.name)

    def start(self) -> Watcher:
        return _Pose()


class _Pose(Watcher):
    def finish(self, draft: Draft) -> Findings:
        if not draft.seen.any():
            return Findings()
        points = draft.landmarks[draft.seen]
        sides = np.ptp(points[..., :2], axis=1).max(-1) * draft.boxes[draft.seen, 2] / draft.size
        yaw, pitch = angles(facing(points)) if draft.head is None else (a[draft.seen] for a in head_angles(draft.head))
        scores = {
            "face_px": np.median(sides),
            "yaw_deg": np.percentile(np.abs(yaw), _SHARE),
            "pitch_deg": np.percentile(np.abs(pitch), _SHARE),
        }
        return Findings(scores=rounded(scores))


def facing(landmarks: np.ndarray) -> np.ndarray:
    """Unit vectors (..., 3) out of the face in camera axes (x right, y down, z away), from landmarks (..., 478, 3).

    The plane through the outer corners of the eyes, forehead and chin; with no head fitted."""
    across = landmarks[..., _LEFT_EYE, :] - landmarks[..., _RIGHT_EYE, :]
    down = landmarks[..., _CHIN, :] - landmarks[..., _BROW, :]
    out = np.cross(down, across).astype(np.float64)
    return out / np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-9)


def head_angles(head: HeadTrack) -> tuple[np.ndarray, np.ndarray]:
    """Yaw and pitch (T,) in degrees of a fitted head (`talkie.clip.HeadTrack`) against the ray on which the camera sees
    it: who looks into the camera from the picture's edge has none."""
    turn = head.R @ rotations(head.rotation) @ rotations(head.neck)
    place = (head.R @ head.translation[..., None].astype(np.float64))[..., 0] + head.t
    of_face, of_ray = angles(turn[..., 2]), angles(-place)
    return of_face[0] - of_ray[0], of_face[1] - of_ray[1]


def angles(forward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Yaw (positive towards the right of the picture) and pitch (positive: up) in degrees."""
    x, y, z = np.moveaxis(forward, -1, 0)
    return np.degrees(np.arctan2(x, -z)), np.degrees(np.arctan2(-y, np.hypot(x, z)))


def rotations(vectors: np.ndarray) -> np.ndarray:
    """Axis-angle (T, 3) to matrices (T, 3, 3)."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(vectors.astype(np.float64)).as_matrix()
