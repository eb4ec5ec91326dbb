"""The volume renderer against closed forms, scipy's quadrature, finite differences and the camera's projection."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from splat_scenes import camera

from talkie.heads import project
from talkie.render.volume import Rays, camera_rays, emission_weights, render_rays

RED = torch.tensor([0.9, 0.3, 0.1], dtype=torch.float64)


def along_z(count: int = 1, x: float = 0.0, z: float = -1.0) -> Rays:
    origins = torch.tensor([[x, 0.0, z]], dtype=torch.float64).expand(count, 3)
    return Rays(origins, torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64).expand(count, 3))


def fog(sigma: float, low: float = -math.inf, high: float = math.inf):
    """Constant density between two planes across z, of one colour."""

    def field(points, directions):
        inside = (points[:, 2] > low) & (points[:, 2] < high)
        return torch.where(inside, sigma, 0.0).to(points), RED.expand(len(points), 3)

    return field


def blob(points, directions):
    """A Gaussian of density whose colour changes along z and with the direction."""
    density = 8 * torch.exp(-points.square().sum(1) / (2 * 0.15**2))
    return density, torch.stack([0.5 + points[:, 2], 0.5 - points[:, 2], 0.5 * directions[:, 2]], 1)


@pytest.mark.parametrize("sigma", [0.1, 2.0, 40.0])
@pytest.mark.parametrize("steps", [1, 7, 100])
def test_constant_density_is_exact_at_any_number_of_steps(sigma, steps) -> None:
    seen = render_rays(fog(sigma), along_z(3), near=0.25, far=0.75, steps=steps, min_transmittance=0)
    expected = 1 - math.exp(-sigma * 0.5)
    torch.testing.assert_close(seen.opacity, torch.full((3,), expected, dtype=torch.float64))
    torch.testing.assert_close(seen.colour, (expected * RED).expand(3, 3))


@pytest.mark.parametrize("sigma", [0.5, 3.0, 20.0])
def test_depth_of_a_slab_is_its_mean_free_path(sigma) -> None:
    """Slab of thickness d: mean distance of extinction a + 1/sigma - d / (exp(sigma d) - 1)."""
    seen = render_rays(fog(sigma, -0.5, 0.0), along_z(), near=0.0, far=2.0, steps=2000, min_transmittance=0)
    torch.testing.assert_close(float(seen.opacity), 1 - math.exp(-sigma * 0.5), atol=1e-6, rtol=0)
    expected = 0.5 + 1 / sigma - 0.5 / math.expm1(sigma * 0.5)
    torch.testing.assert_close(float(seen.depth), expected, atol=1e-5, rtol=0)


def test_a_blob_equals_scipy_quadrature() -> None:
    def density(s: float) -> float:
        return 8 * math.exp(-((s - 1) ** 2 + 0.1**2) / (2 * 0.15**2))

    def light(s: float) -> float:
        return math.exp(-quad(density, 0, s, points=[1.0] if s > 1 else None)[0])

    def share(of) -> float:
        return quad(lambda s: density(s) * light(s) * of(s), 0, 2, points=[0.8, 1.0])[0]

    expected = [share(lambda s: 0.5 + (s - 1)), share(lambda s: 0.5 - (s - 1)), 0.5 * share(lambda s: 1)]
    seen = render_rays(blob, along_z(x=0.1), near=0.0, far=2.0, steps=800, min_transmittance=0)
    np.testing.assert_allclose(seen.colour[0].numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(seen.opacity[0].numpy(), 1 - light(2.0), atol=1e-6)
    np.testing.assert_allclose(seen.depth[0].numpy(), share(lambda s: s) / share(lambda s: 1), atol=1e-5)


def test_stratified_samples_stay_in_their_intervals_repeat_with_their_seed_and_are_right_on_average() -> None:
    rays = along_z(4000, x=0.1)
    runs = [
        render_rays(blob, rays, near=0.0, far=2.0, steps=16, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert torch.equal(runs[0].distances, runs[1].distances)
    assert not torch.equal(runs[0].distances, runs[2].distances)
    for seen in runs:
        assert bool((seen.distances >= seen.edges[:, :-1]).all())
        assert bool((seen.distances <= seen.edges[:, 1:]).all())
    dense = render_rays(blob, along_z(x=0.1), near=0.0, far=2.0, steps=800)
    optical = -torch.log(1 - runs[0].opacity)
    # The optical depth is an unbiased estimate: 4000 rays of 16 jittered samples, 4 standard errors.
    error = 4 * float(optical.std()) / math.sqrt(4000)
    torch.testing.assert_close(float(optical.mean()), float(-torch.log(1 - dense.opacity)), atol=error, rtol=0)


def test_background_fills_what_the_opacity_leaves() -> None:
    sky = torch.tensor([0.1, 0.6, 1.0], dtype=torch.float64)
    left = math.exp(-0.8 * 0.5)
    for background in (sky, sky.expand(2, 3)):
        seen = render_rays(fog(0.8), along_z(2), near=0.0, far=0.5, steps=4, background=background)
        torch.testing.assert_close(seen.colour, ((1 - left) * RED + left * sky).expand(2, 3))


def test_empty_space_shows_the_background_at_infinite_depth() -> None:
    seen = render_rays(fog(0.0), along_z(), near=0.0, far=1.0, steps=4, background=RED)
    torch.testing.assert_close(seen.colour[0], RED)
    assert float(seen.opacity) == 0
    assert torch.isinf(seen.depth).all()


def test_gradients_equal_finite_differences() -> None:
    g = torch.Generator().manual_seed(0)
    rays = Rays(
        torch.randn(3, 3, generator=g, dtype=torch.float64),
        torch.nn.functional.normalize(torch.randn(3, 3, generator=g, dtype=torch.float64), dim=1),
    )

    def picture(centre, log_sigma, shade, background):
        def field(points, directions):
            away = (points - centre).square().sum(1)
            return torch.exp(log_sigma - away), torch.sigmoid(points @ shade + directions @ shade)

        seen = render_rays(field, rays, near=0.1, far=2.0, steps=6, background=background)
        return seen.colour, seen.opacity, seen.depth, seen.weights

    values = [torch.randn(shape, generator=g, dtype=torch.float64) for shape in (3, (), (3, 2), 2)]
    assert torch.autograd.gradcheck(picture, [v.requires_grad_() for v in values])


def test_a_ray_that_has_ended_is_not_followed_and_the_colour_keeps_to_the_bound() -> None:
    whole, ended = (
        render_rays(fog(60.0), along_z(5), near=0.0, far=2.0, steps=256, min_transmittance=least)
        for least in (0.0, 1e-4)
    )
    assert whole.evaluations == 5 * 256
    assert ended.evaluations < 0.2 * whole.evaluations
    torch.testing.assert_close(ended.colour, whole.colour, rtol=0, atol=1e-4)


def test_weights_and_the_light_that_is_left_add_up_to_one() -> None:
    g = torch.Generator().manual_seed(3)
    density, lengths = (torch.rand(9, 40, generator=g, dtype=torch.float64) for _ in range(2))
    total = emission_weights(density, lengths).sum(1) + torch.exp(-(density * lengths).sum(1))
    torch.testing.assert_close(total, torch.ones(9, dtype=torch.float64))


def test_points_on_camera_rays_project_back_onto_their_pixel_centres() -> None:
    view = camera(12, 7)
    rays = camera_rays(view)
    y, x = torch.meshgrid(torch.arange(7) + 0.5, torch.arange(12) + 0.5, indexing="ij")
    centres = torch.stack([x, y], -1).reshape(-1, 2).double()
    for distance in (0.1, 2.0):
        points = rays.at(torch.full((84, 1), distance, dtype=torch.float64))[:, 0]
        torch.testing.assert_close(project(points, view.K, view.R, view.t), centres)
        depth = (points @ view.R.T + view.t)[:, 2]
        torch.testing.assert_close(distance * (rays.directions @ view.R[2]), depth)


def test_rays_of_chosen_pixels_are_those_of_the_whole_picture() -> None:
    view = camera(12, 7)
    whole, some = camera_rays(view), camera_rays(view, torch.tensor([[0, 0], [11, 6], [3, 2]]))
    torch.testing.assert_close(some.directions, whole.directions[[0, 83, 2 * 12 + 3]])
