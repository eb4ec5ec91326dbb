"""First guesses: the assumed camera, and head poses from a scaled orthographic view; refining is `fit`'s work."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from talkie.heads.fitting.basis import LandmarkBasis
from talkie.heads.fitting.observation import Observation
from talkie.heads.fitting.turns import turn_vectors
from talkie.heads.rigid import rigid_motion

FLIP = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
"""World-to-camera rotation of a camera in front of the person: x stays, y points down, z away from it."""

_TRIANGULATED = 6
"""Every sixth landmark is triangulated: a first guess needs no more."""


def assumed_camera(
    basis: LandmarkBasis, landmarks: np.ndarray, width: int, height: int, distance_m: float = 1.0
) -> np.ndarray:
    """Intrinsics K (3, 3) of footage of unknown origin: principal point in the middle, camera at 1 metre.

    Landmarks (T, 478, 3) in pixels of the same image. Footage is often cropped and scaled before it reaches
    us, so that a field of view of the frame says nothing; the distance from which people film a face varies
    far less. The focal length is what makes the average head, seen from there, as large as the median face.
    """
    scale, _, _ = _orthographic(basis.rest[0], torch.as_tensor(landmarks[..., :2], dtype=torch.float32))
    focal = float(scale.median()) * distance_m
    return np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])


def initial_poses(basis: LandmarkBasis, seen: Observation) -> tuple[Tensor, Tensor]:
    """Rotation (T, 3) axis-angle and translation (T, 3) metres of the mean head under what was seen.

    Every frame must be visible in some view. Where two or more views see it, landmarks are triangulated and the
    mean head is laid on them; where one does, its scaled orthographic view decides, and the head's mean size the
    depth.
    """
    rotation, middle = _from_one_view(basis, seen)
    several = torch.nonzero(seen.visible.sum(0) > 1)[:, 0]
    if len(several):
        rotation[several], middle[several] = _from_several_views(basis, seen.part(several))
    return turn_vectors(rotation), middle - rotation @ basis.rest[0].mean(0)


def _from_one_view(basis: LandmarkBasis, seen: Observation) -> tuple[Tensor, Tensor]:
    """Rotation (T, 3, 3) and the place of the landmarks' middle (T, 3) by the first view that sees each frame."""
    view = seen.visible.argmax(0)
    rows = torch.arange(seen.frames)
    rays = _rays(seen)[view, rows]
    scale, rotation, centre = _orthographic(basis.rest[0], rays)
    camera = torch.cat([centre, torch.ones_like(scale)[:, None]], dim=1) / scale[:, None]
    back = seen.R[view].transpose(-1, -2)
    middle = (back @ (camera - seen.t[view])[..., None])[..., 0]
    return back @ FLIP.to(back) @ rotation, middle


def _from_several_views(basis: LandmarkBasis, seen: Observation) -> tuple[Tensor, Tensor]:
    """The same from triangulated landmarks, by the best rigid motion of the mean head."""
    chosen = torch.arange(0, seen.points.shape[2], _TRIANGULATED)
    points = _triangulated(seen, chosen)
    shape = basis.rest[0, chosen]
    rotation, shift = rigid_motion(shape.expand_as(points), points)
    return rotation, shift + rotation @ basis.rest[0].mean(0)


def _triangulated(seen: Observation, chosen: Tensor) -> Tensor:
    """Points (T, N, 3) of the world nearest to the rays of all views that see them, in least squares."""
    rays = _rays(seen)[:, :, chosen]
    towards = torch.cat([rays, torch.ones_like(rays[..., :1])], dim=-1)
    towards = torch.nn.functional.normalize(towards @ seen.R[:, None], dim=-1)
    centre = -(seen.R.transpose(-1, -2) @ seen.t[..., None])[..., 0]
    across = torch.eye(3, dtype=rays.dtype) - towards[..., :, None] * towards[..., None, :]
    across = across * seen.visible[..., None, None, None]
    right = (across @ centre[:, None, None, :, None]).sum(0)
    return torch.linalg.solve(across.sum(0), right)[..., 0]


def _rays(seen: Observation) -> Tensor:
    """Points (V, T, L, 2) of the plane at depth 1 in each camera."""
    lens, centre = seen.K[..., [0, 1], [0, 1]], seen.K[..., :2, 2]
    return (seen.points - centre[:, :, None]) / lens[:, :, None]


def _orthographic(shape: Tensor, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scaled orthographic pose of points: shape (L, 3), image (T, L, 2), y down.

    Returns scale (T,) in image units per metre, rotation (T, 3, 3) and the image of the shape's middle (T, 2).
    The least-squares affine view, then the nearest scaled rotation (POS; DeMenthon and Davis 1995).
    """
    centre = image.mean(1)
    flat = (image - centre[:, None]) * image.new_tensor([1.0, -1.0])
    centred = shape - shape.mean(0)
    affine = (torch.linalg.pinv(centred) @ flat).transpose(-1, -2)
    u, values, vh = torch.linalg.svd(affine, full_matrices=False)
    rows = u @ vh
    rotation = torch.cat([rows, torch.linalg.cross(rows[:, :1], rows[:, 1:])], dim=1)
    return values.mean(-1), rotation, centre
