"""A diffusion transformer over a window of motion (Ditto's LMDM, after EDGE, Tseng et al. 2023): rotary embedding,
cross-attention to conditions, FiLM from the time. Noise schedules and sampling live elsewhere."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie_zoo.blocks.activations import Mish, SiLU


def rotary(x: Tensor) -> Tensor:
    """Pairs of channels turned by the place in time (Su et al. 2021): (B, T, C) -> the same shape; over the whole
    width, before heads are split."""
    time, width = x.shape[1:]
    rates = 10_000.0 ** (-torch.arange(0, width, 2, device=x.device) / width)
    turn = torch.arange(time, device=x.device)[:, None] * rates
    cos, sin = turn.cos().to(x), turn.sin().to(x)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


def time_embedding(steps: Tensor, channels: int) -> Tensor:
    """Sinusoids of diffusion steps (B,) -> (B, C)."""
    half = channels // 2
    rates = torch.exp(-math.log(10_000) * torch.arange(half, device=steps.device) / (half - 1))
    turn = steps[:, None].float() * rates
    return torch.cat([turn.sin(), turn.cos()], -1)


class Attention(nn.Module):
    """Multi-head attention whose queries and keys are rotary."""

    def __init__(self, channels: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value, self.out = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """x (B, T, C) asks memory (B, M, C): (B, T, C)."""
        q, k = self._split(self.query(rotary(x))), self._split(self.key(rotary(memory)))
        v = self._split(self.value(memory))
        scores = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, -1)
        scores = F.dropout(scores, self.dropout, self.training)
        return self.out((scores @ v).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def _feed_forward(channels: int, hidden: int, dropout: float) -> nn.Module:
    return nn.Sequential(nn.Linear(channels, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, channels))


class EncoderLayer(nn.Module):
    """Pre-norm self-attention and feed-forward over the conditions."""

    def __init__(self, channels: int, hidden: int, heads: int, dropout: float):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.attention, self.ff = Attention(channels, heads, dropout), _feed_forward(channels, hidden, dropout)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norms[0](x)
        x = x + self.drop(self.attention(y, y))
        return x + self.drop(self.ff(self.norms[1](x)))


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention and feed-forward, each scaled and shifted (FiLM, Perez et al. 2018) by the time
    vector before it joins the skip."""

    def __init__(self, channels: int, hidden: int, heads: int, dropout: float):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))
        self.own, self.cross = Attention(channels, heads, dropout), Attention(channels, heads, dropout)
        self.ff = _feed_forward(channels, hidden, dropout)
        # All three at once: one product, and one gradient of the time.
        self.film = nn.Sequential(Mish(), nn.Linear(channels, 6 * channels))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, memory: Tensor, time: Tensor) -> Tensor:
        """x (B, T, C), memory (B, M, C), time (B, C)."""

        films = self.film(time)[:, None].chunk(6, -1)

        def joined(x: Tensor, y: Tensor, place: int) -> Tensor:
            return x + (1 + films[2 * place]) * self.drop(y) + films[2 * place + 1]

        y = self.norms[0](x)
        x = joined(x, self.own(y, y), 0)
        x = joined(x, self.cross(self.norms[1](x), memory), 1)
        return joined(x, self.ff(self.norms[2](x)), 2)


class MotionDiT(nn.Module):
    """Predicts the clean motion of a window from noise, the motion just before it, and conditions a frame.

    The start motion is repeated over time and laid beside the noise, so that it never passes attention. Conditions that
    are dropped become learned tokens and a learned vector, for guidance without a classifier.

    `aligned`: each condition's token is also added to the motion of its own frame. Otherwise, as published, conditions
    come in by cross-attention alone, which must first learn which of them belongs to which frame."""

    def __init__(
        self,
        motion: int,
        conditions: int,
        window: int,
        channels: int,
        hidden: int,
        heads: int,
        encoders: int,
        decoders: int,
        dropout: float,
        aligned: bool = False,
    ):
        super().__init__()
        self.aligned = aligned
        self.input = nn.Linear(2 * motion, channels)
        self.condition = nn.Linear(conditions, channels)
        self.encoder = nn.ModuleList(EncoderLayer(channels, hidden, heads, dropout) for _ in range(encoders))
        self.summary = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, channels), SiLU(), nn.Linear(channels, channels)
        )
        self.time = nn.Sequential(nn.Linear(channels, 4 * channels), Mish())
        self.time_vector, self.time_tokens = nn.Linear(4 * channels, channels), nn.Linear(4 * channels, 2 * channels)
        self.null_tokens = nn.Parameter(torch.randn(1, window, channels))
        self.null_vector = nn.Parameter(torch.randn(1, channels))
        self.norm = nn.LayerNorm(channels)
        self.decoder = nn.ModuleList(DecoderLayer(channels, hidden, heads, dropout) for _ in range(decoders))
        self.output = nn.Linear(channels, motion)

    def encoded(self, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """What the conditions (B, L, C) say: tokens (B, L, channels) and a vector (B, channels). It does not depend on
        the noise, so that sampling asks once."""
        tokens = self.condition(conditions)
        for layer in self.encoder:
            tokens = layer(tokens)
        return tokens, self.summary(tokens.mean(1))

    def unconditioned(self, tokens: Tensor, vector: Tensor, dropped: Tensor) -> tuple[Tensor, Tensor]:
        """The learned null in place of what is dropped, (B,) bool."""
        return (
            torch.where(dropped[:, None, None], self.null_tokens, tokens),
            torch.where(dropped[:, None], self.null_vector, vector),
        )

    def forward(self, noisy: Tensor, start: Tensor, step: Tensor, tokens: Tensor, vector: Tensor) -> Tensor:
        """noisy (B, L, M), start (B, M), step (B,), tokens and vector as `encoded` says -> clean motion (B, L, M)."""
        x = self.input(torch.cat([noisy, start[:, None].expand_as(noisy)], -1))
        if self.aligned:
            x = x + tokens
        hidden = self.time(time_embedding(step, x.shape[-1]))
        time = self.time_vector(hidden) + vector
        memory = self.norm(torch.cat([tokens, self.time_tokens(hidden).unflatten(-1, (2, -1))], 1))
        for layer in self.decoder:
            x = layer(x, memory, time)
        return self.output(x)
