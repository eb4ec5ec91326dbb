"""Samples where they matter: the occupancy grid loses nothing and skips much; the proposal finds thin shells."""

import math

import pytest
import torch

from talkie.render.volume import OccupancyGrid, Rays, proposal_loss, render_rays

SHELL = 0.006  # metres: standard deviation of the shell's density about its radius
RADIUS = 0.3
PEAK = 400.0


def inward(count: int, seed: int = 0) -> Rays:
    """Rays from one metre away towards points near the origin."""
    g = torch.Generator().manual_seed(seed)
    origins = torch.nn.functional.normalize(torch.randn(count, 3, generator=g, dtype=torch.float64), dim=1)
    aims = 0.1 * torch.randn(count, 3, generator=g, dtype=torch.float64)
    return Rays(origins, torch.nn.functional.normalize(aims - origins, dim=1))


def ball(points, directions=None):
    """Density 5 / m inside RADIUS, nothing outside; colour from position and direction."""
    density = torch.where(points.norm(dim=1) < RADIUS, 5.0, 0.0).to(points)
    return density if directions is None else (density, torch.cat([points, directions[:, :1]], 1))


def shell(points, directions=None, blur: float = SHELL):
    away = points.norm(dim=1) - RADIUS
    density = PEAK * SHELL / blur * torch.exp(-0.5 * (away / blur) ** 2)
    return density if directions is None else (density, torch.full_like(points, 0.5))


def conservative() -> OccupancyGrid:
    """Every cell that comes within half its diagonal of the ball counts as full."""
    grid = OccupancyGrid([-0.5] * 3, [0.5, 0.6, 0.7], (16, 20, 18))
    axes = [
        torch.linspace(low + (high - low) / 2 / n, high - (high - low) / 2 / n, n)
        for low, high, n in zip([-0.5] * 3, [0.5, 0.6, 0.7], (16, 20, 18), strict=True)
    ]
    middles = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
    reach = 0.5 * math.sqrt(0.0625**2 + 0.055**2 + 0.067**2)
    grid.fill(torch.where(middles.norm(dim=-1) < RADIUS + reach, 1.0, 0.0))
    return grid


@pytest.mark.parametrize("jitter", [False, True])
def test_a_grid_that_covers_all_density_changes_nothing_but_the_work(jitter) -> None:
    seen = []
    for grid in (None, conservative()):
        generator = torch.Generator().manual_seed(5) if jitter else None
        seen.append(render_rays(ball, inward(200), grid, near=0.0, far=2.0, steps=96, generator=generator))
    dense, skipped = seen
    for name in ("colour", "opacity", "depth", "weights"):
        assert torch.equal(getattr(dense, name), getattr(skipped, name)), name
    assert skipped.evaluations < 0.5 * dense.evaluations


def test_updates_find_the_density_and_forget_what_has_gone() -> None:
    g = torch.Generator().manual_seed(0)
    grid = OccupancyGrid([-0.5] * 3, [0.5] * 3, 16, threshold=0.5, decay=0.5)
    assert bool(grid.cells.all())
    grid.update(ball, g, samples=4)
    volume = float(grid.cells.float().mean())
    assert 4 / 3 * math.pi * RADIUS**3 <= volume < 1.7 * 4 / 3 * math.pi * RADIUS**3
    points = torch.tensor([[0.0, 0, 0], [0.2, 0, 0], [0.45, 0.45, 0.45], [0.9, 0, 0]])
    assert grid.occupied(points).tolist() == [True, True, False, False]
    for _ in range(4):  # 5 / m halves to 0.31
        grid.update(lambda p: torch.zeros(len(p)), g)
    assert not bool(grid.cells.any())


def test_a_partial_update_leaves_unseen_cells_occupied() -> None:
    grid = OccupancyGrid([-1.0] * 3, [1.0] * 3, 10)
    grid.update(lambda p: torch.zeros(len(p)), torch.Generator().manual_seed(1), share=0.25)
    assert int(grid.cells.sum()) == 750


def test_the_grid_travels_in_its_state() -> None:
    grid, copy = conservative(), OccupancyGrid([0.0] * 3, [1.0] * 3, (16, 20, 18))
    copy.load_state_dict(grid.state_dict())
    points = torch.rand(500, 3) - 0.5
    assert torch.equal(copy.occupied(points), grid.occupied(points))


def test_an_empty_grid_shows_the_background() -> None:
    grid = OccupancyGrid([-1.0] * 3, [1.0] * 3, 4)
    grid.fill(torch.zeros(4, 4, 4))
    sky = torch.rand(4, dtype=torch.float64)
    seen = render_rays(ball, inward(3), grid, near=0.0, far=2.0, steps=8, background=sky)
    torch.testing.assert_close(seen.colour, sky.expand(3, 4))
    assert seen.evaluations == 0


@pytest.mark.parametrize("jitter", [False, True])
def test_a_proposal_gathers_the_samples_at_a_thin_shell(jitter) -> None:
    rays = inward(100)
    settings = {"near": 0.0, "far": 2.0, "steps": 48, "min_transmittance": 0}
    truth = render_rays(shell, rays, **{**settings, "steps": 6000})

    def seed():
        return torch.Generator().manual_seed(2) if jitter else None

    even = render_rays(shell, rays, **settings, generator=seed())
    placed = render_rays(shell, rays, **settings, generator=seed(), proposal=lambda p: shell(p, blur=0.03))

    def near_shell(seen):
        return float(((rays.at(seen.distances).norm(dim=-1) - RADIUS).abs() < 0.05).double().mean())

    assert near_shell(even) < 0.2
    assert near_shell(placed) > 0.6
    error_even, error_placed = ((seen.depth - truth.depth).abs().median() for seen in (even, placed))
    assert float(error_placed) < 0.25 * float(error_even)


def test_proposal_loss_is_its_definition_by_hand() -> None:
    """Proposal bins [0, 1], [1, 2]; rendered intervals [0, 0.5], [0.5, 1.5], [1.5, 2]."""
    edges = torch.tensor([[0, 0.5, 1.5, 2]], dtype=torch.float64)
    weights = torch.tensor([[0.3, 0.5, 0.1]], dtype=torch.float64)
    ends = torch.tensor([[0.0, 1, 2]], dtype=torch.float64)
    coarse = torch.tensor([[0.2, 0.1]], dtype=torch.float64, requires_grad=True)
    loss = proposal_loss(edges, weights, ends, coarse)
    # bounds 0.2, 0.3, 0.1: the first misses 0.1, the second 0.2, the third nothing.
    torch.testing.assert_close(loss.item(), 0.1**2 / 0.3 + 0.2**2 / 0.5)
    (gradient,) = torch.autograd.grad(loss, coarse)
    expected = [[-2 * 0.1 / 0.3 - 2 * 0.2 / 0.5, -2 * 0.2 / 0.5]]
    torch.testing.assert_close(gradient, torch.tensor(expected, dtype=torch.float64))


def test_a_histogram_that_bounds_the_weights_costs_nothing() -> None:
    seen = render_rays(shell, inward(20), near=0.0, far=2.0, steps=64)
    every = seen.edges[:, ::8]
    sums = seen.weights.view(20, 8, 8).sum(2)
    assert float(proposal_loss(seen.edges, seen.weights, every, sums)) < 1e-12  # rounding


def test_a_proposal_learns_the_shell_from_the_loss_alone() -> None:
    """Density by radius in 40 bins, flat at first; the fine weights come from the true shell."""
    log_density = torch.zeros(40, dtype=torch.float64, requires_grad=True)

    def proposal(points):
        place = (points.norm(dim=1) / 1.1 * 40).long().clamp(max=39)
        return torch.exp(log_density[place])

    adam = torch.optim.Adam([log_density], lr=0.3)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for step in range(60):
        seen = render_rays(shell, inward(64, step), near=0.0, far=2.0, steps=48, proposal=proposal, generator=generator)
        assert seen.proposal is not None
        loss = proposal_loss(seen.edges, seen.weights, seen.proposal.edges, seen.proposal.weights)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]
    assert int(log_density.argmax()) == int(RADIUS / 1.1 * 40)
