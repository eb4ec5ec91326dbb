"""Rigid motions as tensors: rotations from six numbers, motions applied, composed and undone."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


def rotation_of(columns: Tensor) -> Tensor:
    """Two columns (..., 6) made a rotation (..., 3, 3) by Gram-Schmidt (Zhou et al., CVPR 2019)."""
    first = torch.nn.functional.normalize(columns[..., :3], dim=-1)
    second = columns[..., 3:] - (first * columns[..., 3:]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.cross(first, second, dim=-1)], dim=-1)


class Rigid(NamedTuple):
    """x -> R x + t, with R (..., 3, 3) and t (..., 3)."""

    R: Tensor
    t: Tensor

    def move(self, points: Tensor) -> Tensor:
        """Points (..., N, 3) moved."""
        return points @ self.R.transpose(-1, -2) + self.t[..., None, :]

    def after(self, first: Rigid) -> Rigid:
        """The motion that does `first` and then this one."""
        return Rigid(self.R @ first.R, (self.R @ first.t[..., None])[..., 0] + self.t)

    def undone(self) -> Rigid:
        """The inverse motion."""
        back = self.R.transpose(-1, -2)
        return Rigid(back, -(back @ self.t[..., None])[..., 0])
