"""Networks that learn depth from video: disparity of one picture, and between two pictures the camera's motion and
intrinsics. What they are trained by is in view_synthesis.py."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie.heads.rotations import axis_angle_to_matrix
from talkie_zoo.blocks.resnet import ResNetEncoder
from talkie_zoo.blocks.view_synthesis import Camera

SCALES = 4
"""Sizes at which disparity is given: 1, 1/2, 1/4 and 1/8."""


class DepthNet(nn.Module):
    """Pictures (B, 3, H, W) in [0, 1] -> disparity in (0, 1) at four sizes, the largest first (Monodepth2, Godard et
    al. 2019): a residual encoder and a decoder with skips, `base` channels at full size and doubling below."""

    def __init__(self, layers: int, width: int, base: int):
        super().__init__()
        self.encoder = ResNetEncoder(layers, width)
        widths = [base * 2**level for level in range(5)]
        self.rise, self.join = nn.ModuleList(), nn.ModuleList()
        self.heads = nn.ModuleList(_reflected(widths[level], 1) for level in range(SCALES))
        below = self.encoder.channels[-1]
        for level in reversed(range(5)):
            skip = self.encoder.channels[level - 1] if level else 0
            self.rise.append(_reflected(below, widths[level]))
            self.join.append(_reflected(widths[level] + skip, widths[level]))
            below = widths[level]

    def forward(self, pictures: Tensor) -> list[Tensor]:
        features = self.encoder((pictures - 0.45) / 0.225)
        x, found = features[-1], []
        for step, level in enumerate(reversed(range(5))):
            x = F.interpolate(F.elu(self.rise[step](x)), scale_factor=2)
            if level:
                x = torch.cat([x, features[level - 1]], 1)
            x = F.elu(self.join[step](x))
            if level < SCALES:
                found.append(self.heads[level](x).sigmoid())
        return found[::-1]


class EgoMotionNet(nn.Module):
    """Two pictures (B, 3, H, W) -> the motion of points from the first one's camera to the second's, R (B, 3, 3) and
    t (B, 3), and the Camera that filmed both, so that no camera labels are needed (Gordon et al. 2019)."""

    def __init__(self, layers: int, width: int, channels: int = 256):
        super().__init__()
        self.encoder = ResNetEncoder(layers, width, inputs=6)
        with torch.no_grad():
            # Half of the first filters begin on the difference of the pictures: beside what they show, a motion of a
            # pixel is a tenth of each picture's variance, and normalisation would leave it that small.
            stem = self.encoder.stem.weight
            stem[: len(stem) // 2, 3:] = -stem[: len(stem) // 2, :3]
        self.squeeze = nn.Conv2d(self.encoder.channels[-1], channels, 1)
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.motion = nn.Conv2d(channels, 6, 1)
        self.focal, self.centre = (nn.Conv2d(channels, 2, 3, padding=1) for _ in range(2))

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Camera]:
        height, width = first.shape[-2:]
        x = F.relu(self.squeeze(self.encoder((torch.cat([first, second], 1) - 0.45) / 0.225)[-1]))
        size = x.new_tensor([width, height])
        focal = F.softplus(self.focal(x).mean((2, 3))) * size
        centre = (self.centre(x).mean((2, 3)) + 0.5) * size
        for conv in self.convs:
            x = F.relu(conv(x))
        # Small at first: motion that is larger than true stops learning.
        moved = 0.01 * self.motion(x).mean((2, 3))
        return axis_angle_to_matrix(moved[:, :3]), moved[:, 3:], Camera(focal, centre)


def _reflected(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect")
