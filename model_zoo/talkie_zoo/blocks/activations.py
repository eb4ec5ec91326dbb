"""Activations written out, so that a resumed run repeats a straight one to the last bit: with torch's own, gradients of
the two were seen to differ in it (torch 2.13 on the CPU)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def silu(x: Tensor) -> Tensor:
    """x sigmoid(x) (Elfwing et al. 2018)."""
    return x * x.sigmoid()


class SiLU(nn.Module):
    """`silu` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return silu(x)


class Mish(nn.Module):
    """x tanh(softplus(x)) (Misra 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * F.softplus(x).tanh()
