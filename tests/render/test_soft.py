"""The soft rasteriser: gradients against differences, the hard limit, an edge in closed form, and fitting by it."""

import time

import numpy as np
import pytest
import torch
from plane_scenes import turn
from torch import Tensor

from talkie.errors import BadInput
from talkie.render import rasterise_mesh, soft_render

SIDE, FOCAL = 16, 20.0
SQUARE = torch.tensor([[0, 1, 2], [0, 2, 3]])


def camera(side: int = SIDE, focal: float = FOCAL, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    K = torch.tensor([[focal, 0, side / 2], [0, focal, side / 2], [0, 0, 1]], dtype=dtype)
    return K, torch.eye(3, dtype=dtype), torch.tensor([0, 0, 1.0], dtype=dtype)


def square(half: float = 0.2, at: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """(4, 3) in the camera's axes, one metre away."""
    flat = torch.tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=torch.float64) * half
    return torch.cat([flat + torch.tensor(at, dtype=torch.float64), torch.zeros(4, 1, dtype=torch.float64)], 1)


def ball(rings: int, sectors: int, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of a sphere about the origin."""
    latitude, longitude = np.meshgrid(
        np.linspace(0.02, np.pi - 0.02, rings), np.linspace(0, 2 * np.pi, sectors, endpoint=False), indexing="ij"
    )
    points = np.stack(
        [np.sin(latitude) * np.cos(longitude), np.cos(latitude), np.sin(latitude) * np.sin(longitude)], -1
    )
    i, j = np.meshgrid(np.arange(rings - 1), np.arange(sectors), indexing="ij")
    a, b = i * sectors + j, i * sectors + (j + 1) % sectors
    quads = np.stack([a, b, b + sectors, a + sectors], -1).reshape(-1, 4)
    return radius * points.reshape(-1, 3), np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def test_gradients_are_those_of_finite_differences() -> None:
    """Vertices, attributes, K, R and t of random triangles in double precision."""
    rng = np.random.default_rng(4)
    vertices = torch.tensor(rng.uniform(-0.3, 0.3, (9, 3))).requires_grad_()
    attributes = torch.tensor(rng.uniform(0, 1, (9, 2))).requires_grad_()
    faces = torch.arange(9).reshape(3, 3)
    K, R, t = camera(6, 7.0)
    R = torch.tensor(turn("y", 0.2))
    inputs = (vertices, attributes, K.requires_grad_(), R.requires_grad_(), t.requires_grad_())

    def render(v: Tensor, a: Tensor, K: Tensor, R: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        image = soft_render(v, faces, a, K, R, t, 6, sigma_px=0.6, gamma=0.05)
        return image.attributes, image.alpha, torch.where(image.alpha > 0, image.depth, 0.0)

    assert torch.autograd.gradcheck(render, inputs, eps=1e-6, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("seed", [0, 1])
def test_narrow_widths_give_the_hard_raster(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vertices, faces = torch.tensor(rng.uniform(-0.4, 0.4, (24, 3))), torch.arange(24).reshape(8, 3)
    attributes = torch.tensor(rng.uniform(0, 1, (24, 3)))
    K, R, t = camera()
    soft = soft_render(vertices, faces, attributes, K, R, t, SIDE, sigma_px=1e-6, gamma=1e-6)
    pixels = (vertices + t) @ K.T
    pixels = torch.cat([pixels[:, :2] / pixels[:, 2:], pixels[:, 2:]], 1).numpy()
    triangle, weights, depth = rasterise_mesh(pixels, faces.numpy(), SIDE)
    seen = triangle >= 0
    assert 40 < seen.sum() < 250
    np.testing.assert_allclose(soft.alpha.numpy(), seen, atol=1e-6)
    np.testing.assert_allclose(soft.depth.numpy(), depth, rtol=1e-5)
    hard = (attributes.numpy()[faces.numpy()[triangle]] * weights[..., None]).sum(2) * seen[..., None]
    np.testing.assert_allclose(soft.attributes.numpy(), hard, atol=1e-5)


def test_an_edge_is_a_sigmoid_and_moves_as_one() -> None:
    """A wide triangle whose left edge stands at x: alpha = s((px - x) / sigma), its slope in x -s (1 - s) / sigma."""
    x = torch.tensor(0.013, dtype=torch.float64, requires_grad=True)
    far = torch.tensor([[0, -9], [9, 0], [0, 9]], dtype=torch.float64)
    flat = far + torch.stack([x, torch.zeros_like(x)])
    vertices = torch.cat([flat, torch.zeros(3, 1, dtype=torch.float64)], 1)
    sigma = 0.9
    one = torch.ones(3, 1, dtype=torch.float64)
    image = soft_render(vertices, torch.tensor([[0, 1, 2]]), one, *camera(), SIDE, sigma_px=sigma)
    row = image.alpha[SIDE // 2]
    edge = SIDE / 2 + FOCAL * x.item()
    expected = 1 / (1 + np.exp(-(np.arange(SIDE) + 0.5 - edge) / sigma))
    np.testing.assert_allclose(row.detach(), np.where(expected < 1e-4, 0, expected), atol=1e-12)
    np.testing.assert_allclose(image.attributes[SIDE // 2, :, 0].detach(), row.detach(), atol=1e-12)
    for column in (5, 8, 10):
        slope = torch.autograd.grad(row[column], x, retain_graph=True)[0].item()
        s = expected[column]
        assert slope == pytest.approx(-FOCAL * s * (1 - s) / sigma, rel=1e-9)


def test_the_nearer_surface_has_the_larger_share_by_its_lead_over_gamma() -> None:
    """Two squares that cover a pixel whole share it as 1 to exp(-lead / gamma)."""
    vertices = torch.cat([square(5.0), square(5.0)])
    vertices[4:, 2] = 0.02
    faces, colour = torch.cat([SQUARE, SQUARE + 4]), torch.tensor([[1.0]] * 4 + [[0.0]] * 4, dtype=torch.float64)
    image = soft_render(vertices, faces, colour, *camera(), SIDE, sigma_px=0.05, gamma=0.01)
    off_the_seam = image.attributes[3, 12, 0].item()
    assert off_the_seam == pytest.approx(1 / (1 + np.exp(-2)), rel=1e-6)
    assert image.depth[3, 12].item() == pytest.approx((1 + 1.02 * np.exp(-2)) / (1 + np.exp(-2)), rel=1e-6)


def test_a_silhouette_is_brought_back_to_its_place() -> None:
    """A square and a ball, each moved by some pixels, return under the squared difference of alphas alone."""
    points, faces = ball(6, 8, 0.2)
    for vertices, triangles in ((square(), SQUARE), (torch.tensor(points), torch.tensor(faces))):
        one = torch.ones(len(vertices), 1, dtype=torch.float64)
        target = soft_render(vertices, triangles, one, *camera(), SIDE).alpha
        shift = torch.tensor([0.12, -0.08, 0.0], dtype=torch.float64, requires_grad=True)
        adam = torch.optim.Adam([shift], lr=0.01)
        for _ in range(80):
            alpha = soft_render(vertices + shift, triangles, one, *camera(), SIDE).alpha
            loss = (alpha - target).square().sum()
            adam.zero_grad()
            loss.backward()
            adam.step()
        # A twentieth of a pixel sideways.
        assert shift.detach()[:2].abs().max() < 0.05 / FOCAL


def test_colours_alone_bring_a_covered_picture_s_camera_back() -> None:
    """A plane larger than the picture with smooth colours: no outline helps, attributes carry the gradient."""
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9)), -1).reshape(-1, 2)
    i, j = np.meshgrid(np.arange(8), np.arange(8), indexing="ij")
    a = (i * 9 + j).ravel()
    faces = torch.tensor(np.concatenate([np.stack([a, a + 1, a + 10], 1), np.stack([a, a + 10, a + 9], 1)]))
    vertices = torch.tensor(np.concatenate([grid, np.zeros((81, 1))], 1))
    colours = torch.tensor(np.stack([np.sin(4 * grid[:, 0]), np.cos(3 * grid[:, 1])], 1))
    K, R, t = camera()
    target = soft_render(vertices, faces, colours, K, R, t, SIDE).attributes
    guess = (t + torch.tensor([0.06, -0.05, 0.0], dtype=t.dtype)).requires_grad_()
    adam = torch.optim.Adam([guess], lr=0.005)
    for _ in range(60):
        loss = (soft_render(vertices, faces, colours, K, R, guess, SIDE).attributes - target).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert (guess.detach() - t)[:2].abs().max() < 0.005


def test_a_mesh_of_two_thousand_triangles_takes_under_a_second() -> None:
    points, faces = ball(33, 32, 0.3)
    assert len(faces) == 2048
    vertices = torch.tensor(points, dtype=torch.float32, requires_grad=True)
    view = camera(64, 90.0, torch.float32)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        image = soft_render(vertices, torch.tensor(faces), vertices, *view, 64)
        (image.alpha.sum() + image.attributes.square().sum()).backward()
        seconds.append(time.process_time() - start)
    assert torch.isfinite(vertices.grad).all()
    assert min(seconds) < 1.0


def test_nothing_before_the_camera_is_an_empty_picture() -> None:
    vertices = square() - torch.tensor([0, 0, 2.0])
    vertices.requires_grad_()
    image = soft_render(vertices, SQUARE, vertices, *camera(), (4, 6))
    assert image.attributes.shape == (4, 6, 3)
    assert not image.alpha.any()
    assert torch.isinf(image.depth).all()
    image.alpha.sum().backward()
    assert not vertices.grad.any()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"sigma_px": 0.0}, "sigma_px"),
        ({"gamma": float("nan")}, "gamma"),
        ({"faces": torch.tensor([[0, 1, 4]])}, "faces"),
        ({"faces": torch.zeros(1, 3)}, "faces"),
        ({"attributes": torch.ones(3, 1, dtype=torch.float64)}, "attributes"),
        ({"size": (0, 4)}, "size"),
        ({"K": torch.eye(3)}, "K"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, object], named: str) -> None:
    K, R, t = camera()
    arguments = {"vertices": square(), "faces": SQUARE, "attributes": square(), "K": K, "R": R, "t": t, "size": 8}
    with pytest.raises(BadInput, match=f"^{named}: "):
        soft_render(**{**arguments, **change})  # type: ignore[arg-type]
