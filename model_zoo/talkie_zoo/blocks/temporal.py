"""Blocks over time: masks, the adaptor from one frame rate to another, attention with a distance penalty, temporal
convolutions, and cross-faded windows. Shapes are (batch, time, channels)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mask_of(lengths: Tensor, size: int) -> Tensor:
    """(B,) valid lengths -> (B, size) bool, True where the frame is real."""
    return torch.arange(size, device=lengths.device)[None, :] < lengths[:, None]


def resample(x: Tensor, lengths: Tensor, targets: Tensor, size: int) -> Tensor:
    """Linear interpolation of each row from its own length to its own target: (B, M, C) -> (B, size, C).

    Row b equals F.interpolate(x[b, :lengths[b]], targets[b], align_corners=True), whatever the padding; frames past
    the target are zero. This is the frequency adaptor of FaceFormer and UniTalker.
    """
    steps = torch.arange(size, device=x.device)[None, :].float()
    span = (lengths - 1).float() / (targets - 1).clamp_min(1).float()
    position = torch.minimum(steps * span[:, None], (lengths - 1)[:, None].float())
    low = position.floor().long()
    high = torch.minimum(low + 1, (lengths - 1)[:, None])
    weight = (position - low)[..., None]
    rows = torch.arange(len(x), device=x.device)[:, None]
    return (x[rows, low] * (1 - weight) + x[rows, high] * weight) * mask_of(targets, size)[..., None]


class AttentionLayer(nn.Module):
    """Pre-norm transformer layer whose attention falls off linearly with distance (ALiBi, Press et al. 2022, made
    symmetric), so that what is trained on seconds holds on long windows."""

    slopes: Tensor

    def __init__(self, channels: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm_attention, self.norm_mlp = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))
        self.register_buffer("slopes", 2.0 ** (-torch.arange(1, heads + 1) * 8.0 / heads), persistent=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, C), mask (B, T) bool -> (B, T, C)."""
        batch, time, channels = x.shape
        q, k, v = self.qkv(self.norm_attention(x)).view(batch, time, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        steps = torch.arange(time, device=x.device)
        distance = (steps[:, None] - steps[None, :]).abs()
        bias = -self.slopes[:, None, None] * distance
        bias = bias[None].masked_fill(~mask[:, None, None, :], -torch.inf)
        # Scores are written out: the fused kernel's backward pass with a float mask is slower on the CPU.
        scores = torch.softmax(q @ k.transpose(-1, -2) / (channels // self.heads) ** 0.5 + bias, -1)
        mixed = (scores @ v).transpose(1, 2).reshape(batch, time, channels)
        x = x + F.dropout(self.out(mixed), self.dropout, self.training)
        return x + F.dropout(self.mlp(self.norm_mlp(x)), self.dropout, self.training)


class ConvBlock(nn.Module):
    """Conv1d k3 -> LayerNorm over channels -> + skip -> ReLU; the skip is a Conv1d k3 where the width changes."""

    def __init__(self, channels_in: int, channels: int):
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels, 3, padding=1)
        self.norm = nn.LayerNorm(channels)
        self.skip = nn.Conv1d(channels_in, channels, 3, padding=1) if channels_in != channels else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, C), mask (B, T) bool -> (B, T, C'), zero outside the mask so that padding never leaks in."""
        turned = x.transpose(1, 2)
        y = self.norm(self.conv(turned).transpose(1, 2)) + self.skip(turned).transpose(1, 2)
        return F.relu(y) * mask[..., None]


class TemporalDecoder(nn.Module):
    """UniTalker's TCN: a linear layer, dropout, a style vector on every frame, then three convolution blocks."""

    def __init__(self, channels_in: int, channels: int, style: int, dropout: float, blocks: int = 3):
        super().__init__()
        self.input, self.dropout = nn.Linear(channels_in, channels), nn.Dropout(dropout)
        widths = [channels + style] + [channels] * blocks
        self.blocks = nn.ModuleList(ConvBlock(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor, style: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, C_in), style (B, S), mask (B, T) bool -> (B, T, C)."""
        x = self.dropout(self.input(x))
        x = torch.cat([x, style[:, None].expand(-1, x.shape[1], -1)], -1) * mask[..., None]
        for block in self.blocks:
            x = block(x, mask)
        return x


def windows(frames: int, size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Spans [start, end) of at most `size` frames that cover `frames`, neighbours sharing `overlap` of them."""
    start = 0
    while True:
        end = min(start + size, frames)
        yield start, end
        if end == frames:
            return
        start = end - overlap


def crossfaded(frames: int, size: int, overlap: int, piece: Callable[[int, int], Tensor]) -> Tensor:
    """The whole of `piece(start, end) -> (end - start, C)` computed window by window, (frames, C).

    Where two windows overlap, the weight moves linearly from the earlier to the later one.
    """
    parts: list[Tensor] = []
    done = 0
    for start, end in windows(frames, size, overlap):
        new = piece(start, end)
        shared = done - start
        if shared > 0:
            fade = torch.linspace(0, 1, shared + 2)[1:-1, None]
            last = parts.pop()
            parts.append(torch.cat([last[:-shared], last[-shared:] * (1 - fade) + new[:shared] * fade]))
            new = new[shared:]
        parts.append(new)
        done = end
    return torch.cat(parts)
