"""The parts of Stable Diffusion's U-Net under the names that diffusers gives them: residual blocks, attention,
transformer blocks, changes of resolution, the embedding of time. How they are put together is in unet.py."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie_zoo.blocks.activations import silu


class GroupNorm(nn.GroupNorm):
    """torch's, on rows that lie in memory as maps do: of transposed tokens its backward pass reads past the end where
    the weights are frozen (torch 2.13 on the CPU)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.contiguous())


class ResnetBlock(nn.Module):
    """Norm, SiLU, convolution, twice, with the time added between: (N, C, H, W) -> (N, C', H, W)."""

    def __init__(self, inputs: int, outputs: int, time: int | None, groups: int, eps: float = 1e-5):
        super().__init__()
        self.norm1 = GroupNorm(groups, inputs, eps)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        if time is not None:
            self.time_emb_proj = nn.Linear(time, outputs)
        self.norm2 = GroupNorm(groups, outputs, eps)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.conv_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """time: (N, T) embeddings, already through SiLU."""
        y = self.conv1(silu(self.norm1(x)))
        if time is not None:
            y = y + self.time_emb_proj(time)[:, :, None, None]
        y = self.conv2(silu(self.norm2(y)))
        return y + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class Downsample(nn.Module):
    """Half the side by a convolution of stride 2; with `padding` 0 one row and column are added on the far side only,
    as in the autoencoder."""

    def __init__(self, channels: int, padding: int = 1):
        super().__init__()
        self.padding = padding
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x if self.padding else F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Twice the side by repetition, then a convolution."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Attention(nn.Module):
    """Attention of queries (N, Q, C) to a context (N, K, D) in several heads, (N, Q, C)."""

    def __init__(self, channels: int, context: int, heads: int, bias: bool = False):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, bias=bias)
        self.to_k = nn.Linear(context, channels, bias=bias)
        self.to_v = nn.Linear(context, channels, bias=bias)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        return self.mixed(self.to_q(x), self.to_k(context), self.to_v(context))

    def mixed(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attention of what has been projected: q (N, Q, C), k and v (N, K, C)."""
        split = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        out = F.scaled_dot_product_attention(*split)
        return self.to_out[0](out.transpose(1, 2).flatten(2))


class _Gated(nn.Module):
    """GEGLU (Shazeer 2020)."""

    def __init__(self, channels: int, inner: int):
        super().__init__()
        self.proj = nn.Linear(channels, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, -1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    """Four times as wide inside, gated."""

    def __init__(self, channels: int):
        super().__init__()
        # The middle place belongs to a dropout of 0 in the files.
        self.net = nn.ModuleList([_Gated(channels, 4 * channels), nn.Identity(), nn.Linear(4 * channels, channels)])

    def forward(self, x: Tensor) -> Tensor:
        return self.net[2](self.net[0](x))


def time_features(t: Tensor, channels: int) -> Tensor:
    """Cosines, then sines, of steps t (B,) at falling frequencies 10000^(-2i / channels): (B, channels)."""
    half = channels // 2
    rates = torch.exp(-math.log(10_000) * torch.arange(half, device=t.device) / half)
    angles = t[:, None].float() * rates
    return torch.cat([angles.cos(), angles.sin()], -1)


class TimeEmbedding(nn.Module):
    """Two linear layers on `time_features`: steps (B,) -> (B, 4 C)."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels
        self.linear_1 = nn.Linear(channels, 4 * channels)
        self.linear_2 = nn.Linear(4 * channels, 4 * channels)

    def forward(self, t: Tensor) -> Tensor:
        return self.linear_2(silu(self.linear_1(time_features(t, self.channels))))
