"""A face whose lower half is hidden, painted anew from a code of what is said: encoder, decoder with skips, and the
critic of the painted half. What the code is made of, and where the picture goes, is the systems' own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

RESIDUALS = (0, 2, 3, 2, 2, 1)
"""Residual convolutions of Wav2Lip's encoder stages before the last one (Prajwal et al. 2020)."""
DARKEST = 0.01
"""Least value, and distance from 1, of a pixel whose logit is taken."""


class Unit(nn.Module):
    """Convolution, batch norm, the input added where `residual` says so, ReLU."""

    def __init__(self, conv: nn.Module, channels: int, residual: bool = False):
        super().__init__()
        self.conv, self.norm, self.residual = conv, nn.BatchNorm2d(channels), residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        return torch.relu(y + x if self.residual else y)


class FaceInpainter(nn.Module):
    """Wav2Lip's face network: who it is and how the head stands enter by the skips alone, and what is said alone at the
    narrowest place, 1 x 1, unless `heard_everywhere`.

    size: side of the face in pixels, halved by every stage but the first and the last, which takes what is left (2 or
    3 pixels) in one kernel. encoder, decoder: channels of the stages, as many of both. depth: most residual
    convolutions of a stage (3 as published). from_reference: the last layer says, in logits, by how much the picture
    differs from the face above and the reference below, and begins at nothing; off as published, where colours pass the
    skips too, for which hundreds of steps are too few. heard_everywhere: what is said is added to every stage of the
    decoder as well; off as published, where it passes all norms beside the skips of a face that moves more."""

    def __init__(
        self,
        size: int,
        content: int,
        encoder: Sequence[int],
        decoder: Sequence[int],
        depth: int = 3,
        from_reference: bool = False,
        heard_everywhere: bool = False,
    ):
        super().__init__()
        self.size, stages = size, len(encoder)
        last = narrowest(size, stages)
        counts = [*RESIDUALS[: stages - 1], *[1] * (stages - 1 - len(RESIDUALS))]
        self.encoder = nn.ModuleList([nn.Sequential(Unit(nn.Conv2d(6, encoder[0], 7, 1, 3), encoder[0]))])
        for (before, width), count in zip(pairwise(encoder[:-1]), counts[1:], strict=True):
            first = Unit(nn.Conv2d(before, width, 3, 2, 1), width)
            self.encoder.append(nn.Sequential(first, *_residuals(width, min(count, depth))))
        code = encoder[-1]
        self.encoder.append(
            nn.Sequential(Unit(nn.Conv2d(encoder[-2], code, last), code), Unit(nn.Conv2d(code, code, 1), code))
        )
        self.content = nn.Linear(content, code)
        self.decoder = nn.ModuleList([Unit(nn.Conv2d(code, decoder[0], 1), decoder[0])])
        for number, (before, width) in enumerate(pairwise(decoder)):
            inputs = before + encoder[-1 - number]
            way = (
                nn.ConvTranspose2d(inputs, width, last)
                if number == 0
                else nn.ConvTranspose2d(inputs, width, 3, 2, 1, output_padding=1)
            )
            # Wav2Lip's: one at the narrowest stage, two at all others.
            count = min(1 if number == 0 else 2, depth)
            self.decoder.append(nn.Sequential(Unit(way, width), *_residuals(width, count)))
        self.heard = nn.ModuleList(nn.Linear(content, width) for width in decoder if heard_everywhere)
        inner = decoder[-1] // 2
        self.out = nn.Sequential(
            Unit(nn.Conv2d(decoder[-1] + encoder[0], inner, 3, 1, 1), inner), nn.Conv2d(inner, 3, 1)
        )
        self.from_reference = from_reference
        if from_reference:
            for value in self.out[-1].parameters():
                nn.init.zeros_(value)

    def forward(self, faces: Tensor, references: Tensor, content: Tensor) -> Tensor:
        """faces, references (N, 3, S, S) in [0, 1], content (N, C) -> faces (N, 3, S, S). The lower half of `faces` is
        hidden here, so that no caller can forget to."""
        # A quarter faster on a CPU than planes one after the other.
        x = torch.cat([hidden(faces), references], 1).contiguous(memory_format=torch.channels_last)
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        x = self.content(content)[..., None, None]
        for number, stage in enumerate(self.decoder):
            x = stage(x)
            if self.heard:
                x = x + self.heard[number](content)[..., None, None]
            x = torch.cat([x, skips.pop()], 1)
        painted = self.out(x)
        if self.from_reference:
            half = self.size // 2
            begun = torch.cat([faces[:, :, :half], references[:, :, half:]], 2)
            painted = painted + begun.clamp(DARKEST, 1 - DARKEST).logit()
        return painted.sigmoid()


class QualityCritic(nn.Module):
    """Tells painted lower halves from true ones: convolutions without norms (leaky 0.01) on (3, S / 2, S), the second
    stage halving the width alone. Says logits."""

    def __init__(self, size: int, widths: Sequence[int]):
        super().__init__()
        stages = len(widths)
        layers: list[nn.Module] = [*_leaky(nn.Conv2d(3, widths[0], 7, 1, 3))]
        for number, (before, width) in enumerate(pairwise(widths[:-1]), 1):
            kernel = 5 if number <= 3 else 3
            stride = (1, 2) if number == 1 else 2
            layers += _leaky(nn.Conv2d(before, width, kernel, stride, kernel // 2))
            layers += _leaky(nn.Conv2d(width, width, kernel, 1, kernel // 2))
        layers += _leaky(nn.Conv2d(widths[-2], widths[-1], narrowest(size, stages)))
        layers += _leaky(nn.Conv2d(widths[-1], widths[-1], 1))
        self.net = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 1))

    def forward(self, faces: Tensor) -> Tensor:
        """Logits (N,) of being true: faces (N, 3, S, S) in [0, 1], of which the lower half is looked at."""
        return self.net(faces[:, :, faces.shape[-2] // 2 :]).flatten()


def hidden(faces: Tensor) -> Tensor:
    """Faces (N, 3, S, S) with the lower half at 0."""
    return torch.cat([faces[:, :, : faces.shape[-2] // 2], torch.zeros_like(faces[:, :, faces.shape[-2] // 2 :])], 2)


def narrowest(size: int, stages: int) -> int:
    """Pixels that are left of a side before the last of the stages. Raises ValueError unless they are 2 or 3."""
    left = size >> (stages - 2)
    if left not in (2, 3) or left << (stages - 2) != size:
        raise ValueError(f"{stages} stages leave {left} of {size} pixels, and 2 or 3 are wanted")
    return left


def _residuals(channels: int, count: int) -> list[nn.Module]:
    return [Unit(nn.Conv2d(channels, channels, 3, 1, 1), channels, residual=True) for _ in range(count)]


def _leaky(conv: nn.Module) -> list[nn.Module]:
    return [conv, nn.LeakyReLU(0.01)]
