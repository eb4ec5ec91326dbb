"""Features of places from multiresolution grids whose finer levels share rows by hashing: in the plane, and in space by
three planes. What is decoded from them lives with each system."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from talkie.errors import BadConfig

_PRIME = 2_654_435_761
"""Second factor of the spatial hash; the first is 1 (Müller et al. 2022, equation 4)."""
_START = 1e-4
"""Rows begin uniform within this bound (same, section 3)."""


class HashGrids(nn.Module):
    """Several 2-D multiresolution hash grids of one shape (Müller et al., SIGGRAPH 2022, instant neural graphics
    primitives), asked in one look-up.

    Level l of `levels` has cells of 1 / r_l with r_l = ceil(base (finest / base)^(l / (levels - 1))). A level whose
    (r_l + 1)^2 corners fit into 2^`log2_table` rows keeps one row each, as published; others hash. The answer is
    bilinear inside a cell. Raises BadConfig for sizes without a level or a cell.
    """

    origins: Tensor
    cells: Tensor
    rows: Tensor
    dense: Tensor

    def __init__(self, grids: int, levels: int, channels: int, base: float, finest: float, log2_table: int):
        super().__init__()
        if min(grids, levels, channels) < 1 or min(base, finest) < 1:
            raise BadConfig("a hash grid without a level, channel or cell", cure="all of its sizes are at least 1")
        self.grids, self.levels, self.channels = grids, levels, channels
        growth = (finest / base) ** (1 / max(1, levels - 1))
        # Rounded before the ceiling, so that the last level is what was asked for and not one cell more.
        cells = [math.ceil(round(base * growth**level, 6)) for level in range(levels)]
        rows = [min(2**log2_table, (cell + 1) ** 2) for cell in cells]
        starts = torch.tensor(rows * grids).cumsum(0) - torch.tensor(rows * grids)
        self.table = nn.Parameter((2 * torch.rand(sum(rows) * grids, channels) - 1) * _START)
        whole = [row == (cell + 1) ** 2 for cell, row in zip(cells, rows, strict=True)]
        for name, values in (("cells", cells), ("rows", rows), ("dense", whole)):
            self.register_buffer(name, torch.tensor(values), persistent=False)
        self.register_buffer("origins", starts.view(grids, levels), persistent=False)

    def forward(self, places: Tensor) -> Tensor:
        """places (N, grids, 2) in [0, 1], cut there -> (N, grids * levels * channels)."""
        at = places.clamp(0, 1)[:, :, None] * self.cells[:, None].to(places)
        low = torch.minimum(at.detach().floor().long(), self.cells[:, None] - 1)
        share = at - low
        out: Tensor | float = 0.0
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            x, y = low[..., 0] + dx, low[..., 1] + dy
            row = torch.where(self.dense, x + y * (self.cells + 1), (x ^ (y * _PRIME)) % self.rows)
            weight = (share[..., 0] if dx else 1 - share[..., 0]) * (share[..., 1] if dy else 1 - share[..., 1])
            # Selecting rows, whose gradient is one addition a row, takes half the time of indexing.
            read = self.table.index_select(0, (self.origins + row).flatten()).view(*row.shape, self.channels)
            out = out + weight[..., None] * read
        assert isinstance(out, Tensor)
        return out.flatten(1)

    @property
    def width(self) -> int:
        """Channels of the answer."""
        return self.grids * self.levels * self.channels


class TriPlane(nn.Module):
    """Features of points in the cube of half side `bound` (metres) about `centre`: those of their shadows on the xy, yz
    and xz planes side by side (Li et al., ICCV 2023, ER-NeRF, equation 3)."""

    centre: Tensor

    def __init__(
        self, levels: int, channels: int, base: float, finest: float, log2_table: int, bound: float, centre: Tensor
    ):
        super().__init__()
        self.bound = bound
        self.register_buffer("centre", centre.clone())
        self.grids = HashGrids(3, levels, channels, base, finest, log2_table)

    def forward(self, points: Tensor) -> Tensor:
        """points (N, 3), metres -> (N, width)."""
        inside = (points - self.centre) / (2 * self.bound) + 0.5
        x, y, z = inside.unbind(-1)
        planes = torch.stack([torch.stack([x, y], -1), torch.stack([y, z], -1), torch.stack([x, z], -1)], 1)
        return self.grids(planes)

    @property
    def width(self) -> int:
        """Channels of the answer."""
        return self.grids.width
