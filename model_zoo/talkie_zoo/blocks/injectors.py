"""Conditions of a network that may be soft and may change from frame to frame, and how they enter it. What the
conditions mean lives with each system."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConcatInjector(nn.Module):
    """A condition (B, K) or (B, T, K) through one linear layer, repeated over time and put beside the features."""

    def __init__(self, conditions: int, channels: int):
        super().__init__()
        self.linear = nn.Linear(conditions, channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x (B, T, C) -> (B, T, C + channels)."""
        style = self.linear(condition)
        if style.dim() == 2:
            style = style[:, None].expand(-1, x.shape[1], -1)
        return torch.cat([x, style], -1)
