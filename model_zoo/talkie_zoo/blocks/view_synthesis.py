"""Depth from video without labels: a frame is made again from its neighbour by depth and camera motion, and the
difference is the loss (Zhou et al. 2017; Godard et al. 2019). The networks are in depth_net.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from talkie_zoo.blocks.plane import sample
from talkie_zoo.blocks.similarity import ssim

NEAREST, FARTHEST = 0.1, 100.0
"""Depths of disparity 1 and 0, in a unit that video alone does not fix."""


@dataclass(frozen=True)
class Camera:
    """focal, centre: (B, 2) in pixels, x and y; the top left corner of the picture is (0, 0)."""

    focal: Tensor
    centre: Tensor


def depth_of(disparity: Tensor, nearest: float = NEAREST, farthest: float = FARTHEST) -> Tensor:
    """1 / (1 / farthest + (1 / nearest - 1 / farthest) disparity)."""
    return 1 / (1 / farthest + (1 / nearest - 1 / farthest) * disparity)


def back_projected(depth: Tensor, camera: Camera) -> Tensor:
    """Points (B, H, W, 3) in the camera's frame (x right, y down, z forward) that depth (B, 1, H, W) puts at the
    pixels' centres."""
    height, width = depth.shape[-2:]
    y, x = (torch.arange(n, device=depth.device, dtype=depth.dtype) + 0.5 for n in (height, width))
    pixels = torch.stack(torch.broadcast_tensors(x[None, :], y[:, None]), -1)
    rays = (pixels - camera.centre[:, None, None]) / camera.focal[:, None, None]
    return torch.cat([rays, torch.ones_like(rays[..., :1])], -1) * depth[:, 0, :, :, None]


def projected(points: Tensor, camera: Camera, height: int, width: int) -> Tensor:
    """Places (B, H, W, 2) in [-1, 1] of the plane (see plane.py) where points (B, H, W, 3) are seen."""
    z = points[..., 2:].clamp_min(1e-3)
    pixels = points[..., :2] / z * camera.focal[:, None, None] + camera.centre[:, None, None]
    return 2 * pixels / pixels.new_tensor([width, height]) - 1


def synthesised(neighbour: Tensor, depth: Tensor, R: Tensor, t: Tensor, camera: Camera) -> Tensor:
    """The target frame, as its depth (B, 1, H, W) and the motion R (B, 3, 3), t (B, 3) from its camera to the
    neighbour's say that it looks: read off the neighbour (B, 3, H, W)."""
    points = back_projected(depth, camera)
    moved = torch.einsum("bij,bhwj->bhwi", R, points) + t[:, None, None]
    return sample(neighbour, projected(moved, camera, *depth.shape[-2:]))


def photometric(truth: Tensor, made: Tensor, weight: float = 0.85) -> Tensor:
    """weight (1 - SSIM) / 2 + (1 - weight) L1, at each pixel: (B, 1, H, W). SSIM over 3 x 3."""
    structure = ((1 - ssim(truth, made, "pooled")) / 2).clamp(0, 1).mean(1, keepdim=True)
    return weight * structure + (1 - weight) * (truth - made).abs().mean(1, keepdim=True)


def least_reprojection(truth: Tensor, made: Sequence[Tensor], still: Tensor) -> Tensor:
    """Mean over pixels of the least photometric error among the syntheses and that of the neighbours as they are,
    `still` (B, N, H, W). A pixel that looks the same without warping is thereby left out (auto-mask), one hidden in a
    neighbour is asked of the other. Noise of 1e-5 decides between equals."""
    apart = torch.cat([photometric(truth, picture) for picture in made], 1)
    kept = still + 1e-5 * torch.randn(still.shape).to(still)
    return torch.cat([kept, apart], 1).amin(1).mean()


def smoothness(disparity: Tensor, picture: Tensor) -> Tensor:
    """Mean |d disparity| exp(-|d picture|) along both axes, of disparity (B, 1, H, W) over its mean."""
    disparity = disparity / (disparity.mean((2, 3), keepdim=True) + 1e-7)
    total = disparity.new_zeros(())
    for axis in (2, 3):
        bend, edge = (x.diff(dim=axis).abs() for x in (disparity, picture))
        total = total + (bend * torch.exp(-edge.mean(1, keepdim=True))).mean()
    return total


def at_size(disparity: Tensor, height: int, width: int) -> Tensor:
    """Disparity (B, 1, h, w) at the full size, where all errors are taken (Godard et al. 2019, 3.3)."""
    return F.interpolate(disparity, (height, width), mode="bilinear", align_corners=False)
