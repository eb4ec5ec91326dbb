"""The autoencoder that latent diffusion works in: AutoencoderKL of Stable Diffusion, from a config or from a path. Its
parameters have the names of diffusers, so that those files load; diffusers itself is not needed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie_zoo.blocks.activations import silu
from talkie_zoo.blocks.stored_weights import load_named
from talkie_zoo.blocks.unet_parts import Attention, Downsample, GroupNorm, ResnetBlock, Upsample

OLD_NAMES = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
"""How attention was called in files from before diffusers 0.15, sd-vae-ft-mse among them."""


class _Stage(nn.Module):
    """Residual blocks at one resolution and the step to the next."""

    def __init__(self, widths: tuple[int, int], layers: int, groups: int, step: nn.Module | None, name: str):
        super().__init__()
        pairs = [widths] + [(widths[1], widths[1])] * (layers - 1)
        self.resnets = nn.ModuleList(ResnetBlock(a, b, None, groups, 1e-6) for a, b in pairs)
        self.step = name
        if step is not None:
            setattr(self, name, nn.ModuleList([step]))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.resnets:
            x = block(x)
        for step in getattr(self, self.step, ()):
            x = step(x)
        return x


class _MapAttention(Attention):
    """One head over all places of a map, with its own group norm."""

    def __init__(self, channels: int, groups: int):
        super().__init__(channels, channels, 1, bias=True)
        self.group_norm = GroupNorm(groups, channels, 1e-6)

    def over(self, x: Tensor) -> Tensor:
        tokens = self.group_norm(x).flatten(2).transpose(1, 2)
        return x + self(tokens, tokens).transpose(1, 2).view_as(x)


class _Middle(nn.Module):
    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.resnets = nn.ModuleList(ResnetBlock(channels, channels, None, groups, 1e-6) for _ in range(2))
        self.attentions = nn.ModuleList([_MapAttention(channels, groups)])

    def forward(self, x: Tensor) -> Tensor:
        return self.resnets[1](self.attentions[0].over(self.resnets[0](x)))


class _Encoder(nn.Module):
    def __init__(self, widths: Sequence[int], layers: int, groups: int, latent: int):
        super().__init__()
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        steps = [Downsample(width, padding=0) for width in widths[:-1]]
        pairs = pairwise([widths[0], *widths])
        self.down_blocks = nn.ModuleList(
            _Stage(pair, layers, groups, step, "downsamplers") for pair, step in zip(pairs, [*steps, None], strict=True)
        )
        self.mid_block = _Middle(widths[-1], groups)
        self.conv_norm_out = GroupNorm(groups, widths[-1], 1e-6)
        self.conv_out = nn.Conv2d(widths[-1], 2 * latent, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for block in self.down_blocks:
            x = block(x)
        return self.conv_out(silu(self.conv_norm_out(self.mid_block(x))))


class _Decoder(nn.Module):
    def __init__(self, widths: Sequence[int], layers: int, groups: int, latent: int):
        super().__init__()
        falling = list(reversed(widths))
        self.conv_in = nn.Conv2d(latent, falling[0], 3, padding=1)
        self.mid_block = _Middle(falling[0], groups)
        steps = [Upsample(width) for width in falling[:-1]]
        pairs = pairwise([falling[0], *falling])
        self.up_blocks = nn.ModuleList(
            _Stage(pair, layers + 1, groups, step, "upsamplers")
            for pair, step in zip(pairs, [*steps, None], strict=True)
        )
        self.conv_norm_out = GroupNorm(groups, falling[-1], 1e-6)
        self.conv_out = nn.Conv2d(falling[-1], 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mid_block(self.conv_in(x))
        for block in self.up_blocks:
            x = block(x)
        return self.conv_out(silu(self.conv_norm_out(x)))


class Autoencoder(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] <-> latents (N, C, H / factor, W / factor) of unit deviation.

    `scale` multiplies the raw latents (0.18215 for Stable Diffusion's); `measure` finds it, and a mean of each channel,
    for an autoencoder trained here. Each of `widths` but the first halves the side. `linear`: a linear code of patches
    and back runs beside the network, which begins with nothing; it is right about faces and colours that hundreds of
    steps never showed. Stable Diffusion's has none.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self, widths: Sequence[int], layers: int, groups: int, latent: int, scale: float = 1.0, linear: bool = False
    ):
        super().__init__()
        self.factor, self.channels = 2 ** (len(widths) - 1), latent
        self.encoder = _Encoder(widths, layers, groups, latent)
        self.decoder = _Decoder(widths, layers, groups, latent)
        self.quant_conv = nn.Conv2d(2 * latent, 2 * latent, 1)
        self.post_quant_conv = nn.Conv2d(latent, latent, 1)
        self.patch_in = nn.Conv2d(3, latent, self.factor, self.factor) if linear else None
        self.patch_out = nn.ConvTranspose2d(latent, 3, self.factor, self.factor) if linear else None
        if linear:
            for layer in (self.quant_conv, self.decoder.conv_out):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.register_buffer("shift", torch.zeros(1, latent, 1, 1))
        self.register_buffer("scale", torch.full((1, latent, 1, 1), scale))

    def load(self, path: Path) -> None:
        """Takes the weights of a folder as diffusers writes it. Raises BadConfig naming what does not fit."""
        load_named(self, path, own=("shift", "scale"), renamed=OLD_NAMES)

    def posterior(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the raw latents."""
        mean, logvar = self.quant_conv(self.encoder(pictures)).chunk(2, 1)
        if self.patch_in is not None:
            mean = mean + self.patch_in(pictures)
        return mean, logvar.clamp(-30, 20)

    def raw_decoded(self, raw: Tensor) -> Tensor:
        """Pictures of raw latents."""
        pictures = self.decoder(self.post_quant_conv(raw))
        return pictures if self.patch_out is None else pictures + self.patch_out(raw)

    @torch.no_grad()
    def begin(self, pictures: Tensor) -> None:
        """The linear code starts as the principal components of the patches of pictures (N, 3, H, W) about their mean
        colour (Hotelling 1933)."""
        assert self.patch_in is not None
        assert self.patch_out is not None
        colour, side = pictures.mean((0, 2, 3)), self.factor
        patches = F.unfold(pictures - colour[:, None, None], side, stride=side).transpose(1, 2).flatten(0, 1)
        axes = torch.linalg.eigh(patches.T @ patches).eigenvectors[:, -self.channels :].T.view(-1, 3, side, side)
        for layer, bias in ((self.patch_in, -axes.sum((2, 3)) @ colour), (self.patch_out, colour)):
            layer.weight.copy_(axes)
            layer.bias.copy_(bias)  # type: ignore[union-attr]

    @torch.no_grad()
    def measure(self, pictures: Tensor) -> None:
        """Sets `shift` and `scale` so that the latents of these pictures have mean 0 by channel and deviation 1 over
        all: a scale for each would make as much of the finest texture as of the mouth."""
        raw = self.posterior(pictures)[0]
        self.shift.copy_(raw.mean((0, 2, 3), keepdim=True))
        self.scale.fill_(1 / (raw - self.shift).std().clamp_min(1e-6))

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents: the posterior's mean, so that equal pictures have equal ones."""
        return (self.posterior(pictures)[0] - self.shift) * self.scale

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures in [-1, 1]."""
        return self.raw_decoded(latents / self.scale + self.shift).clamp(-1, 1)

    def losses(self, pictures: Tensor, kl_weight: float) -> dict[str, Tensor]:
        """Mean absolute error of a picture drawn through the posterior, and its divergence from N(0, 1)."""
        mean, logvar = self.posterior(pictures)
        again = self.raw_decoded(mean + (0.5 * logvar).exp() * torch.randn_like(mean))
        divergence = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        return {"pixels": (again - pictures).abs().mean(), "kl": kl_weight * divergence}
