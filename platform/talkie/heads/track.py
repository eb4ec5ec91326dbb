"""A head's track through a clip: posed vertices in the world and landmarks in the picture."""

from __future__ import annotations

import numpy as np
import torch

from talkie.clip import HeadTrack
from talkie.errors import BadInput
from talkie.heads.camera import project, to_camera
from talkie.heads.model import HeadModel
from talkie.heads.rotations import axis_angle_to_matrix


@torch.no_grad()
def pose_vertices(model: HeadModel, track: HeadTrack, batch: int = 64) -> np.ndarray:
    """Vertices (T, V, 3) float32 in the world, metres. Raises BadInput if the track is of another head model."""
    if track.model != model.name:
        raise BadInput(f"the track was made with head model {track.model!r}, not {model.name!r}")
    chunks = []
    for at in range(0, len(track), batch):
        part = slice(at, at + batch)
        pose = {n: _tensor(getattr(track, n)[part]) for n in ("expression", "jaw", "neck", "left_eye", "right_eye")}
        frames = len(pose["expression"])
        head = model.vertices(identity=_tensor(track.identity).expand(frames, -1), **pose)
        turned = head @ axis_angle_to_matrix(_tensor(track.rotation[part])).transpose(-1, -2)
        chunks.append(turned + _tensor(track.translation[part])[:, None])
    return torch.cat(chunks).numpy()


@torch.no_grad()
def project_landmarks(model: HeadModel, track: HeadTrack, world: np.ndarray | None = None) -> np.ndarray:
    """Landmarks (T, 478, 3) float32: x, y in pixels of the crop, z in the same scale, growing away from the camera and
    0 at the mean depth of the landmarks. `world`: posed vertices where they are at hand."""
    vertices = _tensor(pose_vertices(model, track) if world is None else world)
    points = model.landmarks(vertices)
    K, R, t = (_tensor(a) for a in cameras_of(track))
    pixels = project(points, K[:, None], R[:, None], t[:, None])
    depth = to_camera(points, R[:, None], t[:, None])[..., 2]
    centre = depth.mean(1, keepdim=True)
    z = (depth - centre) * (K[:, :1, 0] / centre)
    return torch.cat([pixels, z[..., None]], dim=-1).numpy()


def cameras_of(track: HeadTrack) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The camera of every frame, still or moving: K (T, 3, 3), R (T, 3, 3), t (T, 3)."""
    frames = len(track)
    return track.K, np.broadcast_to(track.R, (frames, 3, 3)), np.broadcast_to(track.t, (frames, 3))


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.tensor(np.asarray(array), dtype=torch.float32)
