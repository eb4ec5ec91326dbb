"""From keypoints of two pictures to dense flow and occlusion (Siarohin et al., NeurIPS 2019). What is warped by it is
in warp.py."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from talkie_zoo.blocks.hourglass import Hourglass
from talkie_zoo.blocks.keypoints import Keypoints, inverse
from talkie_zoo.blocks.plane import gaussians, grid, sample, shrunk


@dataclass(frozen=True)
class Motion:
    """flow: (B, h, w, 2), for each place of the driving picture the place of the source, in [-1, 1]; occlusion:
    (B, 1, h, w) in [0, 1], 0 where the source shows nothing of it; masks: (B, K + 1, h, w), what each local motion has
    to say, the still background first."""

    flow: Tensor
    occlusion: Tensor
    masks: Tensor


class DenseMotion(nn.Module):
    """Source (B, inputs, H, W) and two sets of points -> Motion at 1 / shrink of the size: the hourglass sees, for the
    background and each point, the source warped by that motion alone, and where the point was and is."""

    def __init__(
        self, points: int, base: int, depth: int, most: int, shrink: int = 4, variance: float = 0.01, inputs: int = 3
    ):
        super().__init__()
        self.hourglass = Hourglass((points + 1) * (inputs + 1), base, depth, most)
        self.mask = nn.Conv2d(self.hourglass.channels, points + 1, 7, padding=3)
        self.occlusion = nn.Conv2d(self.hourglass.channels, 1, 7, padding=3)
        self.shrink, self.variance = shrink, variance

    def forward(self, source: Tensor, source_points: Keypoints, driving_points: Keypoints) -> Motion:
        source = shrunk(source, self.shrink)
        batch, _, height, width = source.shape
        motions = local_motions(grid(height, width, source), source_points, driving_points)
        count = motions.shape[1]
        repeated = source[:, None].expand(-1, count, -1, -1, -1).flatten(0, 1)
        warped = sample(repeated, motions.flatten(0, 1)).unflatten(0, (batch, count))
        moved = gaussians(driving_points.place, height, width, self.variance) - gaussians(
            source_points.place, height, width, self.variance
        )
        heat = torch.cat([torch.zeros_like(moved[:, :1]), moved], 1)[:, :, None]
        features = self.hourglass(torch.cat([heat, warped], 2).flatten(1, 2))
        masks = self.mask(features).softmax(1)
        flow = (masks[..., None] * motions).sum(1)
        return Motion(flow, self.occlusion(features).sigmoid(), masks)


def local_motions(places: Tensor, source: Keypoints, driving: Keypoints) -> Tensor:
    """(B, K + 1, h, w, 2) where each motion takes places (h, w, 2): T_k(z) = p_s + J_s J_d^-1 (z - p_d), and first the
    background's, which is the identity."""
    turn = source.jacobian @ inverse(driving.jacobian)
    away = places - driving.place[:, :, None, None]
    moved = torch.einsum("bkij,bkhwj->bkhwi", turn, away) + source.place[:, :, None, None]
    return torch.cat([places.expand(len(moved), 1, -1, -1, -1), moved], 1)
