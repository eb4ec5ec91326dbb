"""A canonical set of 3-D Gaussians of fixed capacity: its parameters, what it looks like when moved, and its picture.
How many of its rows are alive changes in gaussian_density.py; rasterising is `talkie.render.splats`'."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from talkie.errors import BadConfig
from talkie.render import Camera, Splats, rasterize
from talkie.render.splats import harmonic_colours

HARMONIC = 0.28209479177387814
"""The value of the harmonic of degree 0; a colour is 0.5 more than the sum (Kerbl et al. 2023)."""
GONE = -12.0
"""Opacity logit of a row without a Gaussian: far below the alpha that a rasteriser draws."""
_START_OPACITY = 0.1


@dataclass(frozen=True)
class Moved:
    """Gaussians as they are drawn. means (N, 3) metres; scales (N, 3) deviations, metres; quats (N, 4) w, x, y, z;
    opacities (N,); harmonics (N, K, 3) coefficients of the colours. What differs from frame to frame has an axis F in
    front."""

    means: Tensor
    scales: Tensor
    quats: Tensor
    opacities: Tensor
    harmonics: Tensor


class Gaussians(nn.Module):
    """Rows of Gaussians, of which the first `count` start alive, uniform in the cube of half side `spread` about
    `centre` (metres), round and faint, with random colours. `pull` and `seen` gather what density control reads.

    Raises BadConfig for more Gaussians than rows."""

    pull: Tensor
    seen: Tensor

    def __init__(self, capacity: int, count: int, degree: int, centre: Tensor, spread: float, scale: float):
        super().__init__()
        if not 0 < count <= capacity:
            raise BadConfig(f"{count} Gaussians in {capacity} rows", cure="start with at least one and at most all")
        self.means = nn.Parameter(centre + spread * (2 * torch.rand(capacity, 3) - 1))
        self.log_scales = nn.Parameter(torch.full((capacity, 3), scale).log())
        self.quats = nn.Parameter(torch.tensor([1.0, 0, 0, 0]).repeat(capacity, 1))
        logit = torch.logit(torch.tensor(_START_OPACITY))
        self.logits = nn.Parameter(torch.where(torch.arange(capacity) < count, logit, GONE))
        self.base = nn.Parameter((torch.rand(capacity, 1, 3) - 0.5) / HARMONIC)
        self.rest = nn.Parameter(torch.zeros(capacity, (degree + 1) ** 2 - 1, 3))
        self.register_buffer("pull", torch.zeros(capacity))
        self.register_buffer("seen", torch.zeros(()))

    def __len__(self) -> int:
        return len(self.means)

    @property
    def alive(self) -> Tensor:
        """(N,) bool: rows that hold a Gaussian."""
        return self.logits > GONE / 2

    def moved(
        self,
        shift: Tensor | float = 0.0,
        turn: Tensor | float = 0.0,
        stretch: Tensor | float = 0.0,
        fade: Tensor | float = 0.0,
        tint: Tensor | float = 0.0,
    ) -> Moved:
        """The set with changes added before the activations: to means (metres), quaternions, logarithms of scales,
        opacity logits and to the coefficients of degree 0."""
        base = self.base + tint
        return Moved(
            means=self.means + shift,
            scales=(self.log_scales + stretch).exp(),
            quats=self.quats + turn,
            opacities=(self.logits + fade).sigmoid(),
            harmonics=torch.cat([base, self.rest.expand(*base.shape[:-2], -1, -1)], -2),
        )

    def watch(self, means: Tensor, half_m: Tensor) -> None:
        """Adds the gradients that will reach drawn `means` (F, N, 3) to `pull`, as those of coordinates in [-1, 1] of
        the pictures: `half_m` (F,) are the metres of half a picture where the Gaussians are."""
        if not means.requires_grad:
            return

        def gather(gradient: Tensor) -> None:
            self.pull.add_((gradient.detach().norm(dim=-1) * half_m[:, None]).sum(0))
            self.seen.add_(len(gradient))

        means.register_hook(gather)

    def colours(self) -> Tensor:
        """(N, 3) the colours of degree 0."""
        return self.base[:, 0] * HARMONIC + 0.5


def draw(moved: Moved, camera: Camera, channels: Tensor | None = None) -> Splats:
    """The picture on black, with further `channels` (N, C) drawn behind the three of the colour; one of each frame of
    a camera that has frames."""
    count = moved.means.shape[-2]
    each = (count,) if camera.frames is None else (camera.frames, count)
    means = moved.means.expand(*each, 3)
    colours = harmonic_colours(moved.harmonics, means, camera)
    if channels is not None:
        colours = torch.cat([colours, channels.expand(*each, -1)], -1)
    scales, quats = moved.scales.expand(*each, 3), moved.quats.expand(*each, 4)
    return rasterize(means, scales, quats, moved.opacities.expand(each), colours, camera)
