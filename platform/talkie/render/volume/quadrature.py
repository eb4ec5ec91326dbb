"""The emission-absorption integral over intervals of a ray: weights, and expectations under them; no field."""

from __future__ import annotations

import torch
from torch import Tensor


def emission_weights(density: Tensor, lengths: Tensor) -> Tensor:
    """Share of a ray's colour that each interval contributes: (N, S), (N, S) metres -> (N, S), sums at most 1.

    w_i = T_i (1 - exp(-density_i length_i)), T_i = exp(-sum_{j<i} density_j length_j): exact where the density
    (1/m) is constant in each interval (Max 1995, Optical models for direct volume rendering; NeRF, eq. 3).
    """
    depth = density * lengths
    before = torch.cumsum(depth, 1) - depth
    return torch.exp(-before) * -torch.expm1(-depth)


def mean_distance(weights: Tensor, distances: Tensor) -> Tensor:
    """(N, S), (N, S) -> (N,) the weighted mean, infinity where all weights are 0."""
    total = weights.sum(1)
    hit = total > 0
    return torch.where(hit, (weights * distances).sum(1) / torch.where(hit, total, 1), torch.inf)
