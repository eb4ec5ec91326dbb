"""What the splats refuse, and how the backends are chosen; gsplat is stood in for by the definition."""

import importlib.machinery
import sys
import types
from dataclasses import replace

import pytest
import torch
from splat_scenes import camera, reference, scene

from talkie.errors import BadInput, MissingExtra
from talkie.render.splats import Camera, gsplat_backend, rasterize
from talkie.render.volume import camera_rays

NAMES = ("means", "scales", "quats", "opacities", "colours")
cuda = pytest.mark.skipif(
    not (torch.cuda.is_available() and gsplat_backend.installed()), reason="needs a CUDA device and the extra gpu"
)


def spoil(name: str, change):
    inputs = dict(zip(NAMES, scene(5), strict=True))
    inputs[name] = change(inputs[name])
    return inputs


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_named(name, value) -> None:
    inputs = spoil(name, lambda a: a.index_put((torch.tensor(2),), torch.tensor(value, dtype=a.dtype)))
    with pytest.raises(BadInput, match=f"^{name}: .*finite"):
        rasterize(**inputs, camera=camera(8))


@pytest.mark.parametrize("name", NAMES)
def test_wrong_shapes_types_and_kinds_are_named(name) -> None:
    view = camera(8)
    changes = [lambda a: a[..., None, None], lambda a: a.long(), lambda a: a.tolist()]
    if name != "means":  # it sets the count and the type that the others must have
        changes += [lambda a: a[:-1], lambda a: a.float()]
    for change in changes:
        with pytest.raises(BadInput, match=f"^{name}: "):
            rasterize(**spoil(name, change), camera=view)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("scales", lambda a: -a, "logarithms"),
        ("quats", lambda a: 0 * a, "length 0"),
        ("opacities", lambda a: a + 1, "logits"),
        ("colours", lambda a: a[:, None].expand(5, 5, 3), "coefficients"),
    ],
)
def test_values_out_of_range_are_named_with_the_cure(name, change, said) -> None:
    with pytest.raises(BadInput, match=f"^{name}: .*{said}"):
        rasterize(**spoil(name, change), camera=camera(8))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 0),
        ("height", -3),
        ("height", 2.5),
        ("K", torch.eye(4)),
        ("K", torch.tensor([[1.0, 0.1, 0], [0, 1, 0], [0, 0, 1]])),
        ("K", torch.full((3, 3), float("nan"))),
        ("R", torch.diag(torch.tensor([1.0, 1, -1]))),
        ("R", 2 * torch.eye(3)),
        ("t", torch.zeros(2)),
        ("background", torch.tensor([float("nan")])),
    ],
)
def test_a_bad_camera_is_refused_by_field(field, value) -> None:
    good = {"K": torch.eye(3), "R": torch.eye(3), "t": torch.zeros(3), "width": 4, "height": 4}
    with pytest.raises(BadInput, match=f"^camera.{field}: "):
        Camera(**{**good, field: value})


def test_a_background_has_as_many_channels_as_the_colours() -> None:
    with pytest.raises(BadInput, match=r"^camera.background: "):
        rasterize(*scene(3), camera(8, background=torch.zeros(4)))


def frames_of(view: Camera, count: int) -> Camera:
    many = [getattr(view, name).expand(count, *getattr(view, name).shape) for name in ("K", "R", "t")]
    return Camera(*many, view.width, view.height)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("K", lambda K: K.index_put((torch.tensor(1), torch.tensor(0), torch.tensor(0)), torch.tensor(-1.0).double())),
        ("R", lambda R: R.index_put((torch.tensor(2),), 2 * R[2])),
        ("R", lambda R: R[:2]),
        ("t", lambda t: t[0]),
    ],
)
def test_one_bad_frame_of_a_camera_is_refused_by_field(field, change) -> None:
    good = frames_of(camera(8), 3)
    with pytest.raises(BadInput, match=f"^camera.{field}: "):
        replace(good, **{field: change(getattr(good, field))})


def test_a_camera_of_frames_asks_for_gaussians_of_each_and_gives_its_own_frames() -> None:
    moving = frames_of(camera(8), 3)
    with pytest.raises(BadInput, match=r"^means: .*\(3, any, 3\)"):
        rasterize(*scene(5), moving)
    assert (camera(8).frames, moving.frames, moving.at(1).frames, moving.at(slice(1, 3)).frames) == (None, 3, None, 2)
    with pytest.raises(BadInput, match=r"^camera: .*3 frames"):
        camera_rays(moving)


def test_arrays_make_a_camera_too() -> None:
    view = camera(8)
    arrays = Camera(view.K.numpy(), view.R.numpy(), view.t.numpy(), 8, 8)
    torch.testing.assert_close(rasterize(*scene(9), arrays).colour, rasterize(*scene(9), view).colour)


def test_gsplat_asked_for_and_absent_names_the_extra(monkeypatch) -> None:
    monkeypatch.setattr(gsplat_backend, "installed", lambda: False)
    with pytest.raises(MissingExtra, match=r"talkie\[gpu\]"):
        rasterize(*scene(3), camera(8), backend="gsplat")


def test_a_backend_of_another_device_or_name_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(gsplat_backend, "installed", lambda: True)
    for backend in ("gsplat", "torch"):
        with pytest.raises(BadInput, match=r"^backend: "):
            rasterize(*scene(3), camera(8), backend=backend)


def stand_in(means, quats, scales, opacities, colors, viewmats, Ks, width, height, **settings):
    """gsplat.rasterization by its documentation (1.5.3), drawn by the reference of these tests."""
    assert settings == {
        "near_plane": 0.01, "eps2d": 0.3, "render_mode": "RGB+D", "rasterize_mode": "classic", "packed": False
    }  # fmt: skip
    assert viewmats.shape == (1, 4, 4)
    assert Ks.shape == (1, 3, 3)
    view = Camera(Ks[0], viewmats[0, :3, :3], viewmats[0, :3, 3], width, height)
    colour, alpha, depth = reference(means, scales, quats, opacities, colors, view)
    return torch.cat([colour, depth[..., None]], -1)[None], alpha[None, ..., None], {}


def test_gsplat_is_spoken_to_in_its_own_convention(monkeypatch) -> None:
    module = types.ModuleType("gsplat")
    module.__spec__ = importlib.machinery.ModuleSpec("gsplat", None)
    module.rasterization = stand_in
    monkeypatch.setitem(sys.modules, "gsplat", module)
    assert gsplat_backend.installed()
    view = camera(20, 14)
    summed, left = gsplat_backend.composite(*scene(40), view)
    splats = rasterize(*scene(40), view)
    torch.testing.assert_close(summed[..., :3], splats.colour)
    torch.testing.assert_close(1 - left, splats.alpha)
    pair = [torch.stack([a, b]) for a, b in zip(scene(40), scene(40, seed=1), strict=True)]
    summed, left = gsplat_backend.composite(*pair, frames_of(view, 2))
    torch.testing.assert_close(summed[0, ..., :3], splats.colour)
    torch.testing.assert_close(1 - left[1], rasterize(*scene(40, seed=1), view).alpha)


@cuda
def test_gsplat_on_cuda_equals_the_cpu() -> None:
    g = torch.Generator().manual_seed(0)
    inputs = scene(300, dtype=torch.float32)
    side = torch.randn(48, 64, 3, generator=g)
    answers = []
    for device in ("cpu", "cuda"):
        placed = [a.to(device).requires_grad_() for a in inputs]
        splats = rasterize(*placed, camera(64, 48, torch.float32, background=torch.rand(3, generator=g) * 0 + 0.4))
        gradients = torch.autograd.grad((splats.colour * side.to(device)).mean(), placed)
        answers.append([a.cpu() for a in (splats.colour, splats.alpha, *gradients)])
    for a, b in zip(*answers, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)
