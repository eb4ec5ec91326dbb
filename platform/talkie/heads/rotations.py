"""Rotations as axis-angle vectors and matrices, batched and differentiable; nothing here knows about heads."""

from __future__ import annotations

import torch
from torch import Tensor


def _skew(a: Tensor) -> Tensor:
    """Cross-product matrix of a: (..., 3) -> (..., 3, 3), skew(a) @ b == cross(a, b)."""
    x, y, z = a.unbind(-1)
    zero = torch.zeros_like(x)
    rows = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1)
    return rows.reshape(*a.shape[:-1], 3, 3)


def axis_angle_to_matrix(a: Tensor) -> Tensor:
    """Rotation matrices of axis-angle vectors: (..., 3) radians -> (..., 3, 3).

    Rodrigues' formula R = I + sin(t)/t K + (1 - cos(t))/t^2 K^2; below t^2 = 1e-6 the two quotients are
    their Taylor series, so that values and gradients are exact at zero.
    """
    square = (a * a).sum(-1)[..., None, None]
    small = square < 1e-6
    safe = torch.where(small, torch.ones_like(square), square)
    angle = safe.sqrt()
    first = torch.where(small, 1 - square / 6, torch.sin(angle) / angle)
    # 2 sin^2(t/2) instead of 1 - cos(t): no cancellation at small angles in float32.
    second = torch.where(small, 0.5 - square / 24, 2 * torch.sin(angle / 2) ** 2 / safe)
    k = _skew(a)
    return torch.eye(3, dtype=a.dtype, device=a.device) + first * k + second * (k @ k)


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:
    """Axis-angle vectors of rotation matrices: (..., 3, 3) -> (..., 3), angle in [0, pi].

    Goes through the unit quaternion of largest component (Shepperd 1978), stable at every angle.
    Differentiable wherever the angle is neither 0 nor pi.
    """
    m = matrix
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    d0, d1, d2 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    scale = torch.stack([1 + trace, 1 + 2 * d0 - trace, 1 + 2 * d1 - trace, 1 + 2 * d2 - trace], dim=-1)
    wx, wy, wz = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz, yz = m[..., 1, 0] + m[..., 0, 1], m[..., 2, 0] + m[..., 0, 2], m[..., 2, 1] + m[..., 1, 2]
    rows = torch.stack(
        [
            torch.stack([scale[..., 0], wx, wy, wz], dim=-1),
            torch.stack([wx, scale[..., 1], xy, xz], dim=-1),
            torch.stack([wy, xy, scale[..., 2], yz], dim=-1),
            torch.stack([wz, xz, yz, scale[..., 3]], dim=-1),
        ],
        dim=-2,
    )
    best = scale.argmax(-1)[..., None, None].expand(*scale.shape[:-1], 1, 4)
    quaternion = torch.nn.functional.normalize(rows.gather(-2, best).squeeze(-2), dim=-1)
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    w, xyz = quaternion[..., :1], quaternion[..., 1:]
    sine = xyz.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, w)
    return torch.where(sine > 1e-7, angle / sine.clamp_min(1e-7), torch.full_like(sine, 2.0)) * xyz
