"""FLINT, the temporal motion prior of EMOTE: a variational autoencoder with one latent vector per eight frames, and the
layer that squashes eight frames of another network into one of its latents."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie_zoo.blocks.alibi import AlibiLayer

STRIDE = 8
"""Frames under one latent vector."""


def kl_to_normal(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, 1)), summed over the last axis: (..., W) -> (...)."""
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(-1)


def to_stride(x: Tensor) -> Tensor:
    """(B, T, C) padded with zeros at the end to a multiple of STRIDE frames."""
    return F.pad(x, (0, 0, 0, -x.shape[1] % STRIDE))


class Squash(nn.Module):
    """EMOTE's "stack-linear": STRIDE consecutive frames side by side, then one linear layer to a latent vector."""

    def __init__(self, channels: int, latent: int):
        super().__init__()
        self.linear = nn.Linear(STRIDE * channels, latent)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, ceil(T / STRIDE), latent)."""
        x = to_stride(x)
        return self.linear(x.reshape(len(x), x.shape[1] // STRIDE, -1))


class Conv(nn.Module):
    """Conv1d k5 with replicated edges -> LeakyReLU 0.2 -> BatchNorm; x (B, C, T)."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels, 5, stride, 2, padding_mode="replicate")
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(F.leaky_relu(self.conv(x), 0.2))


class TemporalVAE(nn.Module):
    """Motion (B, T, D) <-> latents (B, T / 8, W). D numbers a frame are standardised by whoever calls.

    Encoder: three convolutions, the first with stride 2, the others followed by pooling; a linear and a transformer
    layer; mean and log-variance. Decoder: a transposed convolution of stride 2, twice a convolution and doubled
    frames; a linear and a transformer layer at the frame rate; a zero-initialised linear layer and a smoothing
    convolution, so that an untrained prior answers its bias.

    `out_std` above 0 is another start, for short training: that layer's first weights have this deviation, smoothing
    begins as the identity, and the posterior narrow (NARROW). From the published start the decoder first learns to do
    without latents that are mostly noise, which thousands of steps mend and hundreds do not.
    """

    NARROW = -4.0
    """First log-variance of the posterior where `out_std` is above 0."""

    def __init__(self, dimensions: int, width: int, heads: int, feedforward: int, out_std: float = 0.0):
        super().__init__()
        self.width = width
        self.down = nn.ModuleList([Conv(dimensions, width, 2), Conv(width, width), Conv(width, width)])
        self.enter = nn.Linear(width, width)
        self.encoder = AlibiLayer(width, heads, feedforward)
        self.mean, self.logvar = nn.Linear(width, width), nn.Linear(width, width)
        self.rise = nn.ConvTranspose1d(width, width, 5, 2, 2, output_padding=1)
        self.rise_norm = nn.BatchNorm1d(width)
        self.up = nn.ModuleList([Conv(width, width), Conv(width, width)])
        self.leave = nn.Linear(width, width)
        self.decoder = AlibiLayer(width, heads, feedforward)
        self.out = nn.Linear(width, dimensions)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.smooth = nn.Conv1d(dimensions, dimensions, 5, 1, 2, padding_mode="replicate")
        if out_std:
            nn.init.normal_(self.out.weight, std=out_std)
            nn.init.dirac_(self.smooth.weight)
            nn.init.normal_(self.logvar.weight, std=0.01)
            nn.init.constant_(self.logvar.bias, self.NARROW)

    def encode(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        """motion (B, T, D), T a multiple of STRIDE -> mean and log-variance (B, T / 8, W)."""
        x = motion.transpose(1, 2)
        for number, conv in enumerate(self.down):
            x = conv(x)
            x = F.max_pool1d(x, 2) if number else x
        x = self.encoder(self.enter(x.transpose(1, 2)))
        return self.mean(x), self.logvar(x)

    def decode(self, latents: Tensor) -> Tensor:
        """(B, L, W) -> (B, 8 L, D)."""
        x = self.rise_norm(F.leaky_relu(self.rise(latents.transpose(1, 2)), 0.2))
        for conv in self.up:
            x = conv(x).repeat_interleave(2, -1)
        x = self.out(self.decoder(self.leave(x.transpose(1, 2))))
        return self.smooth(x.transpose(1, 2)).transpose(1, 2)

    def forward(self, motion: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction (B, T, D) from a drawn latent (its mean in eval mode), mean and log-variance."""
        mean, logvar = self.encode(motion)
        noise = torch.randn_like(mean) if self.training else torch.zeros_like(mean)
        return self.decode(mean + noise * (0.5 * logvar).exp()), mean, logvar
