"""Squares cut out of frames, put back and laid over one another, differentiably and to a fraction of a pixel. Crops of
whole clips on the way into shards are `talkie.faces.crop`'s."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cut(frames: Tensor, boxes: Tensor, size: int) -> Tensor:
    """The squares `boxes` (N, 3), x, y and side in pixels, of frames (N, C, H, W) -> (N, C, size, size), bilinear; the
    border goes on beyond the frame. For squares that are not shrunk much: nothing is averaged."""
    steps = (torch.arange(size, device=frames.device) + 0.5) / size
    x, y = (boxes[:, axis, None] + boxes[:, 2:] * steps for axis in (0, 1))
    height, width = frames.shape[-2:]
    return _sampled(frames, 2 * x / width - 1, 2 * y / height - 1)


def paste(frames: Tensor, crops: Tensor, boxes: Tensor) -> Tensor:
    """Frames (N, C, H, W) in which every pixel whose middle lies in its box (N, 3) is taken, bilinearly, from the crop
    (N, C, S, S); all others stay as they are, to the last bit. Gradients go to both."""
    height, width = frames.shape[-2:]
    x, y = (
        (torch.arange(length, device=frames.device) + 0.5 - boxes[:, axis, None]) / boxes[:, 2:]
        for axis, length in ((0, width), (1, height))
    )
    inside = ((y >= 0) & (y < 1))[:, None, :, None] & ((x >= 0) & (x < 1))[:, None, None, :]
    return torch.where(inside, _sampled(crops, 2 * x - 1, 2 * y - 1), frames)


def part_of(boxes: Tensor, centre: tuple[float, float], share: float) -> Tensor:
    """The squares in `boxes` (..., 3) whose middle lies at `centre` (shares of the side from the upper left corner) and
    whose side is `share` of theirs."""
    side = boxes[..., 2] * share
    corner = (boxes[..., axis] + boxes[..., 2] * centre[axis] - side / 2 for axis in (0, 1))
    return torch.stack([*corner, side], -1)


def turned(crops: Tensor, points: Tensor, wanted: Tensor) -> Tensor:
    """Crops (N, C, S, S) moved, turned and scaled so that their points (N, P, 2), in shares of the side, come to lie,
    by least squares, at `wanted` (N, P, 2) (Umeyama 1991); the border goes on beyond the crop."""
    from_middle, to_middle = wanted.mean(1, keepdim=True), points.mean(1, keepdim=True)
    old, new = wanted - from_middle, points - to_middle
    spread = old.square().sum((1, 2)).clamp_min(1e-12)
    along = (old * new).sum((1, 2)) / spread
    across = (old[..., 0] * new[..., 1] - old[..., 1] * new[..., 0]).sum(1) / spread
    size = crops.shape[-1]
    place = (torch.arange(size, device=crops.device) + 0.5) / size
    x, y = place[None, None, :] - from_middle[..., :1], place[None, :, None] - from_middle[..., 1:]
    along, across = along[:, None, None], across[:, None, None]
    column = along * x - across * y + to_middle[..., :1]
    row = across * x + along * y + to_middle[..., 1:]
    grid = 2 * torch.stack([column, row], -1) - 1
    return F.grid_sample(crops, grid.to(crops), "bilinear", "border", align_corners=False)


def _sampled(pictures: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """At columns x (N, W') and rows y (N, H') in [-1, 1]: (N, C, H', W')."""
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), -1)
    return F.grid_sample(pictures, grid.to(pictures), "bilinear", "border", align_corners=False)
