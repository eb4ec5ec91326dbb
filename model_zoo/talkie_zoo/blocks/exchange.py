"""Exchange of conditions between the elements of a batch, so that content and condition must be told apart (EMOTE)."""

from __future__ import annotations

import torch
from torch import Tensor

from talkie.errors import BadInput


def derangement(count: int) -> Tensor:
    """A random permutation (count,) without a fixed point, one cycle through all (Sattolo's algorithm), from torch's
    random state; two elements are swapped. Raises BadInput for fewer than two."""
    if count < 2:
        raise BadInput(
            f"{count} element cannot exchange its condition", cure="give each worker two clips a step or more"
        )
    order = list(range(count))
    for last in range(count - 1, 0, -1):
        other = int(torch.randint(last, ()))
        order[last], order[other] = order[other], order[last]
    return torch.tensor(order)


def doubled(kept: Tensor, condition: Tensor, donors: Tensor) -> tuple[Tensor, Tensor]:
    """The batch beside its copy: kept (B, …) twice; condition (B, …) as it is, then that of each row's donor."""
    return torch.cat([kept, kept]), torch.cat([condition, condition[donors]])
