"""A transformer encoder layer whose attention is biased by distance alone, alike for past and future (ALiBi made
symmetric), in the post-norm form of torch's own layer. Layers with another norm are in temporal.py."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def alibi_slopes(heads: int) -> Tensor:
    """(heads,) 2^(-8k/heads) for k = 1 … heads (Press et al. 2022, for powers of two)."""
    return 2.0 ** (-torch.arange(1, heads + 1) * 8.0 / heads)


def alibi_bias(heads: int, frames: int, period: int = 1) -> Tensor:
    """(heads, frames, frames) with bias(h, i, j) = -slope_h * floor(|i - j| / period): FaceFormer's periodic bias
    together with its flip, so that what lies ahead counts as what lies behind."""
    steps = torch.arange(frames)
    distance = (steps[:, None] - steps[None, :]).abs() // period
    return -alibi_slopes(heads)[:, None, None] * distance


class AlibiLayer(nn.Module):
    """Self-attention, then a feed-forward net with GELU, each added and normalised; `period` frames share a bias."""

    def __init__(self, channels: int, heads: int, feedforward: int, dropout: float = 0.0, period: int = 1):
        super().__init__()
        self.heads, self.dropout, self.period = heads, dropout, period
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.wide, self.narrow = nn.Linear(channels, feedforward), nn.Linear(feedforward, channels)
        self.norm_attention, self.norm_feedforward = nn.LayerNorm(channels), nn.LayerNorm(channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, T, C), mask (B, T) bool, True where the frame is real -> (B, T, C)."""
        batch, time, channels = x.shape
        q, k, v = self.qkv(x).view(batch, time, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = alibi_bias(self.heads, time, self.period).to(x)[None]
        if mask is not None:
            bias = bias.masked_fill(~mask[:, None, None, :], torch.finfo(x.dtype).min)
        scores = torch.softmax(q @ k.transpose(-1, -2) / (channels // self.heads) ** 0.5 + bias, -1)
        mixed = (self._drop(scores) @ v).transpose(1, 2).reshape(batch, time, channels)
        x = self.norm_attention(x + self._drop(self.out(mixed)))
        return self.norm_feedforward(x + self._drop(self.narrow(self._drop(F.gelu(self.wide(x))))))

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)
