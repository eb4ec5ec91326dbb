"""Pinhole cameras in OpenCV's convention (X_cam = R X + t, x right, y down, z forward); no lens distortion."""

from __future__ import annotations

import torch
from torch import Tensor


def project(points: Tensor, K: Tensor, R: Tensor, t: Tensor) -> Tensor:
    """Pixels of world points: (..., 3) metres -> (..., 2), pixel centres at half integers (OpenCV K decides).

    K, R: (..., 3, 3), t: (..., 3); leading dimensions broadcast against those of `points` less the last,
    so per-frame cameras of (T, N, 3) points are K[:, None], R[:, None], t[:, None].
    Hartley and Zisserman, Multiple View Geometry, eq. 6.8. Points at depth 0 give infinities.
    """
    cam = to_camera(points, R, t)
    image = (K @ cam.unsqueeze(-1)).squeeze(-1)
    return image[..., :2] / image[..., 2:]


def to_camera(points: Tensor, R: Tensor, t: Tensor) -> Tensor:
    """World points in the camera frame: (..., 3) -> (..., 3) metres."""
    return (R @ points.unsqueeze(-1)).squeeze(-1) + t


def frontal_camera(size: int, distance: float, focal: float) -> tuple[Tensor, Tensor, Tensor]:
    """A camera in front of the person that looks at the world origin: K (3, 3), R (3, 3), t (3,), float32.

    size: side of the square image in pixels; distance: metres; focal: pixels. The person's left is on the
    image's right and up stays up, hence R = diag(1, -1, -1).
    """
    K = torch.tensor([[focal, 0.0, size / 2], [0.0, focal, size / 2], [0.0, 0.0, 1.0]])
    R = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    return K, R, torch.tensor([0.0, 0.0, distance])
