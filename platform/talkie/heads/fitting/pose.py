"""First guesses: the assumed camera, and head poses from a scaled orthographic view; refining is `fit`'s work."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from talkie.heads.fitting.basis import LandmarkBasis
from talkie.heads.rotations import matrix_to_axis_angle

FLIP = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
"""World-to-camera rotation of a camera in front of the person: x stays, y points down, z away from it."""


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


def initial_poses(basis: LandmarkBasis, points: Tensor, K: Tensor, distance_m: float) -> tuple[Tensor, Tensor]:
    """Rotation (T, 3) axis-angle and translation (T, 3) metres of the mean head under image points (T, L, 2).

    The camera stands at distance_m on the world's z axis (R = FLIP, t = (0, 0, distance_m)).
    """
    rays = torch.stack(
        [(points[..., i] - K[:, i, 2, None]) / K[:, i, i, None] for i in (0, 1)],
        dim=-1,
    )
    scale, rotation, centre = _orthographic(basis.rest[0], rays)
    depth = 1 / scale
    middle = rotation @ basis.rest[0].mean(0)
    # Camera x, y and z of the head's middle, then back to the world of FLIP and distance.
    target = torch.stack([centre[:, 0] * depth, -centre[:, 1] * depth, distance_m - depth], dim=-1)
    return matrix_to_axis_angle(rotation), target - middle


def _orthographic(shape: Tensor, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scaled orthographic pose of points: shape (L, 3), image (T, L, 2), y down.

    Returns scale (T,) in image units per metre, rotation (T, 3, 3) and the image of the shape's middle (T, 2).
    The least-squares affine view, then the nearest scaled rotation (POS; DeMenthon and Davis 1995).
    """
    centre = image.mean(1)
    flat = (image - centre[:, None]) * torch.tensor([1.0, -1.0])
    centred = shape - shape.mean(0)
    affine = (torch.linalg.pinv(centred) @ flat).transpose(-1, -2)
    u, values, vh = torch.linalg.svd(affine, full_matrices=False)
    rows = u @ vh
    rotation = torch.cat([rows, torch.linalg.cross(rows[:, :1], rows[:, 1:])], dim=1)
    return values.mean(-1), rotation, centre
