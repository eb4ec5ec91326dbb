"""Calibrated cameras measure a head in metres, one camera can tell its focal length; both say how surely."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_head import EXPRESSIONS, IDENTITIES, TinyHead

from talkie.heads.camera import project
from talkie.heads.fitting import Fit, FitSettings, View, fit_clip, fit_views, landmark_basis
from talkie.heads.fitting.landmarks import landmark_weights
from talkie.heads.fitting.pose import FLIP
from talkie.heads.rotations import axis_angle_to_matrix, matrix_to_axis_angle

torch.set_num_threads(1)
K = np.array([[900.0, 0, 256], [0, 900, 256], [0, 0, 1]])
FRAMES = 12


@pytest.fixture(scope="module")
def head() -> TinyHead:
    return TinyHead()


@pytest.fixture(scope="module")
def basis(head):
    return landmark_basis(head)


class Motion:
    """A turning, speaking head somewhere in a room, in float64 arrays; `identity` has a standard normal's size."""

    def __init__(self, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        time = np.arange(FRAMES)[:, None]

        def wave(count: int, scale: float) -> np.ndarray:
            phase, speed = random.uniform(0, 6.28, count), random.uniform(0.05, 0.2, count)
            return scale * np.sin(time * speed + phase)

        self.identity = random.normal(size=IDENTITIES)
        self.expression = np.clip(wave(EXPRESSIONS, 0.6), 0, 1)
        self.rotation, self.translation = wave(3, 0.25), wave(3, 0.02)

    def world(self, head: TinyHead, vertices: bool = False) -> torch.Tensor:
        """Landmarks (T, 478, 3) or vertices (T, V, 3) in the world."""
        identity = tensor(self.identity).expand(FRAMES, -1)
        points = head.vertices(identity, tensor(self.expression))
        points = points if vertices else head.landmarks(points)
        return (
            points @ axis_angle_to_matrix(tensor(self.rotation)).transpose(-1, -2) + tensor(self.translation)[:, None]
        )


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def camera(angle: float, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """R, t of a camera on a circle around the head, looking at its middle."""
    R = FLIP @ axis_angle_to_matrix(torch.tensor([0.0, -angle, 0.0]))
    return R.numpy(), np.array([0.0, 0.0, distance])


def filmed(world: torch.Tensor, R: np.ndarray, t: np.ndarray, focal: float = 1.0) -> np.ndarray:
    intrinsics = K * [[focal], [focal], [1]]
    return project(world, tensor(intrinsics), tensor(R), tensor(t)).double().numpy()


@pytest.mark.parametrize("count", [2, 3, 4])
def test_calibrated_views_recover_place_and_size_to_less_than_a_millimetre(head, basis, count):
    motion = Motion(count)
    world, random = motion.world(head), np.random.default_rng(count)
    views = []
    for angle, distance in zip((-0.4, 0.5, 0.1, -0.8)[:count], (0.9, 1.4, 1.1, 1.0), strict=False):
        R, t = camera(angle, distance)
        views.append(View(filmed(world, R, t) + random.normal(0, 0.1, (FRAMES, 478, 2)), K, R, t))
    fit = fit_views(head, views, basis=basis, settings=FitSettings(noise=0.003, independent_points=478))
    error = (placed(head, fit) - motion.world(head, vertices=True)).norm(dim=-1)
    assert float(error.mean()) < 0.5e-3
    assert np.abs(fit.track.translation - motion.translation).max() < 2e-3
    assert fit.residuals.shape == (count, FRAMES, 478, 2)
    # 0.1 px of noise along x and y.
    assert fit.track.residual.mean() == pytest.approx(0.1 * 2**0.5, rel=0.15)


def placed(head: TinyHead, fit: Fit) -> torch.Tensor:
    track = fit.track
    turn = axis_angle_to_matrix(tensor(track.rotation)).transpose(-1, -2)
    poses = {name: tensor(getattr(track, name)) for name in ("jaw", "left_eye", "right_eye")}
    vertices = head.vertices(tensor(track.identity).expand(FRAMES, -1), tensor(track.expression), **poses)
    return vertices @ turn + tensor(track.translation)[:, None]


def test_a_frame_that_one_camera_misses_is_fitted_from_the_other(head, basis):
    motion = Motion(7)
    world = motion.world(head)
    cameras = [camera(-0.4, 1.0), camera(0.4, 1.2)]
    hidden = np.arange(FRAMES) % 3 == 0
    points = [filmed(world, R, t) for R, t in cameras]
    points[1][hidden] = np.nan
    views = [View(p, K, R, t) for p, (R, t) in zip(points, cameras, strict=True)]
    views[1] = View(points[1], K, *cameras[1], visible=~hidden)
    fit = fit_views(head, views, basis=basis, settings=FitSettings.exact())
    assert float((placed(head, fit) - motion.world(head, vertices=True)).norm(dim=-1).max()) < 1e-3
    assert (fit.residuals[1, hidden] == 0).all()


def test_a_focal_length_that_was_guessed_wrong_is_found_for_the_clip(head, basis):
    motion = Motion(1)
    R, t = camera(0.0, 0.5)
    points = filmed(motion.world(head), R, t, focal=1.15)
    known = fit_clip(head, points, K, distance_m=0.5, basis=basis, settings=FitSettings.exact())
    settings = FitSettings.exact().model_copy(update={"focal": 0.2})
    found = fit_clip(head, points, K, distance_m=0.5, basis=basis, settings=settings)
    assert known.log_focal == known.log_focal_std == 0
    assert np.exp(found.log_focal) == pytest.approx(1.15, rel=0.01)
    assert found.track.K[:, 0, 0] == pytest.approx(900 * 1.15, rel=0.01)
    assert 0 < found.log_focal_std < 0.1
    assert found.track.residual.mean() < known.track.residual.mean()
    assert found.identity_covariance.shape == (IDENTITIES, IDENTITIES)
    assert found.shared_covariance.shape == (IDENTITIES + 1, IDENTITIES + 1)


def test_a_given_focal_length_stays_as_it_was_given(head, basis):
    R, t = camera(0.0, 0.5)
    fit = fit_clip(head, filmed(Motion(1).world(head), R, t), K, distance_m=0.5, basis=basis)
    np.testing.assert_allclose(fit.track.K, np.repeat(K[None], FRAMES, 0))


def test_covariance_blocks_agree_with_the_standard_deviations(head, basis):
    R, t = camera(0.0, 0.5)
    points = filmed(Motion(2).world(head), R, t)
    fit = fit_clip(head, points, K, distance_m=0.5, basis=basis, covariance=True)
    plain = fit_clip(head, points, K, distance_m=0.5, basis=basis)
    assert plain.frame_covariance is None
    assert fit.frame_covariance.shape == (FRAMES, EXPRESSIONS + 15, EXPRESSIONS + 15)
    np.testing.assert_allclose(np.diagonal(fit.frame_covariance, axis1=1, axis2=2), plain.frame_std**2, rtol=1e-6)
    assert np.linalg.eigvalsh(fit.frame_covariance).min() > 0
    assert list(fit.columns) == ["expression", "jaw", "left_eye", "right_eye", "rotation", "translation"]
    # What was seen narrows the standard normal prior of every identity axis.
    assert (fit.identity_std < 1).all()


def test_the_spread_of_fits_over_noise_is_what_the_stated_uncertainty_says(head, basis):
    """Monte Carlo: errors over stated standard deviations have size one, for identity, rotation and translation.

    People are drawn from the identity prior and landmarks disturbed by exactly the noise that the settings assume,
    which makes the posterior the true one, up to linearisation."""
    sigma_px, tries = 1.0, 24
    random = np.random.default_rng(5)
    cameras = [camera(-0.5, 1.0), camera(0.5, 1.0)]
    ratios: dict[str, list[np.ndarray]] = {"identity": [], "rotation": [], "translation": []}
    for k in range(tries):
        motion = Motion(100 + k)
        world = motion.world(head)
        between = np.median([_pupils(filmed(world, R, t)) for R, t in cameras])
        spread = sigma_px / np.sqrt(landmark_weights().numpy())[None, :, None]
        views = [View(filmed(world, R, t) + random.normal(size=(FRAMES, 478, 2)) * spread, K, R, t) for R, t in cameras]
        settings = FitSettings(
            noise=sigma_px / between, independent_points=478, independent_frames=1e9, points=478, robust=50,
            iterations=30, tolerance=1e-6,
        )  # fmt: skip
        fit = fit_views(head, views, basis=basis, settings=settings)
        ratios["identity"].append((fit.track.identity - motion.identity) / fit.identity_std)
        true, mine = (axis_angle_to_matrix(tensor(a)) for a in (motion.rotation, fit.track.rotation))
        turned = matrix_to_axis_angle(mine @ true.transpose(-1, -2)).numpy()
        ratios["rotation"].append(turned / fit.frame_std[:, fit.columns["rotation"]])
        moved = fit.track.translation - motion.translation
        ratios["translation"].append(moved / fit.frame_std[:, fit.columns["translation"]])
    for name, values in ratios.items():
        size = float(np.sqrt((np.stack(values) ** 2).mean()))
        assert 0.7 < size < 1.4, (name, size)


def _pupils(points: np.ndarray) -> float:
    return float(np.median(np.linalg.norm(points[:, 473] - points[:, 468], axis=-1)))
