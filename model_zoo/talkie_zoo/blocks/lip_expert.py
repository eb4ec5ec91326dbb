"""A reader of mouth pictures that spells phones: convolutions in space and time, a residual network, a transformer, a
decoder that is taught with the true string. Readers of vertices are in critics.py, judges in `talkie.evaluation`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie_zoo.blocks.phone_ctc import best_path
from talkie_zoo.blocks.phone_tokens import BLANK, CLASSES, EOS, TOKENS
from talkie_zoo.blocks.transformer import ContextEncoder

MEAN, DEVIATION = 0.421, 0.165
"""Of the grey values of mouth crops in LRS3 (AV-HuBERT's transform)."""
SMOOTHING = 0.1
FAINTEST = 1e-3
"""Least deviation of a window's pictures that they are divided by: a still has none."""


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch norm and PReLU, added to their input (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.PReLU(outputs)
        )
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))
        same = inputs == outputs and stride == 1
        self.past = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        )
        self.out = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.second(self.first(x)) + self.past(x))


class MouthFront(nn.Module):
    """Mouth pictures -> one vector a frame: 5 x 7 x 7 convolution over time and space, pooling, a residual network of
    `blocks` blocks a stage (2: ResNet-18), the mean over the picture (Stafylakis & Tzimiropoulos 2017).

    centred: beside each picture stands how it differs from the mean of its window, both in the window's own deviations:
    what a face shows when nothing moves tells who it is and nothing of what is said (off as published)."""

    def __init__(self, widths: Sequence[int], blocks: int, centred: bool = False):
        super().__init__()
        first = widths[0]
        self.centred = centred
        self.stem = nn.Sequential(
            nn.Conv3d(2 if centred else 1, first, (5, 7, 7), (1, 2, 2), (2, 3, 3), bias=False),
            nn.BatchNorm3d(first),
            nn.PReLU(first),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        )
        stages: list[nn.Module] = []
        for number, (before, width) in enumerate(pairwise((first, *widths))):
            stages.append(ResidualBlock(before, width, 1 if number == 0 else 2))
            stages += [ResidualBlock(width, width, 1) for _ in range(blocks - 1)]
        self.trunk = nn.Sequential(*stages)

    def forward(self, mouths: Tensor, mask: Tensor) -> Tensor:
        """mouths (B, T, S, S) in [0, 1], mask (B, T) bool -> (B, T, widths[-1])."""
        shown = beside_mean(mouths, mask) if self.centred else ((mouths - MEAN) / DEVIATION)[:, None]
        seen = self.stem(shown).transpose(1, 2)
        return self.trunk(seen.flatten(0, 1)).mean((-2, -1)).unflatten(0, mouths.shape[:2])


def beside_mean(mouths: Tensor, mask: Tensor) -> Tensor:
    """Mouths (B, T, S, S) and mask (B, T) -> (B, 2, T, S, S): each picture and its difference from the mean of those in
    the mask, both at zero mean and unit deviation over the window; zero outside the mask."""
    kept = mask[..., None, None].to(mouths)
    count = kept.sum(1, keepdim=True).clamp_min(1)
    middle = (mouths * kept).sum(1, keepdim=True) / count
    both = torch.stack([mouths - middle.mean((-2, -1), keepdim=True), mouths - middle], 1) * kept[:, None]
    area = mouths.shape[-1] ** 2
    spread = (both.square().sum((2, 3, 4), keepdim=True) / (area * count[:, None])).sqrt()
    return both / spread.clamp_min(FAINTEST)


class LipExpert(nn.Module):
    """Reads what a mouth says. `frames`, a linear layer on the encoder, names the phone of each frame, which stands in
    for AV-HuBERT's pretraining, whose targets are labels a frame too, and is the CTC branch of a hybrid reader
    (Watanabe et al. 2017)."""

    def __init__(
        self,
        widths: Sequence[int],
        blocks: int,
        width: int,
        layers: int,
        decoder_layers: int,
        heads: int,
        feedforward: int,
        dropout: float,
        reach: int,
        groups: int,
        centred: bool = False,
    ):
        super().__init__()
        self.width = width
        self.front = MouthFront(widths, blocks, centred)
        self.project = nn.Sequential(nn.LayerNorm(widths[-1]), nn.Linear(widths[-1], width))
        self.context = ContextEncoder(width, layers, heads, feedforward, dropout, reach, groups)
        self.frames = nn.Linear(width, CLASSES)
        self.words = nn.Embedding(TOKENS, width)
        self.decoder = nn.ModuleList(
            nn.TransformerDecoderLayer(width, heads, feedforward, dropout, F.gelu, batch_first=True, norm_first=True)
            for _ in range(decoder_layers)
        )
        self.norm, self.spells = nn.LayerNorm(width), nn.Linear(width, TOKENS)

    def see(self, mouths: Tensor, mask: Tensor) -> Tensor:
        """mouths (B, T, S, S) grey in [0, 1], mask (B, T) bool -> the encoder's features (B, T, width)."""
        return self.context(self.project(self.front(mouths, mask)), mask)

    def scores(self, features: Tensor, mask: Tensor, strings: Tensor) -> Tensor:
        """Of every next token: features (B, T, width), strings (B, L) padded with BLANK -> (B, L + 1, TOKENS), row l
        after the first l tokens."""
        begun = torch.cat([strings.new_full((len(strings), 1), EOS), strings], 1)
        length = begun.shape[1]
        x = self.words(begun) * math.sqrt(self.width) + _places(length, self.width).to(features)
        future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        for layer in self.decoder:
            x = layer(x, features, tgt_mask=future, memory_key_padding_mask=~mask)
        return self.spells(self.norm(x))

    def summed_loss(self, features: Tensor, mask: Tensor, strings: Tensor, lengths: Tensor) -> tuple[Tensor, int]:
        """Label-smoothed cross entropy of strings (B, L) of `lengths` (B,) and their ends, taught with the true string
        and SUMMED over tokens and batch as fairseq does, and the number of tokens. Hundreds are normal."""
        scores = self.scores(features, mask, strings)
        wanted = F.pad(strings, (0, 1), value=BLANK)
        wanted[torch.arange(len(strings)), lengths] = EOS
        # A padded place is no token: the blank is none of the string's.
        loss = F.cross_entropy(
            scores.transpose(1, 2), wanted, ignore_index=BLANK, reduction="sum", label_smoothing=SMOOTHING
        )
        return loss, int(lengths.sum()) + len(lengths)

    @torch.no_grad()
    def read(self, features: Tensor) -> list[int]:
        """What the encoder spells of one clip's features (T, width): the best path of `frames`."""
        return best_path(self.frames(features))


def _places(length: int, width: int) -> Tensor:
    """(length, width) sines and cosines of the place (Vaswani et al. 2017)."""
    angle = torch.arange(length)[:, None] * 1e4 ** (-torch.arange(0, width, 2) / width)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :width]
