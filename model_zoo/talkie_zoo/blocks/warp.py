"""The occlusion-aware warping generator: a source picture encoded, its features moved by a flow, and decoded. Where the
flow comes from is in dense_motion.py."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn

from talkie_zoo.blocks.dense_motion import Motion
from talkie_zoo.blocks.hourglass import DownBlock, ResidualBlock, SameBlock, UpBlock
from talkie_zoo.blocks.plane import resized, warp

Fuse = Callable[[Tensor], Tensor]
"""What is done to the warped features (B, C, h, w) before they are decoded."""


class Encoder(nn.Sequential):
    """7 x 7, then `downs` halvings that double channels up to `most`: (B, inputs, H, W) -> (B, `channels`, h, w)."""

    def __init__(self, inputs: int, base: int, downs: int, most: int):
        widths = [min(most, base * 2**level) for level in range(downs + 1)]
        super().__init__(SameBlock(inputs, base, 7), *(DownBlock(a, b) for a, b in pairwise(widths)))
        self.channels = widths[-1]


class WarpGenerator(nn.Module):
    """Source (B, inputs, H, W) and its Motion -> the picture (B, inputs, H, W) in [0, 1]: features are warped, darkened
    by the occlusion, handed to `fuse` where there is one, and decoded by residual blocks and `downs` doublings.

    blend: what is decoded shows only where the occlusion says that the source shows nothing, elsewhere the warped
    source itself does, so that a picture need not be learned to be told again."""

    def __init__(self, base: int, downs: int, most: int, residuals: int, inputs: int = 3, blend: bool = False):
        super().__init__()
        self.blend = blend
        self.encoder = Encoder(inputs, base, downs, most)
        channels = self.encoder.channels
        self.residuals = nn.Sequential(*(ResidualBlock(channels) for _ in range(residuals)))
        widths = [min(most, base * 2**level) for level in reversed(range(downs + 1))]
        self.up = nn.Sequential(*(UpBlock(a, b) for a, b in pairwise(widths)))
        self.last = nn.Conv2d(base, inputs, 7, padding=3)

    @property
    def channels(self) -> int:
        """Of the features that are warped."""
        return self.encoder.channels

    def forward(self, source: Tensor, motion: Motion, fuse: Fuse | None = None) -> Tensor:
        features = warp(self.encoder(source), motion.flow)
        features = features * resized(motion.occlusion, *features.shape[-2:])
        if fuse is not None:
            features = fuse(features)
        made = self.last(self.up(self.residuals(features))).sigmoid()
        if not self.blend:
            return made
        shown = resized(motion.occlusion, *made.shape[-2:])
        return shown * warp(source, motion.flow) + (1 - shown) * made
