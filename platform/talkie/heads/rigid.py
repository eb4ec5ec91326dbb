"""The rigid motion between two sets of corresponding points; whose points they are is not known here."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def rigid_motion(source: Tensor, target: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Rotations (..., 3, 3) and shifts (..., 3) with R source + t nearest to target, in least squares without scale.

    source, target: (..., N, 3); weights: (..., N) of the squared distances, all alike where None. Kabsch (1976): the
    singular vectors of the points' covariance, one of them turned about where they would mirror.
    """
    share = torch.ones_like(source[..., 0]) if weights is None else weights
    share = (share / share.sum(-1, keepdim=True))[..., None]
    a, b = (share * source).sum(-2, keepdim=True), (share * target).sum(-2, keepdim=True)
    u, _, vt = torch.linalg.svd((share * (source - a)).transpose(-1, -2) @ (target - b))
    flip = torch.ones(u.shape[:-1], dtype=u.dtype, device=u.device)
    flip[..., 2] = torch.linalg.det(u @ vt).sign()
    turn = ((u * flip[..., None, :]) @ vt).transpose(-1, -2)
    return turn, (b - a @ turn.transpose(-1, -2))[..., 0, :]


def rigid_motion_of(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`rigid_motion` of arrays, in double precision."""
    turn, shift = rigid_motion(*(torch.tensor(points, dtype=torch.float64) for points in (source, target)))
    return turn.numpy(), shift.numpy()
