"""ConvNeXt V2 (Woo et al. 2023), the convolutional backbone with global response normalisation. Heads that read a
picture off it live with each system."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of maps (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class ConvNeXtBlock(nn.Module):
    """Depthwise 7 x 7, LayerNorm, widened four times with GELU, global response normalisation, back, and the skip."""

    def __init__(self, channels: int):
        super().__init__()
        self.spread = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.widen, self.narrow = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.gain = nn.Parameter(torch.zeros(4 * channels))
        self.bias = nn.Parameter(torch.zeros(4 * channels))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) -> the same shape."""
        y = F.gelu(self.widen(self.norm(self.spread(x).movedim(1, -1))))
        # Equation 3 of the paper: a channel's norm over the picture, against the mean of all channels.
        response = y.norm(dim=(1, 2), keepdim=True)
        y = y + self.gain * (y * response / (response.mean(-1, keepdim=True) + 1e-6)) + self.bias
        return x + self.narrow(y).movedim(-1, 1)


class ConvNeXt(nn.Module):
    """Stages of blocks; the stem takes patches of 4 pixels, every later stage halves the map."""

    def __init__(self, channels: Sequence[int], depths: Sequence[int], patch: int = 4):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels[0], patch, patch), ChannelNorm(channels[0], eps=1e-6))
        halvings = (nn.Sequential(ChannelNorm(a, eps=1e-6), nn.Conv2d(a, b, 2, 2)) for a, b in pairwise(channels))
        self.halvings = nn.ModuleList([nn.Identity(), *halvings])
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNeXtBlock(width) for _ in range(depth)))
            for width, depth in zip(channels, depths, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, S, S) -> the last map (B, C, S / (patch * 2^(stages - 1)), ...)."""
        x = self.stem(x)
        for halve, stage in zip(self.halvings, self.stages, strict=True):
            x = stage(halve(x))
        return x
