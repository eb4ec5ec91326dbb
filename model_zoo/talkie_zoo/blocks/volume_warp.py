"""A face as a feature volume that keypoints warp (Wang et al. 2021, face-vid2vid; sizes of LivePortrait): appearance
encoder, sparse and dense 3-D motion, occlusion. The decoder to pixels is spade.py's, 2-D warps are not here."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie_zoo.blocks.implicit_keypoints import KEYPOINTS

VARIANCE = 0.01
"""Of a keypoint's Gaussian, in squared halves of the picture's side."""


class _Conv2d(nn.Sequential):
    """Convolution, batch norm, ReLU; with `halve` the map is halved."""

    def __init__(self, a: int, b: int, halve: bool = False):
        layers = [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
        super().__init__(*layers, *([nn.AvgPool2d(2)] if halve else []))


class _Residual3d(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(
            *(
                layer
                for _ in range(2)
                for layer in (nn.BatchNorm3d(channels), nn.ReLU(), nn.Conv3d(channels, channels, 3, padding=1))
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Appearance(nn.Module):
    """F: picture (B, 3, S, S) -> volume (B, C, D, S / 2^halvings, ...). Widths double from `base`."""

    def __init__(self, base: int, halvings: int, channels: int, depth: int, residuals: int):
        super().__init__()
        widths = [base * 2**i for i in range(halvings + 1)]
        downs = (_Conv2d(a, b, halve=True) for a, b in pairwise(widths))
        self.flat = nn.Sequential(_Conv2d(3, base), *downs, nn.Conv2d(widths[-1], channels * depth, 1))
        self.residuals = nn.Sequential(*(_Residual3d(channels) for _ in range(residuals)))
        self.shape = (channels, depth)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.residuals(self.flat(2 * pictures - 1).unflatten(1, self.shape))


def grid_of(depth: int, height: int, width: int, like: Tensor) -> Tensor:
    """Places of a volume's voxels: (D, H, W, 3) x, y, z from -1 to 1, the corners at the ends."""
    axes = [torch.linspace(-1, 1, n, device=like.device, dtype=like.dtype) for n in (depth, height, width)]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([x, y, z], -1)


def sparse_motions(grid: Tensor, source: Tensor, driving: Tensor) -> Tensor:
    """Where each voxel comes from if the whole volume went with one keypoint, and first if it stood still:
    grid (D, H, W, 3), keypoints (B, K, 3) -> (B, K + 1, D, H, W, 3)."""
    moved = grid + (source - driving)[:, :, None, None, None]
    return torch.cat([grid.expand(len(source), 1, *grid.shape), moved], 1)


def heatmaps(grid: Tensor, source: Tensor, driving: Tensor) -> Tensor:
    """Gaussians about the driving keypoints minus those about the source's, with a background of zero first:
    (B, K + 1, D, H, W)."""

    def gaussians(points: Tensor) -> Tensor:
        away = (grid - points[:, :, None, None, None]).square().sum(-1)
        return torch.exp(-0.5 * away / VARIANCE)

    return F.pad(gaussians(driving) - gaussians(source), (0, 0, 0, 0, 0, 0, 1, 0))


class Hourglass3d(nn.Module):
    """Encoder and decoder with skips over a volume whose depth stays; every level halves height and width."""

    def __init__(self, channels: int, base: int, most: int, levels: int):
        super().__init__()
        widths = [min(most, base * 2**i) for i in range(levels + 1)]
        ins = [channels, *widths[1:]]
        self.downs = nn.ModuleList(self._conv(ins[i], widths[i + 1]) for i in range(levels))
        ups = reversed(range(levels))
        self.ups = nn.ModuleList(self._conv((1 if i == levels - 1 else 2) * widths[i + 1], widths[i]) for i in ups)
        self.channels = base + channels
        self.last = self._conv(self.channels, self.channels)

    @staticmethod
    def _conv(a: int, b: int) -> nn.Module:
        return nn.Sequential(nn.Conv3d(a, b, 3, padding=1), nn.BatchNorm3d(b), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, D, H, W) -> (B, base + C, D, H, W)."""
        kept = [x]
        for down in self.downs:
            kept.append(F.avg_pool3d(down(kept[-1]), (1, 2, 2)))
        y = kept.pop()
        for up in self.ups:
            y = up(F.interpolate(y, scale_factor=(1, 2, 2)))
            y = torch.cat([y, kept.pop()], 1)
        return self.last(y)


class Warper(nn.Module):
    """W: volume and two sets of keypoints -> the feature map (B, `out`, H, W) that the decoder paints, the occlusion
    (B, 1, H, W), and the flow in the picture's plane (B, H, W, 2), the mean over depth.

    `compress`: channels that the hourglass sees of the volume under each sparse motion; `kernel`: of the mask's
    convolution."""

    def __init__(
        self, channels: int, depth: int, compress: int, base: int, most: int, levels: int, out: int, kernel: int
    ):
        super().__init__()
        motions = KEYPOINTS + 1
        self.compress = nn.Sequential(nn.Conv3d(channels, compress, 1), nn.BatchNorm3d(compress), nn.ReLU())
        self.hourglass = Hourglass3d(motions * (compress + 1), base, most, levels)
        self.mask = nn.Conv3d(self.hourglass.channels, motions, kernel, padding=kernel // 2)
        self.occlusion = nn.Conv2d(self.hourglass.channels * depth, 1, kernel, padding=kernel // 2)
        self.flat = nn.Sequential(_Conv2d(channels * depth, out), nn.Conv2d(out, out, 1))

    def forward(self, volume: Tensor, source: Tensor, driving: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """volume (B, C, D, H, W); keypoints (B, 21, 3)."""
        flow, features = self.flow(volume, source, driving)
        occlusion = torch.sigmoid(self.occlusion(features.flatten(1, 2)))
        warped = F.grid_sample(volume, flow, align_corners=True)
        return self.flat(warped.flatten(1, 2)) * occlusion, occlusion, flow.mean(1)[..., :2]

    def flow(self, volume: Tensor, source: Tensor, driving: Tensor) -> tuple[Tensor, Tensor]:
        """The dense flow (B, D, H, W, 3), a mixture of the sparse motions, and the hourglass' features."""
        batch, (depth, height, width) = len(volume), volume.shape[2:]
        grid = grid_of(depth, height, width, volume)
        motions = sparse_motions(grid, source, driving)
        small = self.compress(volume)
        count = motions.shape[1]
        repeated = small[:, None].expand(-1, count, -1, -1, -1, -1).flatten(0, 1)
        moved = F.grid_sample(repeated, motions.flatten(0, 1), align_corners=True).unflatten(0, (batch, count))
        seen = torch.cat([heatmaps(grid, source, driving)[:, :, None], moved], 2).flatten(1, 2)
        features = self.hourglass(seen)
        shares = self.mask(features).softmax(1)
        return (shares[..., None] * motions).sum(1), features
