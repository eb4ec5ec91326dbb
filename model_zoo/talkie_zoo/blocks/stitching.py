"""Stitching: a small network that shifts driving keypoints so that the rendered border meets the source picture
(LivePortrait, Guo et al. 2024, section 3.3). What it is trained on lives with each system."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from talkie_zoo.blocks.implicit_keypoints import KEYPOINTS


class Stitching(nn.Module):
    """Source and driving keypoints -> offsets of every keypoint and one shift of all in the picture's plane."""

    def __init__(self, widths: Sequence[int] = (128, 128, 64)):
        super().__init__()
        sizes = [6 * KEYPOINTS, *widths]
        layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
        last = nn.Linear(sizes[-1], 3 * KEYPOINTS + 2)
        # Untrained it changes nothing.
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(*layers, last)

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """source, driving (B, 21, 3) -> the driving keypoints, stitched (B, 21, 3)."""
        out = self.layers(torch.cat([source.flatten(1), driving.flatten(1)], 1))
        offsets = out[:, : 3 * KEYPOINTS].unflatten(-1, (KEYPOINTS, 3))
        shift = torch.nn.functional.pad(out[:, 3 * KEYPOINTS :], (0, 1))
        return driving + offsets + shift[:, None]
