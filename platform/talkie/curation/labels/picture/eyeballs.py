"""Lines of sight from iris landmarks and the eyeballs of a fitted head: geometry of spheres and rays, no pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from talkie.clip import HeadTrack
from talkie.heads import cameras_of
from talkie.heads.model import HeadModel

SIDES = ("left", "right")
IRIS = {"left": 473, "right": 468}
"""MediaPipe's iris centres, the person's own sides."""


@dataclass(frozen=True)
class Eyeballs:
    """Of one head, left first: centre (2, 3) in the head's frame and the distance `reach` (2,) from it to the iris's
    centre, metres."""

    centre: np.ndarray
    reach: np.ndarray


def eyeballs(model: HeadModel, identity: np.ndarray) -> Eyeballs | None:
    """The eyeballs of a person; None for a head that has none."""
    if not {f"{side}_eyeball" for side in SIDES} <= set(model.part_names):
        return None
    with torch.no_grad():
        vertices = model.vertices(identity=torch.as_tensor(np.asarray(identity), dtype=torch.float32)[None])
        landmarks = model.landmarks(vertices)[0].double().numpy()
    points = vertices[0].double().numpy()
    centres = [sphere_centre(points[model.part == model.part_names.index(f"{side}_eyeball")]) for side in SIDES]
    reach = [np.linalg.norm(landmarks[IRIS[side]] - centre) for side, centre in zip(SIDES, centres, strict=True)]
    return Eyeballs(np.stack(centres), np.array(reach))


def sphere_centre(points: np.ndarray) -> np.ndarray:
    """Least-squares centre (3,) of a sphere through points (N, 3): |p|^2 = 2 p.c + (r^2 - |c|^2), linear in c."""
    middle = points.mean(0)
    local = points - middle
    system = np.column_stack([2 * local, np.ones(len(local))])
    return np.asarray(middle + np.linalg.lstsq(system, (local**2).sum(1), rcond=None)[0][:3])


def centres_in_camera(balls: Eyeballs, head: HeadTrack) -> np.ndarray:
    """(T, 2, 3) metres in the camera's frame. The neck moves nothing here: a fitted head's stands at zero."""
    turn = Rotation.from_rotvec(head.rotation).as_matrix()
    world = np.einsum("tij,kj->tki", turn, balls.centre) + head.translation[:, None]
    _, R, t = cameras_of(head)
    return np.einsum("tij,tkj->tki", R, world) + np.asarray(t)[:, None]


def lines_of_sight(centres: np.ndarray, reach: np.ndarray, K: np.ndarray, iris: np.ndarray) -> np.ndarray:
    """Unit directions (T, 2, 3) in the camera's frame from the eyes' centres (T, 2, 3) to where the ray through the
    iris's pixel (T, 2, 2) meets the sphere of radius `reach` (2,); where it misses, to the nearest point of the
    sphere's rim. K (T, 3, 3)."""
    rays = np.concatenate([iris, np.ones((*iris.shape[:2], 1))], -1) @ np.linalg.inv(K).transpose(0, 2, 1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    along = (rays * centres).sum(-1)
    away = rays * along[..., None] - centres
    gap = np.linalg.norm(away, axis=-1)
    depth = np.sqrt(np.maximum(reach**2 - gap**2, 0.0))
    hit = away * np.minimum(1.0, reach / np.maximum(gap, 1e-12))[..., None] - rays * depth[..., None]
    return np.asarray(hit / np.linalg.norm(hit, axis=-1, keepdims=True))
