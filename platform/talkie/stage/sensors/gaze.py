"""Where the eyes point and whether they are shut: measured on the posed mesh, so that it holds for any head."""

from __future__ import annotations

import numpy as np
import torch

from talkie.heads import HeadModel
from talkie.stage.rig import Camera

_IRIS = {"left": 473, "right": 468}
"""MediaPipe's iris centres, the person's own sides."""


def record_gaze(model: HeadModel, vertices: np.ndarray, camera: Camera) -> dict[str, np.ndarray]:
    """vertices (T, V, 3) world metres -> centre (T, 2, 3) world metres of the eyeballs, left first, and their unit
    directions (T, 2, 3) in the world and in the camera's frame (direction_camera)."""
    landmarks = model.landmarks(torch.as_tensor(vertices, dtype=torch.float32)).numpy()
    centres, directions = [], []
    for side in ("left", "right"):
        ball = vertices[:, model.part == model.part_names.index(f"{side}_eyeball")]
        centre = _sphere_centres(ball)
        ahead = landmarks[:, _IRIS[side]] - centre
        centres.append(centre)
        directions.append(ahead / np.linalg.norm(ahead, axis=-1, keepdims=True))
    direction = np.stack(directions, 1)
    return {
        "centre": np.stack(centres, 1).astype(np.float32),
        "direction": direction.astype(np.float32),
        "direction_camera": np.einsum("tij,tej->tei", camera.R, direction).astype(np.float32),
    }


def _sphere_centres(points: np.ndarray) -> np.ndarray:
    """Least-squares centres (T, 3) of spheres through points (T, N, 3): |p|^2 = 2 p.c + (r^2 - |c|^2), linear in c."""
    out = []
    for cloud in points:
        middle = cloud.mean(0)
        local = cloud - middle
        system = np.column_stack([2 * local, np.ones(len(local))])
        out.append(middle + np.linalg.lstsq(system, (local**2).sum(1), rcond=None)[0][:3])
    return np.stack(out)
