"""Pictures steady a fit from noisy landmarks: each point of the skin keeps its colour through the clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from talkie.clip import HeadTrack
from talkie.errors import BadInput
from talkie.heads import ARKIT_NAMES, builtin_head, frontal_camera, pose_vertices, project_landmarks
from talkie.heads.camera import project
from talkie.heads.fitting import FitSettings, PhotometricSettings, fit_clip, landmark_basis, refine_photometric
from talkie.heads.fitting.appearance import explain, filtered, harmonics, sample
from talkie.render import HeadRenderer, look_from_seed

torch.set_num_threads(1)
FRAMES, SIZE, NOISE_PX = 10, 192, 2.5


@pytest.fixture(scope="module")
def model():
    return builtin_head()


@pytest.fixture(scope="module")
def truth(model) -> HeadTrack:
    """A head that turns, speaks and raises its brows for ten frames."""
    rng, time = np.random.default_rng(4), np.linspace(0, 1, FRAMES)
    expression = np.zeros((FRAMES, len(ARKIT_NAMES)), np.float32)
    for name, most in (("jawOpen", 0.5), ("mouthSmileLeft", 0.4), ("mouthSmileRight", 0.4), ("browInnerUp", 0.5)):
        expression[:, ARKIT_NAMES.index(name)] = most * np.sin(np.pi * time) ** 2
    still = np.zeros((FRAMES, 3), np.float32)
    K, R, t = (a.numpy() for a in frontal_camera(SIZE, 1.0, 2.7 * SIZE))
    return HeadTrack(
        identity=rng.normal(size=len(model.identity_names)).astype(np.float32),
        expression=expression, jaw=still, neck=still, left_eye=still, right_eye=still,
        rotation=np.stack([0.05 * np.sin(3 * time), 0.25 * time - 0.1, 0 * time], 1).astype(np.float32),
        translation=still - np.array([0, 0, 0.06], np.float32),
        K=np.repeat(K[None], FRAMES, 0), R=R, t=t, residual=np.zeros(FRAMES, np.float32), model=model.name,
    )  # fmt: skip


@pytest.fixture(scope="module")
def pictures(model, truth) -> np.ndarray:
    renderer = HeadRenderer(model, look_from_seed(3))
    world = pose_vertices(model, truth)
    return np.stack([renderer.render(v, K, truth.R, truth.t, size=SIZE) for v, K in zip(world, truth.K, strict=True)])


@pytest.fixture(scope="module")
def noisy(model, truth) -> np.ndarray:
    exact = project_landmarks(model, truth)[..., :2]
    return exact + np.random.default_rng(1).normal(0, NOISE_PX, exact.shape)


SETTINGS = FitSettings(noise=NOISE_PX / 30, independent_points=478, independent_frames=1e9)


@pytest.fixture(scope="module")
def basis(model):
    return landmark_basis(model)


@pytest.fixture(scope="module")
def fit(model, truth, noisy, basis):
    return fit_clip(model, noisy, truth.K, distance_m=float(truth.t[2]), settings=SETTINGS, basis=basis)


def places(model, track: HeadTrack) -> np.ndarray:
    """Pixels (T, N, 2) of the face's vertices."""
    face = torch.as_tensor(pose_vertices(model, track)[:, model.regions["face"]])
    K, R, t = (torch.as_tensor(a) for a in (track.K[:, None], track.R, track.t))
    return project(face, K, R, t).numpy()


def test_refining_lowers_the_error_of_the_face_and_steadies_it(model, truth, fit, noisy, pictures, basis):
    refined = refine_photometric(model, fit, noisy, pictures, settings=SETTINGS, basis=basis)
    true = places(model, truth)
    before, after = (places(model, f.track) - true for f in (fit, refined))
    error = [float(np.linalg.norm(gap, axis=-1).mean()) for gap in (before, after)]
    assert error[1] < 0.9 * error[0], error
    # What changes from frame to frame is what constancy can see; the mean error it cannot.
    unsteady = [float(np.linalg.norm(gap - gap.mean(0), axis=-1).mean()) for gap in (before, after)]
    # Cast shadows, which nine harmonics cannot explain, leave some.
    assert unsteady[1] < 0.6 * unsteady[0], unsteady
    assert (
        refined.frame_std.mean(0)[refined.columns["rotation"]] < fit.frame_std.mean(0)[fit.columns["rotation"]]
    ).all()


def test_hidden_frames_are_not_looked_at(model, truth, noisy, pictures, basis):
    visible = np.arange(FRAMES) != 4
    fit = fit_clip(model, noisy, truth.K, visible=visible, distance_m=float(truth.t[2]), settings=SETTINGS, basis=basis)
    black = pictures.copy()
    black[4] = 0
    options = PhotometricSettings(blurs_px=(1.5,), steps=1, vertices=400)
    with_black, with_picture = (
        refine_photometric(
            model, fit, noisy, p, visible=visible, settings=SETTINGS, photometric=options, basis=basis
        ).track
        for p in (black, pictures)
    )
    np.testing.assert_array_equal(with_black.rotation, with_picture.rotation)


def test_albedo_and_light_are_told_apart_where_normals_turn():
    rng = np.random.default_rng(2)
    normals = rng.normal(size=(6, 80, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    albedo = rng.uniform(0.6, 1.4, 80)
    albedo /= albedo.mean()
    light = rng.normal(0, 0.05, (6, 9)) + 0.5 * np.eye(9)[0]
    seen = albedo * np.einsum("tnk,tk->tn", harmonics(normals), light)
    found = explain(seen, normals, np.ones_like(seen))
    np.testing.assert_allclose(found.shaded(normals), seen, atol=5e-3)
    np.testing.assert_allclose(found.albedo, albedo, atol=0.05)


def test_harmonics_are_orthogonal_over_the_sphere():
    """The mean of products over many directions vanishes off the diagonal."""
    directions = np.random.default_rng(0).normal(size=(200_000, 3))
    values = harmonics(directions / np.linalg.norm(directions, axis=1, keepdims=True))
    products = values.T @ values / len(values)
    assert np.abs(products - np.diag(np.diag(products))).max() < 0.01


def test_sampled_slopes_are_the_derivative_of_sampled_values():
    image = np.random.default_rng(0).uniform(size=(1, 40, 40)).astype(np.float32)
    layers = filtered(image, 2.0)
    at = np.random.default_rng(1).uniform(8, 32, (1, 50, 2))
    for axis in range(2):
        step = np.zeros(2)
        step[axis] = 0.5
        numeric = sample(layers, at + step).value - sample(layers, at - step).value
        # The picture is linear between pixels, its slope a Gaussian's: equal to the blur's third order.
        np.testing.assert_allclose(numeric, sample(layers, at).slope[..., axis], atol=0.012)


def test_unusable_pictures_are_refused(model, fit, noisy, pictures, basis):
    with pytest.raises(BadInput, match="shape"):
        refine_photometric(model, fit, noisy, pictures[:-1], basis=basis)
    with pytest.raises(BadInput, match="type"):
        refine_photometric(model, fit, noisy, pictures.astype(float), basis=basis)
    with pytest.raises(BadInput, match="region"):
        refine_photometric(model, fit, noisy, pictures, photometric=PhotometricSettings(region="tail"), basis=basis)
    other = replace(fit, track=replace(fit.track, model="another"))
    with pytest.raises(BadInput, match="head model"):
        refine_photometric(model, other, noisy, pictures, basis=basis)
