"""The part of DaGAN that answers: points of pictures with their depth, motion between them, and the warping generator
that looks at depth. How it is trained is in dagan.py."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from talkie_zoo.blocks.cross_attention_2d import CrossAttention2d
from talkie_zoo.blocks.dense_motion import DenseMotion, Motion
from talkie_zoo.blocks.keypoints import KeypointDetector, Keypoints
from talkie_zoo.blocks.warp import Encoder, WarpGenerator
from talkie_zoo.reenactment.dagan_config import DaGANConfig


@dataclass(frozen=True)
class Reenacted:
    """picture: (B, 3, H, W) in [0, 1], made with `motion`."""

    picture: Tensor
    motion: Motion


class Reenactor(nn.Module):
    """Detector, dense motion and generator. `rgbd`: depth (B, 1, H, W) is a fourth channel of what points are found in,
    and asks in the generator's attention; without it this is the first-order motion model, the paper's baseline."""

    def __init__(self, c: DaGANConfig, rgbd: bool = True):
        super().__init__()
        self.rgbd = rgbd
        self.detector = KeypointDetector(
            4 if rgbd else 3, c.points, c.detector_base, c.detector_depth, c.most, c.shrink
        )
        self.motion = DenseMotion(c.points, c.motion_base, c.motion_depth, c.most, c.shrink)
        self.generator = WarpGenerator(c.generator_base, c.downs, c.generator_most, c.residuals, blend=c.blend)
        if rgbd:
            self.depth_encoder = Encoder(1, c.generator_base, c.downs, c.generator_most)
            self.attention = CrossAttention2d(self.generator.channels, self.depth_encoder.channels, c.pool)

    @torch.no_grad()
    def begin_as(self, other: Reenactor) -> None:
        """Takes over the weights of one with depth, less those that depth is read by, each layer's last inputs: what
        then is between the two after training is not what one began with by chance."""
        theirs = dict(other.named_parameters())
        for name, mine in self.named_parameters():
            mine.copy_(theirs[name][tuple(slice(side) for side in mine.shape)])

    def points(self, pictures: Tensor, depth: Tensor) -> Keypoints:
        return self.detector(torch.cat([pictures, depth], 1) if self.rgbd else pictures)

    def forward(self, source: Tensor, depth: Tensor, here: Keypoints, there: Keypoints) -> Reenacted:
        """source (B, 3, H, W) with its depth and points, and the points that it shall have."""
        motion = self.motion(source, here, there)
        if not self.rgbd:
            return Reenacted(self.generator(source, motion), motion)
        guide = self.depth_encoder(depth)
        return Reenacted(self.generator(source, motion, lambda warped: self.attention(warped, guide)), motion)
