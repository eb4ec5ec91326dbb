"""Keypoints with Jacobians that are found without labels (Siarohin et al., NeurIPS 2019): the detector, and the losses
that keep its points apart and equivariant. How motion follows from points is in dense_motion.py."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from talkie_zoo.blocks.hourglass import Hourglass
from talkie_zoo.blocks.plane import grid, shrunk
from talkie_zoo.blocks.thin_plate import ThinPlate

MARGIN = 3
"""Pixels by which the 7 x 7 heads, which are not padded, make their maps smaller on every side."""


@dataclass(frozen=True)
class Keypoints:
    """place: (B, K, 2) in [-1, 1]; jacobian: (B, K, 2, 2), of the motion from an abstract reference to the picture."""

    place: Tensor
    jacobian: Tensor

    def detach(self) -> Keypoints:
        return Keypoints(self.place.detach(), self.jacobian.detach())

    def expand(self, frames: int) -> Keypoints:
        """One picture's points for each of `frames`."""
        return Keypoints(self.place.expand(frames, -1, -1), self.jacobian.expand(frames, -1, -1, -1))


class KeypointDetector(nn.Module):
    """Pictures (B, inputs, H, W) -> Keypoints: an hourglass at 1 / shrink of the size, a heatmap a point, softmax at a
    temperature, and the means under it of coordinates and of four Jacobian maps, which begin as the identity."""

    def __init__(
        self, inputs: int, points: int, base: int, depth: int, most: int, shrink: int = 4, temperature: float = 0.1
    ):
        super().__init__()
        self.hourglass = Hourglass(inputs, base, depth, most)
        self.heat = nn.Conv2d(self.hourglass.channels, points, 2 * MARGIN + 1)
        self.jacobian = nn.Conv2d(self.hourglass.channels, 4 * points, 2 * MARGIN + 1)
        nn.init.zeros_(self.jacobian.weight)
        with torch.no_grad():
            assert self.jacobian.bias is not None
            self.jacobian.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 1.0]).repeat(points))
        self.shrink, self.temperature = shrink, temperature

    def forward(self, pictures: Tensor) -> Keypoints:
        features = self.hourglass(shrunk(pictures, self.shrink))
        heat = (self.heat(features).flatten(2) / self.temperature).softmax(-1)
        height, width = features.shape[-2:]
        where = grid(height, width, heat)[MARGIN:-MARGIN, MARGIN:-MARGIN].flatten(0, 1)
        maps = self.jacobian(features).flatten(2).unflatten(1, (-1, 4))
        jacobian = (maps * heat[:, :, None]).sum(-1)
        return Keypoints(heat @ where, jacobian.unflatten(-1, (2, 2)))


def equivariance(points: Keypoints, warped: Keypoints, warp: ThinPlate) -> tuple[Tensor, Tensor]:
    """How far points of pictures are from those of `warp.picture` of them, laid back: mean absolute differences of
    places, and of J^-1 (dT J') from the identity (equations 7 and 8 of the paper's supplement)."""
    place = (points.place - warp.coordinates(warped.place)).abs().mean()
    there = warp.jacobian(warped.place) @ warped.jacobian
    identity = torch.eye(2, device=there.device, dtype=there.dtype)
    return place, (inverse(points.jacobian) @ there - identity).abs().mean()


def crowding(place: Tensor, apart: float = 0.2) -> Tensor:
    """Mean over pairs of points (B, K, 2) of how much nearer than `apart` they are. DaGAN's published term has sign()
    in the place of the difference, whose gradient is zero everywhere."""
    first, second = torch.triu_indices(place.shape[1], place.shape[1], 1, device=place.device)
    # The root's slope is infinite where two points are one.
    distance = ((place[:, first] - place[:, second]).square().sum(-1) + 1e-8).sqrt()
    return (apart - distance).clamp_min(0).mean()


def inverse(matrices: Tensor, least: float = 1e-3) -> Tensor:
    """Inverses of (..., 2, 2). A determinant nearer to zero than `least` counts as that, with its sign, so that a
    Jacobian that degenerates for a while in training gives large numbers and not infinite ones."""
    a, b, c, d = matrices.flatten(-2).unbind(-1)
    determinant = a * d - b * c
    sign = torch.where(determinant < 0, -1.0, 1.0)
    determinant = sign * determinant.abs().clamp_min(least)
    return torch.stack([d, -b, -c, a], -1).unflatten(-1, (2, 2)) / determinant[..., None, None]
