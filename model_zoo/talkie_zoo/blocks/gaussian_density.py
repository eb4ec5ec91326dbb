"""Adaptive density control of Gaussians in a fixed number of rows: what is faint leaves its row, what the pictures pull
at is cloned or split into rows that are free. What a Gaussian is lies in gaussians.py."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from talkie.render.splats.project import rotation
from talkie.systems.phases import Moments
from talkie_zoo.blocks.gaussians import GONE, Gaussians

PARAMETERS = ("means", "log_scales", "quats", "logits", "base", "rest")
_SHRINK = math.log(1.6)
"""Of Gaussians that are split, as published (Kerbl et al. 2023, section 5.2)."""


@dataclass(frozen=True)
class Density:
    """Every `every` steps from `begin` to before `end`: Gaussians below `faint` opacity go; those whose mean gradient
    reaches `pull` (in picture coordinates of [-1, 1]) are doubled, the strongest first, while rows are free: split
    where their largest deviation exceeds `split_m` metres, else cloned."""

    every: int
    begin: int
    end: int
    pull: float
    faint: float = 0.005
    split_m: float = 0.003

    def due(self, step: int) -> bool:
        """Whether to act after `step`."""
        return self.begin <= step < self.end and (step + 1) % self.every == 0


@torch.no_grad()
def control(points: Gaussians, name: str, rule: Density, step: int, moments: Moments) -> int:
    """One round on the set that the system calls `name`; returns how many Gaussians were doubled.

    A clone begins without memory, for with its twin's it would never leave it; the halves of a split, which lie apart,
    share theirs. The draw of where they lie follows from `step`; several workers add up what each has gathered."""
    bury(points, points.logits.sigmoid() < rule.faint)
    pull = _over_workers(points)
    strong = (pull >= rule.pull) & points.alive
    free = torch.nonzero(~points.alive)[:, 0]
    order = torch.argsort(pull, descending=True, stable=True)
    source = order[strong[order]][: len(free)]
    to = free[: len(source)]
    split = points.log_scales[source].amax(1) > math.log(rule.split_m)
    for parameter in PARAMETERS:
        values = getattr(points, parameter)
        values[to] = values[source]
        moments.copy_rows(f"{name}.{parameter}", to[split], source[split])
        moments.zero_rows(f"{name}.{parameter}", to[~split])
    halves = torch.cat([to[split], source[split]])
    points.means[halves] += _within(points, halves, step)
    points.log_scales[halves] -= _SHRINK
    return len(source)


def _within(points: Gaussians, rows: Tensor, seed: int) -> Tensor:
    """(M, 3) metres: a draw from each Gaussian about its mean."""
    chance = torch.randn(len(rows), 3, generator=torch.Generator().manual_seed(seed)).to(points.means)
    own = chance * points.log_scales[rows].exp()
    return (rotation(points.quats[rows]) @ own[..., None])[..., 0]


@torch.no_grad()
def bury(points: Gaussians, rows: Tensor) -> None:
    """Empties the chosen rows (N,) bool."""
    points.logits[rows] = GONE


def of_colour(points: Gaussians, colour: Tensor, tolerance: float = 30 / 255) -> Tensor:
    """(N,) bool: living Gaussians whose own colour is `colour` (3,) to within the tolerance in every channel, or beyond
    it where it is 0 or 1."""
    own = points.colours().clamp(0, 1)
    return points.alive & ((own - colour.to(own)).abs() < tolerance).all(1)


def _over_workers(points: Gaussians) -> Tensor:
    """(N,) mean gradients since the last round, over the pictures of all workers; the count starts anew."""
    sums = torch.cat([points.pull, points.seen[None]])
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        dist.all_reduce(sums)
    points.pull.zero_()
    points.seen.zero_()
    return sums[:-1] / sums[-1].clamp_min(1)
