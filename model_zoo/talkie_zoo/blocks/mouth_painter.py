"""A mouth painted from near by and laid over a frame that a coarse flow has rendered. Who finds lips is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie_zoo.blocks.implicit_keypoints import LIPS, LipReader, Residual, convolved
from talkie_zoo.blocks.plane import gaussians, grid, sample


class MouthPainter(nn.Module):
    """The mouth of the source picture, `SEEN` pixels about its lips, moved as the lip keypoints say, with a heat map of
    every lip keypoint where it is to be and where it was -> the mouth as it is to look, teeth and depth included, which
    no picture of closed lips can be moved to show. It says for each pixel how much of it is painted; the rest is the
    moved source. Between: plain convolutions that halve the box, are told the keypoints' places as numbers, and add
    what coarser maps say to finer ones."""

    SEEN = (36, 56)
    """Rows and columns of the box, whose half sides are `LipReader.REACH`."""
    EDGE = 0.3
    """Share of a half side over which what is laid over a frame fades."""
    SPREAD = 0.06
    """How far about a keypoint the source's mouth moves with it: a deviation, in halves of the picture's side."""
    FIRST = -2.0
    """Logit of the painted share before anything is learned."""

    def __init__(self, channels: Sequence[int]):
        super().__init__()
        widths = [3 + 2 * len(LIPS), *channels]
        self.down = nn.ModuleList(
            nn.Sequential(convolved(a, b, 2 if level else 1), Residual(b))
            for level, (a, b) in enumerate(pairwise(widths))
        )
        self.told = nn.ModuleList(nn.Linear(4 * len(LIPS), width) for width in channels)
        self.turned = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(channels))
        self.up = nn.ModuleList(convolved(a, a) for a in channels[:-1])
        self.painted = nn.Conv2d(channels[0], 4, 3, 1, 1)
        nn.init.zeros_(self.painted.weight)
        self.painted.bias = nn.Parameter(torch.tensor([0.0, 0.0, 0.0, self.FIRST]))

    def near(self, pictures: Tensor, x: Tensor) -> Tensor:
        """The box of pictures (B, C, S, S) about the lips of keypoints x (B, 21, 3): (B, C, *SEEN)."""
        return sample(pictures, _middle(x) + grid(*self.SEEN, x) * x.new_tensor(LipReader.REACH))

    def moved(self, pictures: Tensor, source: Tensor, driving: Tensor) -> Tensor:
        """The same box of the source pictures as driving lips (B, 21, 3) want it: a pixel comes from where the
        keypoints about it come from, weighed by nearness, and far from all of them moves with the box."""
        places = grid(*self.SEEN, source) * source.new_tensor(LipReader.REACH)
        was, now = (x[:, list(LIPS), :2] - _middle(x)[:, 0] for x in (source, driving))
        away = (places - now[:, :, None, None]).square().sum(-1)
        near = torch.exp(-away / (2 * self.SPREAD**2))
        share = near / (near.sum(1, keepdim=True) + 0.1)
        back = torch.einsum("bkhw,bkc->bhwc", share, was - now)
        return sample(pictures, _middle(source) + places + back)

    def mouth(self, pictures: Tensor, source: Tensor, driving: Tensor) -> Tensor:
        """The box (B, 3, *SEEN) in [0, 1] of source pictures (B, 3, S, S) whose keypoints go from `source` to `driving`
        (B, 21, 3)."""
        moved = self.moved(pictures, source, driving)
        places = torch.cat([self._places(source), self._places(driving)], 1)
        x = torch.cat([2 * moved - 1, *(gaussians(p, *self.SEEN) for p in places.chunk(2, 1))], 1)
        maps = []
        for layer, told in zip(self.down, self.told, strict=True):
            x = layer(x) + told(places.flatten(1))[..., None, None]
            maps.append(x)
        for finer, turned, up in zip(reversed(maps[:-1]), reversed(self.turned), reversed(self.up), strict=True):
            x = up(finer + F.interpolate(turned(x), size=finer.shape[2:]))
        colours, share = self.painted(x).sigmoid().split((3, 1), 1)
        return torch.lerp(moved, colours, share)

    def forward(self, made: Tensor, pictures: Tensor, source: Tensor, driving: Tensor) -> Tensor:
        """made (B, 3, S, S), rendered of pictures (B, 3, S, S) whose keypoints `source` went to `driving` (B, 21, 3):
        made with the mouth laid over it."""
        inside = ((1 - grid(*self.SEEN, made).abs()) / self.EDGE).clamp(0, 1).amin(-1).expand(len(made), 1, -1, -1)
        laid = torch.cat([self.mouth(pictures, source, driving) * inside, inside], 1)
        side = made.shape[-1]
        places = (grid(side, side, made) - _middle(driving)) / made.new_tensor(LipReader.REACH)
        colours, share = F.grid_sample(laid, places, padding_mode="zeros", align_corners=False).split((3, 1), 1)
        return made * (1 - share) + colours

    def _places(self, x: Tensor) -> Tensor:
        """Of the lip keypoints in the box, (B, 6, 2), its half sides being 1."""
        return (x[:, list(LIPS), :2] - _middle(x)[:, 0]) / x.new_tensor(LipReader.REACH)


def _middle(x: Tensor) -> Tensor:
    """Of the lips, (B, 1, 1, 2)."""
    return x[:, list(LIPS), :2].mean(1)[:, None, None]
