"""Residual networks as encoders: features at five sizes (He et al. 2016). Heads are elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
"""Residual blocks of each stage, by the published number of layers; 50 has bottlenecks."""


class ResNetEncoder(nn.Module):
    """Pictures (B, inputs, H, W) -> features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size, with `channels` channels.

    width: of the first stage, 64 as published; 50 layers have four times as many after each stage."""

    def __init__(self, layers: int = 18, width: int = 64, inputs: int = 3):
        super().__init__()
        self.stem = nn.Conv2d(inputs, width, 7, stride=2, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(width)
        grow = 4 if layers >= 50 else 1
        self.channels = (width, *(grow * width * 2**stage for stage in range(4)))
        stages = []
        for stage, (before, after) in enumerate(pairwise(self.channels)):
            inner, stride = width * 2**stage, 1 if stage == 0 else 2
            rest = [_Residual(after, inner, after, 1, grow > 1) for _ in range(BLOCKS[layers][stage] - 1)]
            stages.append(nn.Sequential(_Residual(before, inner, after, stride, grow > 1), *rest))
        self.stages = nn.ModuleList(stages)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pictures: Tensor) -> list[Tensor]:
        found = [F.relu(self.norm(self.stem(pictures)))]
        x = F.max_pool2d(found[0], 3, stride=2, padding=1)
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found


class _Residual(nn.Module):
    """Two 3 x 3 convolutions, or 1 x 1, 3 x 3 and 1 x 1, added to what came in; a 1 x 1 brings that to size."""

    def __init__(self, before: int, inner: int, after: int, stride: int, bottleneck: bool):
        super().__init__()
        plan: Sequence[tuple[int, int, int, int]] = [(before, inner, 3, stride), (inner, after, 3, 1)]
        if bottleneck:
            plan = [(before, inner, 1, 1), (inner, inner, 3, stride), (inner, after, 1, 1)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, k, s, k // 2, bias=False) for a, b, k, s in plan)
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for _, b, _, _ in plan)
        self.short: nn.Module = nn.Identity()
        if stride > 1 or before != after:
            self.short = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        found = x
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            found = norm(conv(F.relu(found) if number else found))
        return F.relu(found + self.short(x))
