"""What the volume renderer refuses, and what it says."""

import pytest
import torch

from talkie.errors import BadInput
from talkie.render.pinhole import Camera
from talkie.render.volume import OccupancyGrid, Rays, camera_rays, render_rays

RAYS = Rays(torch.zeros(2, 3), torch.tensor([[0.0, 0, 1], [0, 1, 0]]))
GOOD = {"near": 0.0, "far": 1.0, "steps": 4}


def field(points, directions):
    return torch.ones(len(points)), torch.ones(len(points), 3)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"near": -0.1}, "near"),
        ({"far": 0.0}, "near, far"),
        ({"far": float("inf")}, "far"),
        ({"near": torch.zeros(3)}, "near"),
        ({"steps": 0}, "steps"),
        ({"proposal_steps": 0}, "steps"),
        ({"min_transmittance": 1.0}, "min_transmittance"),
        ({"background": torch.zeros(4)}, "background"),
        ({"background": torch.zeros(3, 3)}, "background"),
        ({"background": torch.full((3,), float("nan"))}, "background"),
        ({"background": "white"}, "background"),
    ],
)
def test_bad_settings_are_named(settings, name) -> None:
    with pytest.raises(BadInput, match=f"^{name}"):
        render_rays(field, RAYS, **{**GOOD, **settings})


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (lambda p, d: torch.ones(len(p)), "field"),
        (lambda p, d: (torch.ones(len(p), 1), torch.ones(len(p), 3)), "field density"),
        (lambda p, d: (torch.ones(len(p)), torch.ones(len(p))), "field colour"),
        (lambda p, d: (torch.ones(len(p)) * float("nan"), torch.ones(len(p), 3)), "field density"),
        (lambda p, d: (-torch.ones(len(p)), torch.ones(len(p), 3)), "field density: .*softplus"),
        (lambda p, d: (torch.ones(len(p)).half(), torch.ones(len(p), 3)), "field density"),
    ],
)
def test_bad_answers_of_the_field_are_named(answer, name) -> None:
    with pytest.raises(BadInput, match=f"^{name}"):
        render_rays(answer, RAYS, **GOOD)


def test_bad_answers_of_the_proposal_are_named() -> None:
    with pytest.raises(BadInput, match=r"^proposal density: "):
        render_rays(field, RAYS, **GOOD, proposal=lambda p: torch.ones(len(p), 2))


@pytest.mark.parametrize(
    ("origins", "directions", "name"),
    [
        (torch.zeros(2, 2), torch.zeros(2, 3), "origins"),
        (torch.zeros(2, 3), torch.zeros(1, 3), "directions"),
        (torch.zeros(2, 3), 2 * RAYS.directions, "directions"),
        (torch.full((2, 3), float("inf")), RAYS.directions, "origins"),
    ],
)
def test_bad_rays_are_named(origins, directions, name) -> None:
    with pytest.raises(BadInput, match=rf"^rays\.{name}: "):
        Rays(origins, directions)


def test_no_rays_and_no_ray_type_are_refused() -> None:
    for rays in (Rays(torch.zeros(0, 3), torch.zeros(0, 3)), torch.zeros(2, 6)):
        with pytest.raises(BadInput, match=r"^rays: "):
            render_rays(field, rays, **GOOD)


@pytest.mark.parametrize("pixels", [torch.zeros(3, 2), torch.zeros(3, dtype=torch.long), torch.tensor([[4, 0]])])
def test_bad_pixels_are_refused(pixels) -> None:
    view = Camera(torch.eye(3), torch.eye(3), torch.zeros(3), 4, 4)
    with pytest.raises(BadInput, match=r"^pixels: "):
        camera_rays(view, pixels)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"high": [-1.0, 1, 1]}, "high"),
        ({"low": [float("nan")] * 3}, "low"),
        ({"resolution": 0}, "resolution"),
        ({"resolution": (4, 4)}, "resolution"),
        ({"threshold": -1.0}, "threshold"),
        ({"decay": 0.0}, "decay"),
    ],
)
def test_a_bad_grid_is_refused(changes, name) -> None:
    with pytest.raises(BadInput, match=f"^{name}: "):
        OccupancyGrid(**{"low": [-1.0] * 3, "high": [1.0] * 3, "resolution": 4, **changes})


def test_a_grid_refuses_bad_fillings_and_updates() -> None:
    grid = OccupancyGrid([-1.0] * 3, [1.0] * 3, 4)
    with pytest.raises(BadInput, match=r"^density: "):
        grid.fill(torch.zeros(4, 4))
    for density in (lambda p: torch.zeros(3), lambda p: torch.full((len(p),), float("nan"))):
        with pytest.raises(BadInput, match=r"^density: "):
            grid.update(density, torch.Generator().manual_seed(0))
    with pytest.raises(BadInput, match=r"^samples: "):
        grid.update(lambda p: p[:, 0], torch.Generator().manual_seed(0), share=0)


def test_a_grid_on_another_device_than_the_rays_is_named() -> None:
    grid = OccupancyGrid([-1.0] * 3, [1.0] * 3, 4).to("meta")
    with pytest.raises(BadInput, match=r"^occupancy: .*move it to cpu"):
        render_rays(field, RAYS, grid, **GOOD)
