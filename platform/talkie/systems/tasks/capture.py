"""Capture: cameras, sensors or tracked meshes become head parameters, meshes, rigid motion or contact. No network is
here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from talkie.clip import FPS, Clip
from talkie.errors import BadInput, NotADataset
from talkie.heads import HeadModel, builtin_head, matrix_to_axis_angle, pose_vertices
from talkie.heads.rigid import rigid_motion_of
from talkie.systems.task import Task
from talkie.systems.tasks.checks import check_finite, check_frames, clip_pictures
from talkie.systems.tasks.film import film_motions, film_stabilities


@dataclass(frozen=True)
class CaptureRequest:
    """What was recorded; a method takes what its card needs and refuses a request without it.

    frames (T, H, W, 3) uint8 of one camera; `views` (V, T, H, W, 3) uint8 of a rig with `cameras` = K (V, 3, 3), R
    (V, 3, 3), t (V, 3), OpenCV world-to-camera, metres; `imu`: arrays of `imu.npz`; `meshes` (T, N, 3) metres, a
    tracked surface of one topology, in the world.
    """

    frames: np.ndarray | None = None
    views: np.ndarray | None = None
    cameras: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    imu: Mapping[str, np.ndarray] | None = None
    meshes: np.ndarray | None = None
    controls: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.frames is None and self.views is None and self.imu is None and self.meshes is None:
            raise BadInput("nothing was recorded", cure="send frames, views, imu or meshes")
        if self.frames is not None:
            check_frames(self.frames, "frames")
        if self.views is not None and self.cameras is None:
            raise BadInput("views without cameras", cure="send K, R and t of every view")
        if self.meshes is not None:
            check_finite(self.meshes, "meshes", (self.meshes.shape[1], 3) if self.meshes.ndim == 3 else (0, 3))


@dataclass(frozen=True)
class CaptureResult:
    """What a method found; one row a frame, None where it does not say.

    expression (T, 52) ARKit weights, jaw (T, 3) axis-angle, vertices (T, N, 3) metres, rotation (T, 3) axis-angle and
    translation (T, 3) metres: the rigid motion that takes each frame's skull onto the first one's; contact (T, N)
    probabilities.
    """

    fps: int = FPS
    expression: np.ndarray | None = None
    jaw: np.ndarray | None = None
    vertices: np.ndarray | None = None
    rotation: np.ndarray | None = None
    translation: np.ndarray | None = None
    contact: np.ndarray | None = None


@dataclass(frozen=True)
class MeanCapture:
    """The trivial baseline: the mean expression and jaw of the training clips in every frame; and the rigid motion that
    brings all of a tracked mesh nearest to its first frame, expression and all, or none without a mesh.
    """

    expression: np.ndarray
    jaw: np.ndarray

    def generate(self, request: CaptureRequest) -> CaptureResult:
        frames = _frames_of(request)
        still = np.zeros((frames, 3), np.float32)
        rotation, translation = (still, still) if request.meshes is None else stabilised(request.meshes)
        return CaptureResult(
            expression=np.tile(self.expression, (frames, 1)),
            jaw=np.tile(self.jaw, (frames, 1)),
            rotation=rotation,
            translation=translation,
        )


def stabilised(meshes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axis-angles (T, 3) and translations (T, 3) that bring each frame of meshes (T, N, 3) nearest to the first one in
    least squares."""
    turns, shifts = rigid_motion_of(meshes, np.broadcast_to(meshes[0], meshes.shape))
    return matrix_to_axis_angle(torch.from_numpy(turns)).numpy(), shifts


def skull_rows(head: HeadModel) -> np.ndarray:
    """Vertices of a head that neither expression nor jaw moves against the skull: upper teeth and ears."""
    return np.concatenate([head.regions["upper_teeth"], head.regions["ears"]])


def request_of(clip: Clip) -> CaptureRequest:
    """Whatever of the clip a method may look at: its frames, its sensors where they were recorded, and for methods that
    stabilise meshes the tracked head as one."""
    return CaptureRequest(
        frames=clip_pictures(clip) if "mp4" in clip.fields else None,
        imu=clip.fields.get("imu.npz"),
        meshes=_mesh(clip),
    )


def truth_of(clip: Clip) -> CaptureResult:
    """What `head.npz` records, and the rigid motion of its skull where it is a track of the built-in head."""
    head, mesh = clip.fields["head.npz"], _mesh(clip)
    found = CaptureResult(expression=head.expression, jaw=head.jaw)
    if mesh is None:
        return found
    rotation, translation = stabilised(mesh[:, skull_rows(builtin_head())])
    return replace(found, rotation=rotation, translation=translation)


def mean_capture(clips: Iterable[Clip]) -> MeanCapture:
    """Fits the baseline on `head.npz`. Raises NotADataset where there is no clip."""
    heads = [clip.fields["head.npz"] for clip in clips]
    if not heads:
        raise NotADataset("no clip to take the mean of", cure="record or curate clips of the train split")
    return MeanCapture(
        np.concatenate([h.expression for h in heads]).mean(0).astype(np.float32),
        np.concatenate([h.jaw for h in heads]).mean(0).astype(np.float32),
    )


def film(clip: Clip, answers: Sequence[CaptureResult]) -> list[np.ndarray] | None:
    """What all answers hold: expressions on the built-in head, or how still the skull is kept."""
    if all(answer.expression is not None and answer.jaw is not None for answer in answers):
        return film_motions(clip, answers)
    return film_stabilities(clip, answers) if all(answer.rotation is not None for answer in answers) else None


def _mesh(clip: Clip) -> np.ndarray | None:
    """The posed vertices of the clip's head, None for a track of another head model."""
    head, model = clip.fields["head.npz"], builtin_head()
    return pose_vertices(model, head) if head.model == model.name else None


def _frames_of(request: CaptureRequest) -> int:
    if request.frames is not None:
        return len(request.frames)
    if request.views is not None:
        return request.views.shape[1]
    if request.meshes is not None:
        return len(request.meshes)
    assert request.imu is not None
    times = request.imu["time_s"]
    return max(1, round(float(times[-1] - times[0]) * FPS))


CAPTURE = Task(
    slug="capture",
    title="Cameras, sensors or meshes to a tracked face",
    request=CaptureRequest,
    result=CaptureResult,
    endpoint="/v1/capture",
    needs=("mp4", "head.npz"),
    metrics=("mve",),
    also=("skull_error",),
    film=film,
    request_of=request_of,
    truth_of=truth_of,
    baseline=mean_capture,
    baseline_name="mean face, Procrustes",
    control=lambda request, other: replace(
        request, frames=other.frames, views=other.views, imu=other.imu, meshes=other.meshes
    ),
    control_name="shuffled recording",
)
