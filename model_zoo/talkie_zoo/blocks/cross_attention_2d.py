"""Attention between two feature maps of one picture: where to look is asked by one of them (depth, pose), what is there
is read off the other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CrossAttention2d(nn.Module):
    """features + gamma softmax(q^T k) v over all positions: q = ReLU(1x1(guide)), k and v = ReLU(1x1(features)), k and
    q of an eighth of the channels, no scaling; gamma begins at 0 (as SAGAN's, Zhang et al. 2019). (B, C, h, w) twice.

    pool: keys and values are means of so many by so many places, for which attention takes 1 / pool^2 of the time."""

    def __init__(self, channels: int, guide: int, pool: int = 1):
        super().__init__()
        self.pool = pool
        self.query = nn.Conv2d(guide, max(1, channels // 8), 1)
        self.key = nn.Conv2d(channels, max(1, channels // 8), 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, features: Tensor, guide: Tensor) -> Tensor:
        there = F.avg_pool2d(features, self.pool) if self.pool > 1 else features
        query, key, value = (
            F.relu(part(x)).flatten(2).transpose(1, 2)[:, None]
            for part, x in ((self.query, guide), (self.key, there), (self.value, there))
        )
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        return features + self.gamma * seen[:, 0].transpose(1, 2).reshape(features.shape)
