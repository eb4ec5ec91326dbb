"""Coordinates of the picture plane that keypoints and flow are given in: grids, sampling, Gaussians, downsampling.
Networks are elsewhere.

Both axes run from -1 to 1 between the picture's outer edges, x to the right and y down, so that a place keeps its
coordinates at every size: the centre of pixel i of n lies at (2 i + 1) / n - 1 (`align_corners=False` in torch)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def grid(height: int, width: int, like: Tensor) -> Tensor:
    """(height, width, 2) x and y of the pixels' centres."""
    y, x = (((2 * torch.arange(n, device=like.device) + 1) / n - 1).to(like.dtype) for n in (height, width))
    return torch.stack(torch.broadcast_tensors(x[None, :], y[:, None]), -1)


def sample(features: Tensor, places: Tensor) -> Tensor:
    """features (B, C, H, W) read at places (B, h, w, 2), bilinearly, the nearest edge's value outside: (B, C, h, w)."""
    return F.grid_sample(features, places, mode="bilinear", padding_mode="border", align_corners=False)


def resized(x: Tensor, height: int, width: int) -> Tensor:
    """(B, C, H, W) bilinearly at another size."""
    if x.shape[-2:] == (height, width):
        return x
    return F.interpolate(x, (height, width), mode="bilinear", align_corners=False)


def warp(features: Tensor, flow: Tensor) -> Tensor:
    """features (B, C, H, W) at the places of flow (B, h, w, 2), which is brought to their size first."""
    flow = resized(flow.permute(0, 3, 1, 2), *features.shape[-2:]).permute(0, 2, 3, 1)
    return sample(features, flow)


def gaussians(places: Tensor, height: int, width: int, variance: float = 0.01) -> Tensor:
    """exp(-|z - p|^2 / (2 variance)) of points (B, K, 2): (B, K, height, width)."""
    away = grid(height, width, places) - places[:, :, None, None]
    return torch.exp(-away.square().sum(-1) / (2 * variance))


def shrunk(x: Tensor, factor: int) -> Tensor:
    """(B, C, H, W) at 1 / factor of its size after a Gaussian blur of deviation (factor - 1) / 2 pixels, whose kernel
    lies symmetrically about each block of pixels, so that no place moves."""
    if factor == 1:
        return x
    deviation = (factor - 1) / 2
    reach = math.ceil(3 * deviation)
    offsets = torch.arange(factor + 2 * reach, device=x.device, dtype=x.dtype) - (factor + 2 * reach - 1) / 2
    kernel = torch.exp(-0.5 * (offsets / deviation) ** 2)
    kernel = kernel / kernel.sum()
    b, c, h, w = x.shape
    flat = F.pad(x.reshape(b * c, 1, h, w), (reach,) * 4, mode="replicate")
    flat = F.conv2d(flat, kernel.view(1, 1, -1, 1), stride=(factor, 1))
    flat = F.conv2d(flat, kernel.view(1, 1, 1, -1), stride=(1, factor))
    return flat.reshape(b, c, h // factor, w // factor)
