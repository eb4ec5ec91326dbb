"""Structural similarity as a differentiable loss between pictures. The bench's metric is `talkie.evaluation`'s."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

LUMINANCE, CONTRAST = 0.01**2, 0.03**2


def ssim(a: Tensor, b: Tensor, window: Literal["gaussian", "box", "pooled"] = "gaussian") -> Tensor:
    """The map of structural similarity of two batches of pictures in [0, 1]: (N, C, H, W) twice -> one, 1 where equal.

    Wang et al. 2004, equation 13 with the constants of its section III.B. "gaussian" weighs 11 x 11 pixels with a
    deviation of 1.5 as that paper does; "box" averages 3 x 3, as losses of view synthesis do (Godard et al. 2017);
    "pooled" is the same box by mean pooling, whose gradient costs a tenth on a CPU and differs in the last bits.
    Windows are cut at the border by reflection, so that the map has the pictures' size.
    """
    kernel = _gaussian(11, 1.5) if window == "gaussian" else torch.full((3,), 1 / 3)
    kernel = kernel.to(a)
    n, c, h, w = a.shape
    reach = len(kernel) // 2
    moments = torch.cat([a, b, a * a, b * b, a * b]).reshape(5 * n * c, 1, h, w)
    moments = F.pad(moments, (reach, reach, reach, reach), mode="reflect")
    if window == "pooled":
        moments = F.avg_pool2d(moments, 3, stride=1)
    else:
        moments = F.conv2d(F.conv2d(moments, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))
    mean_a, mean_b, aa, bb, ab = moments.reshape(5, n, c, h, w)
    variance = (aa - mean_a**2) + (bb - mean_b**2)
    covariance = ab - mean_a * mean_b
    above = (2 * mean_a * mean_b + LUMINANCE) * (2 * covariance + CONTRAST)
    return above / ((mean_a**2 + mean_b**2 + LUMINANCE) * (variance + CONTRAST))


def _gaussian(size: int, deviation: float) -> Tensor:
    x = [math.exp(-0.5 * ((i - size // 2) / deviation) ** 2) for i in range(size)]
    return torch.tensor(x) / sum(x)
