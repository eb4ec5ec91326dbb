"""A mouth painted from near by over a frame that a coarse flow has rendered. Who finds the lips is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie_zoo.blocks.implicit_keypoints import LIPS, LipReader, Residual, convolved
from talkie_zoo.blocks.plane import gaussians, grid, sample


class MouthPainter(nn.Module):
    """The boxes of the mouth in the rendered and in the source picture, `SEEN` pixels each, with a heat map of every
    lip keypoint where it is and where it was -> what is added to the rendered box, nothing at its border. Between:
    plain convolutions that halve the box and add what coarser maps say to finer ones. It begins with nothing."""

    SEEN = (36, 56)
    """Rows and columns of the box, whose half sides are `LipReader.REACH`."""
    EDGE = 0.3
    """Share of a half side over which what is added fades."""

    def __init__(self, channels: Sequence[int]):
        super().__init__()
        widths = [2 * (3 + len(LIPS)), *channels]
        self.down = nn.ModuleList(
            nn.Sequential(convolved(a, b, 2 if level else 1), Residual(b))
            for level, (a, b) in enumerate(pairwise(widths))
        )
        self.turned = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(channels))
        self.up = nn.ModuleList(convolved(a, a) for a in channels[:-1])
        self.added = nn.Conv2d(channels[0], 3, 3, 1, 1)
        nn.init.zeros_(self.added.weight)
        nn.init.zeros_(self.added.bias)

    def near(self, pictures: Tensor, x: Tensor) -> Tensor:
        """The box of pictures (B, C, S, S) about the lips of keypoints x (B, 21, 3): (B, C, *SEEN)."""
        return sample(pictures, _middle(x) + grid(*self.SEEN, x) * x.new_tensor(LipReader.REACH))

    def forward(self, made: Tensor, pictures: Tensor, source: Tensor, driving: Tensor) -> Tensor:
        """made (B, 3, S, S) in [0, 1], rendered of pictures (B, 3, S, S) whose keypoints `source` went to `driving`
        (B, 21, 3): made with its mouth painted."""
        boxes = [2 * self.near(of, x) - 1 for of, x in ((made, driving), (pictures, source))]
        x = torch.cat([*boxes, self._heat(source), self._heat(driving)], 1)
        maps = []
        for layer in self.down:
            x = layer(x)
            maps.append(x)
        for finer, turned, up in zip(reversed(maps[:-1]), reversed(self.turned), reversed(self.up), strict=True):
            x = up(finer + F.interpolate(turned(x), size=finer.shape[2:]))
        inside = ((1 - grid(*self.SEEN, made).abs()) / self.EDGE).clamp(0, 1).amin(-1)
        side = made.shape[-1]
        places = (grid(side, side, made) - _middle(driving)) / made.new_tensor(LipReader.REACH)
        return made + F.grid_sample(self.added(x) * inside, places, padding_mode="zeros", align_corners=False)

    def _heat(self, x: Tensor) -> Tensor:
        away = (x[:, list(LIPS), :2] - _middle(x)[:, 0]) / x.new_tensor(LipReader.REACH)
        return gaussians(away, *self.SEEN)


def _middle(x: Tensor) -> Tensor:
    """Of the lips, (B, 1, 1, 2)."""
    return x[:, list(LIPS), :2].mean(1)[:, None, None]
