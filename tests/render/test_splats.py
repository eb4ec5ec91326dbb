"""The splats against the definition spelled out pixel by pixel, finite differences, closed forms and scipy."""

import math

import numpy as np
import pytest
import torch
from scipy.special import sph_harm_y
from splat_scenes import camera, reference, scene

from talkie.heads import project
from talkie.render.splats import Camera, Splats, rasterize, spherical_harmonics

BACKGROUND = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)


def one(z: float = 0.0, size: float = 0.05, opacity: float = 0.5, colour=(1.0, 0.5, 0.25)):
    """A round Gaussian on the axis of `axial()`."""
    as_row = lambda *values: torch.tensor([values], dtype=torch.float64)  # noqa: E731
    return as_row(0.0, 0.0, z), as_row(size, size, size), as_row(1.0, 0, 0, 0), as_row(opacity)[0], as_row(*colour)


def axial(size: int = 17, focal: float = 20.0, **more) -> Camera:
    """At one metre from the origin on the optical axis, which meets the centre of the middle pixel."""
    K = torch.tensor([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]], dtype=torch.float64)
    return Camera(
        K, torch.eye(3, dtype=torch.float64), torch.tensor([0, 0, 1.0], dtype=torch.float64), size, size, **more
    )


def together(*parts):
    return [torch.cat(columns) for columns in zip(*parts, strict=True)]


def depth_sum(splats: Splats) -> torch.Tensor:
    return torch.where(splats.alpha > 0, splats.depth * splats.alpha, 0)


@pytest.mark.parametrize(
    ("count", "size", "width", "dtype", "tolerance"),
    [
        (60, 0.03, 24, torch.float64, 1e-9),
        (200, 0.08, 33, torch.float64, 1e-9),  # every pixel saturates
        (150, 0.002, 24, torch.float64, 1e-9),  # below a pixel: the low-pass decides
        (100, 0.05, 24, torch.float32, 1e-4),
    ],
)
def test_picture_and_gradients_equal_the_definition(count, size, width, dtype, tolerance) -> None:
    inputs = [a.requires_grad_() for a in scene(count, seed=count, size=size, dtype=dtype)]
    background = BACKGROUND.to(dtype).requires_grad_()
    view = camera(width, 20, dtype, background=background)
    splats = rasterize(*inputs, view)
    ours = splats.colour, splats.alpha, depth_sum(splats)
    theirs = reference(*inputs, view)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance)
    g = torch.Generator().manual_seed(1)
    sides = [torch.randn(a.shape, generator=g, dtype=dtype) / a.numel() for a in ours]
    loss = [sum((a * s).sum() for a, s in zip(picture, sides, strict=True)) for picture in (ours, theirs)]
    for a, b in zip(*(torch.autograd.grad(x, [*inputs, background]) for x in loss), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def test_gradients_equal_finite_differences() -> None:
    inputs = [a.requires_grad_() for a in scene(7, seed=4, size=0.08, spread=0.1)]
    view = camera(9, 8)

    def picture(*values):
        splats = rasterize(*values, view)
        return splats.colour, splats.alpha, depth_sum(splats)

    assert torch.autograd.gradcheck(picture, inputs, eps=1e-6, atol=1e-5, rtol=1e-4)


def test_gradients_of_harmonics_and_of_the_camera_pose_equal_finite_differences() -> None:
    means, scales, quats, opacities, _ = scene(4, seed=5, size=0.08, spread=0.1)
    g = torch.Generator().manual_seed(2)
    colours = 0.1 * torch.randn(4, 9, 3, generator=g, dtype=torch.float64)
    view = camera(8)

    def picture(means, colours, t):
        posed = Camera(view.K, view.R, t, view.width, view.height)
        return rasterize(means, scales, quats, opacities, colours, posed).colour

    inputs = [a.clone().requires_grad_() for a in (means, colours, view.t)]
    assert torch.autograd.gradcheck(picture, inputs, eps=1e-6, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("harmonic", [False, True])
def test_frames_of_a_camera_are_drawn_as_one_by_one_with_their_gradients(harmonic) -> None:
    scenes = [scene(30, seed=n, size=0.05) for n in range(3)]
    inputs = [torch.stack(column).requires_grad_() for column in zip(*scenes, strict=True)]
    if harmonic:
        g = torch.Generator().manual_seed(1)
        inputs[4] = torch.randn(3, 30, 4, 3, generator=g, dtype=torch.float64).requires_grad_()
    view = camera(18, 14, background=BACKGROUND)
    # In the second frame some of them lie before the near plane, in the third others.
    near = torch.tensor([[0.01, -0.02, 0.8], [0, 0, 0.1], [0, 0, -0.05]], dtype=torch.float64)
    moving = Camera(view.K.expand(3, 3, 3), view.R.expand(3, 3, 3), near, 18, 14, background=BACKGROUND)
    together = rasterize(*inputs, moving)
    alone = [rasterize(*(x[n] for x in inputs), moving.at(n)) for n in range(3)]
    sides = torch.rand(14, 18, 3, dtype=torch.float64)
    for name in ("colour", "alpha", "depth"):
        torch.testing.assert_close(getattr(together, name), torch.stack([getattr(one, name) for one in alone]))
    losses = ((together.colour * sides).sum(), sum((one.colour * sides).sum() for one in alone))
    for a, b in zip(*(torch.autograd.grad(loss, inputs) for loss in losses), strict=True):
        torch.testing.assert_close(a, b)
    assert [int((one.alpha > 0).sum()) for one in alone] != [0, 0, 0]


def test_one_round_gaussian_is_its_closed_form() -> None:
    """On the axis the image variance is (f s / z)^2 + 0.3."""
    splats = rasterize(*one(opacity=0.5), axial())
    variance = (20 * 0.05) ** 2 + 0.3
    offset = torch.arange(17) - 8.0
    expected = 0.5 * torch.exp(-(offset[:, None] ** 2 + offset**2) / (2 * variance)).double()
    expected[expected < 1 / 255] = 0
    torch.testing.assert_close(splats.alpha, expected)
    torch.testing.assert_close(splats.colour, expected[..., None] * torch.tensor([1, 0.5, 0.25], dtype=torch.float64))
    assert torch.equal(torch.isinf(splats.depth), expected == 0)
    torch.testing.assert_close(splats.depth[expected > 0], torch.ones(int((expected > 0).sum()), dtype=torch.float64))


def test_a_picture_is_brightest_where_heads_project_puts_the_mean() -> None:
    mean = torch.tensor([[0.07, -0.04, 0.03]], dtype=torch.float64)
    _, scales, quats, opacities, colours = one(size=0.02)
    view = camera(48)
    splats = rasterize(mean, scales, quats, opacities, colours, view)
    y, x = np.indices((48, 48)) + 0.5
    alpha = splats.alpha.numpy()
    centroid = [(alpha * x).sum() / alpha.sum(), (alpha * y).sum() / alpha.sum()]
    np.testing.assert_allclose(centroid, project(mean, view.K, view.R, view.t)[0], atol=0.02)


def test_the_nearer_one_covers_the_farther_one_whatever_their_order() -> None:
    near, far = one(z=-0.2, opacity=0.6, colour=(1, 0, 0)), one(z=0.3, opacity=0.5, colour=(0, 1, 0))
    expected = torch.tensor([0.6, 0.4 * 0.5, 0], dtype=torch.float64)
    for pair in ((near, far), (far, near)):
        splats = rasterize(*together(*pair), axial())
        torch.testing.assert_close(splats.colour[8, 8], expected)
        torch.testing.assert_close(float(splats.alpha[8, 8]), 0.8)
        torch.testing.assert_close(float(splats.depth[8, 8]), (0.6 * 0.8 + 0.2 * 1.3) / 0.8)


def test_background_fills_what_alpha_leaves() -> None:
    plain, filled = (rasterize(*one(), axial(background=b)) for b in (None, BACKGROUND))
    torch.testing.assert_close(filled.colour, plain.colour + (1 - plain.alpha)[..., None] * BACKGROUND)


def test_nothing_is_drawn_behind_the_near_plane_nor_from_an_empty_set() -> None:
    behind = rasterize(*one(z=-1.2), axial(background=BACKGROUND))
    close = rasterize(*one(z=-0.991), axial(background=BACKGROUND))
    empty = rasterize(*[a[:0] for a in one()], axial(background=BACKGROUND))
    for splats in (behind, close, empty):
        assert float(splats.alpha.max()) == 0
        torch.testing.assert_close(splats.colour, BACKGROUND.expand(17, 17, 3))


def test_a_saturated_pixel_ends_before_the_gaussian_that_would_close_it() -> None:
    layers = together(*[one(z=0.1 * n, opacity=1.0, colour=(n, n, n)) for n in range(4)])
    splats = rasterize(*layers, axial())
    # alpha is capped at 0.999: one layer leaves 1e-3, a second would leave 1e-6 < 1e-4.
    torch.testing.assert_close(float(splats.alpha[8, 8]), 0.999)
    torch.testing.assert_close(float(splats.depth[8, 8]), 1.0)


def test_a_needle_turned_by_its_quaternion_lies_along_its_axis() -> None:
    """(cos 45, 0, 0, sin 45) turns x to y about z; OpenCV's y is down the rows."""
    means, _, _, opacities, colours = one()
    scales = torch.tensor([[0.2, 0.01, 0.01]], dtype=torch.float64)
    half = math.sqrt(0.5)
    quats = torch.tensor([[3 * half, 0, 0, 3 * half]], dtype=torch.float64)
    alpha = rasterize(means, scales, quats, opacities, colours, axial()).alpha
    assert float(alpha[14, 8]) > 0.1
    assert float(alpha[8, 14]) == 0


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_harmonics_equal_scipy(degree) -> None:
    rng = np.random.default_rng(degree)
    directions = rng.normal(size=(50, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    theta, phi = np.arccos(directions[:, 2]), np.arctan2(directions[:, 1], directions[:, 0])
    basis = []
    for order in range(degree + 1):
        for m in range(-order, order + 1):
            value = sph_harm_y(order, abs(m), theta, phi)
            basis.append(value.real if m == 0 else math.sqrt(2) * (value.imag if m < 0 else value.real))
    coefficients = rng.normal(size=(50, (degree + 1) ** 2, 2))
    expected = np.einsum("kn,nkc->nc", np.array(basis), coefficients)
    ours = spherical_harmonics(torch.from_numpy(coefficients), torch.from_numpy(directions))
    np.testing.assert_allclose(ours.numpy(), expected, atol=1e-12)


def test_harmonic_colours_follow_the_direction_from_the_camera_and_never_fall_below_black() -> None:
    means, scales, quats, opacities, _ = one(opacity=0.5)
    coefficients = torch.zeros(1, 4, 3, dtype=torch.float64)
    coefficients[0, 2] = torch.tensor([0.3, 0.1, -5.0])  # along z: the camera looks along +z
    colour = rasterize(means, scales, quats, opacities, coefficients, axial()).colour[8, 8]
    expected = [0.5 * (0.5 + 0.4886025119 * 0.3), 0.5 * (0.5 + 0.4886025119 * 0.1), 0.0]
    torch.testing.assert_close(colour, torch.tensor(expected, dtype=torch.float64))


def test_gaussians_learn_a_picture() -> None:
    """Forty of them start grey and in the wrong places; Adam brings the error down tenfold."""
    view = camera(24, dtype=torch.float32)
    target = rasterize(*scene(12, seed=8, size=0.05, spread=0.1, dtype=torch.float32), view).colour
    means, scales, quats, opacities, colours = scene(40, seed=9, size=0.05, spread=0.1, dtype=torch.float32)
    free = [means, scales.log(), quats, torch.logit(opacities), torch.full_like(colours, 0.5)]
    adam = torch.optim.Adam([a.requires_grad_() for a in free], lr=0.02)
    errors = []
    for _ in range(150):
        picture = rasterize(free[0], free[1].exp(), free[2], free[3].sigmoid(), free[4], view).colour
        loss = (picture - target).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        errors.append(loss.item())
    assert errors[-1] < 0.1 * errors[0]
