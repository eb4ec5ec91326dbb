"""The one call that renders a radiance field along rays; sampling, quadrature and the grid live beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from talkie.errors import BadInput
from talkie.render.arguments import check
from talkie.render.volume.occupancy import Density, OccupancyGrid
from talkie.render.volume.quadrature import emission_weights, mean_distance
from talkie.render.volume.rays import Rays
from talkie.render.volume.sampling import even_edges, resample_edges, stratified

Field = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

# Samples along a ray between two looks at who has ended: fewer calls of the field against fewer points in it.
_STRIDE = 32


@dataclass(frozen=True)
class Proposal:
    """The coarse histogram that placed the samples: edges (N, P + 1) metres, weights (N, P) with gradient. Feed
    both to `proposal_loss`."""

    edges: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Rendered:
    """colour: (N, C), the background included; opacity: (N,) in [0, 1]; depth: (N,) metres along the ray, the mean
    distance of what is seen, infinity where nothing is; weights: (N, S) of the samples; distances: (N, S) and
    edges: (N, S + 1) metres of the samples and their intervals; evaluations: points at which the field was asked;
    proposal: the coarse histogram, where one was used."""

    colour: Tensor
    opacity: Tensor
    depth: Tensor
    weights: Tensor
    distances: Tensor
    edges: Tensor
    evaluations: int
    proposal: Proposal | None


def render_rays(
    field: Field,
    rays: Rays,
    occupancy: OccupancyGrid | None = None,
    *,
    near: float | Tensor,
    far: float | Tensor,
    steps: int,
    proposal: Density | None = None,
    proposal_steps: int | None = None,
    background: Tensor | None = None,
    generator: torch.Generator | None = None,
    min_transmittance: float = 1e-4,
) -> Rendered:
    """Emission-absorption rendering of a field (Max 1995; NeRF, Mildenhall et al. 2020), differentiable in the
    field and in the background, on the device of the rays.

    field: points (M, 3) world metres, unit directions (M, 3) -> density (M,) in 1/m, at least 0, and colour (M, C);
    it is called a few times with any M > 0. near, far: metres along the rays, numbers or (N,). steps: intervals a
    ray, each asked once: at a random distance inside it with a generator, at its middle without. occupancy: samples
    in its empty cells are not asked and count as empty; with a grid that covers all density the result is that
    without one. proposal: points (M, 3) -> coarse density (M,); asked at `proposal_steps` (as many as steps unless
    given) even intervals, its weights place the field's. background: (C,) or (N, C), black when None.
    min_transmittance: a ray on which less light is left ends, looked at every few samples, so that colour changes
    by at most that share; 0 never ends one.

    Raises BadInput naming the argument, or `field`/`proposal` for an answer of wrong shape, below 0 or not finite.
    """
    first, last = _range(rays, near, far)
    if steps < 1 or (proposal_steps is not None and proposal_steps < 1):
        raise BadInput(f"steps {steps}, proposal_steps {proposal_steps}", where="steps", cure="at least one")
    if not 0 <= min_transmittance < 1:
        raise BadInput(f"{min_transmittance}", where="min_transmittance", cure="0 or more and below 1")
    coarse = None
    if proposal is None:
        edges = even_edges(first, last, steps)
    else:
        coarse = _propose(proposal, rays, even_edges(first, last, proposal_steps or steps), generator)
        edges = resample_edges(coarse.edges, coarse.weights, steps, generator)
    distances = stratified(edges, generator)
    weights, colours, evaluations = _march(field, rays, occupancy, edges, distances, min_transmittance)
    opacity = weights.sum(1)
    colour = (weights[..., None] * colours).sum(1)
    if background is not None:
        colour = colour + _behind(background, opacity, colour)
    depth = mean_distance(weights, distances)
    return Rendered(colour, opacity, depth, weights, distances, edges, evaluations, coarse)


def _march(
    field: Field,
    rays: Rays,
    occupancy: OccupancyGrid | None,
    edges: Tensor,
    distances: Tensor,
    min_transmittance: float,
) -> tuple[Tensor, Tensor, int]:
    """Weights (N, S) and colours (N, S, C) of all samples, front to back; those not asked hold zeros."""
    lengths = edges[:, 1:] - edges[:, :-1]
    passed = torch.zeros_like(distances[:, 0])
    densities, colours, evaluations, channels = [], [], 0, None
    for start in range(0, distances.shape[1], _STRIDE):
        points = rays.at(distances[:, start : start + _STRIDE])
        wanted = (torch.exp(-passed) > min_transmittance)[:, None].expand(points.shape[:2])
        if occupancy is not None:
            wanted = wanted & occupancy.occupied(points)
        density, colour = torch.zeros_like(points[..., 0]), None
        if bool(wanted.any()):
            ray, sample = wanted.nonzero(as_tuple=True)
            found, shade = _ask(field, points[ray, sample], rays.directions[ray])
            density = density.index_put((ray, sample), found)
            colour = shade.new_zeros(*points.shape[:2], shade.shape[1]).index_put((ray, sample), shade)
            evaluations, channels = evaluations + len(ray), shade.shape[1]
        densities.append(density)
        colours.append(colour)
        passed = passed + (density.detach() * lengths[:, start : start + _STRIDE]).sum(1)
    if channels is None:
        # Nothing on any ray: one answer, thrown away, tells how many channels black has.
        channels = _ask(field, rays.at(distances[:1, :1])[0], rays.directions[:1])[1].shape[1]
    blocks = [
        density.new_zeros(*density.shape, channels) if colour is None else colour
        for density, colour in zip(densities, colours, strict=True)
    ]
    return emission_weights(torch.cat(densities, 1), lengths), torch.cat(blocks, 1), evaluations


def _behind(background: Tensor, opacity: Tensor, colour: Tensor) -> Tensor:
    per_ray = isinstance(background, Tensor) and background.ndim == 2
    channels = colour.shape[1]
    check("background", background, (len(colour), channels) if per_ray else (channels,), like=colour)
    return (1 - opacity)[:, None] * background


def _ask(field: Field, points: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    answer = field(points, directions)
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise BadInput(f"answered a {type(answer).__name__}", where="field", cure="return (density, colour)")
    return (
        _density("field density", answer[0], points),
        check("field colour", answer[1], (len(points), None), like=points),
    )


def _density(name: str, density: Tensor, points: Tensor) -> Tensor:
    check(name, density, (len(points),), like=points)
    if bool((density.detach() < 0).any()):
        raise BadInput("values below 0", where=name, cure="end the network in softplus, relu or exp")
    return density


def _propose(proposal: Density, rays: Rays, edges: Tensor, generator: torch.Generator | None) -> Proposal:
    points = rays.at(stratified(edges, generator))
    density = _density("proposal density", proposal(points.flatten(0, 1)), points.flatten(0, 1))
    return Proposal(edges, emission_weights(density.view(points.shape[:2]), edges[:, 1:] - edges[:, :-1]))


def _range(rays: Rays, near: float | Tensor, far: float | Tensor) -> tuple[Tensor, Tensor]:
    if not isinstance(rays, Rays):
        raise BadInput(f"a {type(rays).__name__}", where="rays", cure="pass Rays, as camera_rays makes them")
    if len(rays) == 0:
        raise BadInput("no rays", where="rays", cure="pass at least one")
    ends = []
    for name, value in (("near", near), ("far", far)):
        end = torch.as_tensor(value).to(rays.origins)
        ends.append(check(name, end.expand(len(rays)) if end.ndim == 0 else end, (len(rays),)))
    if bool((ends[0] < 0).any()) or bool((ends[0] >= ends[1]).any()):
        raise BadInput(f"from {near} to {far}", where="near, far", cure="0 <= near < far, in metres")
    return ends[0], ends[1]
