"""Structural similarity as a differentiable loss between pictures. The bench's metric is `talkie.evaluation`'s."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

LUMINANCE, CONTRAST = 0.01**2, 0.03**2


def ssim(a: Tensor, b: Tensor, window: Literal["gaussian", "box"] = "gaussian") -> Tensor:
    """The map of structural similarity of two batches of pictures in [0, 1]: (N, C, H, W) twice -> one, 1 where equal.

    Wang et al. 2004, equation 13 with the constants of its section III.B. "gaussian" weighs 11 x 11 pixels with a
    deviation of 1.5 as that paper does; "box" averages 3 x 3, as losses of view synthesis do (Godard et al. 2017).
    Windows are cut at the border by reflection, so that the map has the pictures' size.
    """
    kernel = _gaussian(11, 1.5) if window == "gaussian" else torch.full((3,), 1 / 3)
    down, along = (_blur(side, kernel).to(a) for side in a.shape[-2:])
    # Two products take a tenth of the time of convolutions with one channel, whose gradient is slow on a CPU.
    # Those of b alone stand apart, for where it is the truth they need no gradient.
    (mean_a, squares, ab), (mean_b,) = (
        down @ torch.stack(maps) @ along.T for maps in ((a, a * a + b * b, a * b), (b,))
    )
    powers = mean_a**2 + mean_b**2
    above = (2 * mean_a * mean_b + LUMINANCE) * (2 * (ab - mean_a * mean_b) + CONTRAST)
    return above / ((powers + LUMINANCE) * (squares - powers + CONTRAST))


def _blur(side: int, kernel: Tensor) -> Tensor:
    """(side, side): the matrix that filters a row of pixels with the kernel, reflected at its ends."""
    reach = len(kernel) // 2
    rows = F.pad(torch.eye(side)[None], (reach, reach), mode="reflect")[0]
    return F.conv1d(rows[:, None], kernel.view(1, 1, -1))[:, 0].T


def _gaussian(size: int, deviation: float) -> Tensor:
    x = [math.exp(-0.5 * ((i - size // 2) / deviation) ** 2) for i in range(size)]
    return torch.tensor(x) / sum(x)
