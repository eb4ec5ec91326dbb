"""A grid that remembers where a density field is not empty, so that the rest of space is never asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from talkie.errors import BadInput
from talkie.render.arguments import check

Density = Callable[[Tensor], Tensor]


class OccupancyGrid(nn.Module):
    """Cells of a box with a decaying maximum of the density seen in each (Mueller et al. 2022, Instant neural
    graphics primitives, appendix C). Space outside the box counts as empty.

    low, high: opposite corners, world metres; resolution: cells along x, y, z (or one number); threshold: density
    in 1/m above which a cell is occupied; decay: factor per update. All cells start occupied. The state travels in
    the module's state dict.
    """

    def __init__(
        self,
        low: Sequence[float],
        high: Sequence[float],
        resolution: int | Sequence[int] = 64,
        *,
        threshold: float = 0.01,
        decay: float = 0.95,
    ):
        super().__init__()
        cells = [resolution] * 3 if isinstance(resolution, int) else [int(n) for n in resolution]
        if len(cells) != 3 or min(cells) < 1:
            raise BadInput(f"{resolution}", where="resolution", cure="at least one cell along each of x, y, z")
        if not threshold >= 0:
            raise BadInput(f"{threshold}", where="threshold", cure="a density in 1/m, 0 or more")
        if not 0 < decay <= 1:
            raise BadInput(f"{decay}", where="decay", cure="a factor above 0 and at most 1")
        corners = [
            check(name, torch.as_tensor(at, dtype=torch.float32), (3,)) for name, at in (("low", low), ("high", high))
        ]
        if not bool((corners[0] < corners[1]).all()):
            raise BadInput(f"{list(high)} is not above {list(low)}", where="high", cure="swap low and high")
        self.threshold, self.decay = float(threshold), float(decay)
        self.low: Tensor
        self.high: Tensor
        self.density: Tensor
        self.register_buffer("low", corners[0])
        self.register_buffer("high", corners[1])
        self.register_buffer("density", torch.full(cells, torch.inf))

    @property
    def cells(self) -> Tensor:
        """(X, Y, Z) bool: which are occupied."""
        return self.density > self.threshold

    @torch.no_grad()
    def fill(self, density: Tensor) -> None:
        """Sets what is known of each cell at once: (X, Y, Z) its greatest density, 1/m (infinity is allowed)."""
        if density.shape != self.density.shape or bool(torch.isnan(density).any()):
            cure = f"pass numbers of shape {tuple(self.density.shape)}"
            raise BadInput(f"shape {tuple(density.shape)}", where="density", cure=cure)
        self.density.copy_(density)

    @torch.no_grad()
    def update(self, density: Density, generator: torch.Generator, *, samples: int = 1, share: float = 1.0) -> None:
        """Asks `density` (points (M, 3) -> (M,), 1/m) at `samples` random points of a random `share` of the cells:
        what a cell holds becomes max(decay * old, greatest seen). The generator lives on the grid's device."""
        if samples < 1 or not 0 < share <= 1:
            cure = "at least one sample, a share above 0 and at most 1"
            raise BadInput(f"samples {samples}, share {share}", where="samples", cure=cure)
        shape = torch.tensor(self.density.shape, device=self.density.device)
        flat = self.density.view(-1)
        count = max(round(share * len(flat)), 1)
        picked = torch.randperm(len(flat), generator=generator, device=flat.device)[:count] if share < 1 else None
        index = torch.arange(len(flat), device=flat.device) if picked is None else picked
        corner = torch.stack(torch.unravel_index(index, tuple(self.density.shape)), 1)
        seen = torch.zeros(count, device=flat.device)
        for _ in range(samples):
            inside = torch.rand(count, 3, generator=generator, device=flat.device)
            found = density(self.low + (corner + inside) / shape * (self.high - self.low))
            seen = torch.maximum(seen, check("density", found, (count,), like=seen))
        # The infinity of the start means "not looked at yet": a look replaces it, decay could not.
        old = torch.where(torch.isinf(flat[index]), 0, flat[index] * self.decay)
        flat[index] = torch.maximum(old, seen)

    @torch.no_grad()
    def occupied(self, points: Tensor) -> Tensor:
        """(..., 3) world metres -> (...) bool."""
        if points.device != self.density.device:
            raise BadInput(f"a grid on {self.density.device}", where="occupancy", cure=f"move it to {points.device}")
        shape = torch.tensor(self.density.shape, device=points.device)
        place = (points.detach() - self.low.to(points)) / (self.high - self.low).to(points)
        inside = ((place >= 0) & (place <= 1)).all(-1)
        index = torch.minimum((place.clamp(0, 1) * shape).long(), shape - 1)
        return inside & self.cells[index[..., 0], index[..., 1], index[..., 2]]
