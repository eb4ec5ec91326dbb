"""A discriminator of patches, and the losses against it and with it: least squares and matched features."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PatchCritic(nn.Module):
    """Pictures (B, inputs, H, W) -> features of every block, and a score for each patch (B, 1, h, w). Blocks: 4 x 4
    convolution without padding, instance normalisation (not in the first), leaky ReLU, mean of two by two (not in the
    last); base * 2^i channels, `most` at most (the discriminator of Siarohin et al. 2019)."""

    def __init__(self, inputs: int, base: int, blocks: int, most: int = 512):
        super().__init__()
        widths = [inputs, *(min(most, base * 2**level) for level in range(blocks))]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 4) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.InstanceNorm2d(width, affine=True) for width in widths[2:])
        self.score = nn.Conv2d(widths[-1], 1, 1)

    def forward(self, pictures: Tensor) -> tuple[list[Tensor], Tensor]:
        found, x = [], pictures
        for level, conv in enumerate(self.convs):
            x = conv(x)
            if level:
                x = self.norms[level - 1](x)
            x = F.leaky_relu(x, 0.2)
            if level < len(self.convs) - 1:
                x = F.avg_pool2d(x, 2)
            found.append(x)
        return found, self.score(x)


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """What a critic's scores cost it: mean (1 - D(real))^2 + D(fake)^2 (LSGAN, Mao et al. 2017)."""
    return (1 - real).square().mean() + fake.square().mean()


def generator_loss(fake: Tensor) -> Tensor:
    """What the generator pays: mean (1 - D(fake))^2."""
    return (1 - fake).square().mean()


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Sum over blocks of the mean absolute difference; the real pictures' features are targets."""
    return torch.stack([(a.detach() - b).abs().mean() for a, b in zip(real, fake, strict=True)]).sum()
