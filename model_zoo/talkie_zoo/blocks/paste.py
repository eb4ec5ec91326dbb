"""Squares cut out of frames and put back, differentiably and to a fraction of a pixel. Crops of whole clips on the way
into shards are `talkie.faces.crop`'s."""

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


def _sampled(pictures: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """At columns x (N, W') and rows y (N, H') in [-1, 1]: (N, C, H', W')."""
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), -1)
    return F.grid_sample(pictures, grid.to(pictures), "bilinear", "border", align_corners=False)
