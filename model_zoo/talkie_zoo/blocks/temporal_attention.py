"""Attention over time at every place of a map, for image networks that are to make video: the motion module of
AnimateDiff (Guo et al. 2024), second version. It changes nothing before it is trained."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from talkie.errors import BadInput
from talkie_zoo.blocks.unet_parts import Attention, FeedForward, GroupNorm


class _Positions(nn.Module):
    """Sines and cosines of the frame number (Vaswani et al. 2017), added."""

    pe: Tensor

    def __init__(self, channels: int, length: int):
        super().__init__()
        angles = torch.arange(length)[:, None] * torch.exp(
            torch.arange(0, channels, 2) * (-math.log(10_000) / channels)
        )
        table = torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[None, :, :channels]
        self.register_buffer("pe", table)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pe[:, : x.shape[1]]


class _TimeAttention(Attention):
    def __init__(self, channels: int, heads: int, length: int):
        super().__init__(channels, channels, heads)
        self.pos_encoder = _Positions(channels, length)

    def over(self, x: Tensor) -> Tensor:
        placed = self.pos_encoder(x)
        return self(placed, placed)


class _Block(nn.Module):
    def __init__(self, channels: int, heads: int, length: int):
        super().__init__()
        self.attention_blocks = nn.ModuleList(_TimeAttention(channels, heads, length) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.ff, self.ff_norm = FeedForward(channels), nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        for norm, attention in zip(self.norms, self.attention_blocks, strict=True):
            x = x + attention.over(norm(x))
        return x + self.ff(self.ff_norm(x))


class _Transformer(nn.Module):
    def __init__(self, channels: int, heads: int, length: int, groups: int):
        super().__init__()
        self.norm = GroupNorm(groups, channels, 1e-6)
        self.proj_in = nn.Linear(channels, channels)
        self.transformer_blocks = nn.ModuleList([_Block(channels, heads, length)])
        self.proj_out = nn.Linear(channels, channels)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)


class TemporalModule(nn.Module):
    """Maps (B F, C, H, W) -> the same shape; frames of a sample see each other and the frames before them.

    `length`: the most frames that one pass holds, those before included. The norm is of each frame by itself.
    """

    def __init__(self, channels: int, heads: int, length: int, groups: int):
        super().__init__()
        self.length = length
        self.temporal_transformer = _Transformer(channels, heads, length, groups)

    def forward(self, x: Tensor, frames: int, before: Tensor | None = None) -> Tensor:
        """before: (B, M, C, H, W), maps of M frames that come before, seen and not changed. Raises BadInput for more
        frames than positions."""
        net = self.temporal_transformer
        samples, places = len(x) // frames, x.shape[-2] * x.shape[-1]
        maps = x if before is None else torch.cat([before, x.unflatten(0, (samples, frames))], 1).flatten(0, 1)
        total = len(maps) // samples
        if total > self.length:
            raise BadInput(f"{total} frames in one pass of {self.length}", cure="make the clips of a pass shorter")
        tokens = net.norm(maps).view(samples, total, -1, places).permute(0, 3, 1, 2).flatten(0, 1)
        tokens = net.transformer_blocks[0](net.proj_in(tokens))
        change = net.proj_out(tokens[:, total - frames :])
        return x + change.view(samples, places, frames, -1).permute(0, 2, 3, 1).reshape(x.shape)
