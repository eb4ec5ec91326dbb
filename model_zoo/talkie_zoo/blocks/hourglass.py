"""Convolution blocks of the keypoint and warping networks, and the hourglass that they make. What a network reads off
its features is elsewhere."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SameBlock(nn.Module):
    """Convolution, batch normalisation, ReLU: (B, inputs, H, W) -> (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class DownBlock(SameBlock):
    """A SameBlock and the mean of two by two: half the size."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(super().forward(x), 2)


class UpBlock(SameBlock):
    """Nearest neighbours to twice the size, and a SameBlock."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.interpolate(x, scale_factor=2))


class ResidualBlock(nn.Module):
    """Twice normalisation, ReLU and convolution, added to what came in (He et al. 2016, pre-activation)."""

    def __init__(self, channels: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        found = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            found = conv(F.relu(norm(found)))
        return x + found


class Hourglass(nn.Module):
    """`depth` halvings and doublings with a skip at every size (Newell et al. 2016): (B, inputs, H, W) ->
    (B, `channels`, H, W), the last `inputs` of which are the input itself. H and W are multiples of 2^depth.

    The block at level i has base * 2^i channels, `most` at most."""

    def __init__(self, inputs: int, base: int, depth: int, most: int):
        super().__init__()
        widths = [inputs, *(min(most, base * 2**level) for level in range(1, depth + 1))]
        self.down = nn.ModuleList(DownBlock(a, b) for a, b in pairwise(widths))
        ups = []
        for level in reversed(range(depth)):
            below = min(most, base * 2 ** (level + 1)) * (1 if level == depth - 1 else 2)
            ups.append(UpBlock(below, min(most, base * 2**level)))
        self.up = nn.ModuleList(ups)
        self.channels = base + inputs

    def forward(self, x: Tensor) -> Tensor:
        skips = [x]
        for block in self.down:
            skips.append(block(skips[-1]))
        found = skips.pop()
        for block in self.up:
            found = torch.cat([block(found), skips.pop()], 1)
        return found
