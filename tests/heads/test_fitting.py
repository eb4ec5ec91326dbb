"""Fitting recovers what a head did from its landmarks alone, and says how sure it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_head import EXPRESSIONS, IDENTITIES, TinyHead

from talkie.heads.camera import project
from talkie.heads.fitting import FitSettings, assumed_camera, fit_clip, fit_head, landmark_basis
from talkie.heads.fitting.arrow import ArrowSystem, frame_covariance, frame_variance, solve_arrow
from talkie.heads.fitting.landmarks import IRISES, LIPS, chosen_landmarks, landmark_weights
from talkie.heads.fitting.normal import evaluate, weighted_rows, whole_clip
from talkie.heads.fitting.observation import View, observe
from talkie.heads.fitting.pose import FLIP, initial_poses
from talkie.heads.fitting.view import Unknowns
from talkie.heads.rotations import axis_angle_to_matrix

torch.set_num_threads(1)
K = np.array([[900.0, 0, 128], [0, 900, 128], [0, 0, 1]])
SHARP = FitSettings(noise=0.001, independent_points=478, iterations=40, tolerance=1e-6)


@pytest.fixture(scope="module")
def head() -> TinyHead:
    return TinyHead()


@pytest.fixture(scope="module")
def basis(head):
    return landmark_basis(head)


def performance(frames: int, seed: int = 0) -> Unknowns:
    """Smooth random motion of every parameter, in its plausible range."""
    random = np.random.default_rng(seed)

    def smooth(count: int, scale: float) -> np.ndarray:
        phase, speed = random.uniform(0, 6.28, count), random.uniform(0.05, 0.2, count)
        return scale * np.sin(np.arange(frames)[:, None] * speed + phase)

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32)

    return Unknowns(
        identity=tensor(random.normal(size=IDENTITIES)),
        expression=tensor(np.clip(smooth(EXPRESSIONS, 0.6), 0, 1)),
        poses={
            "jaw": tensor(np.abs(smooth(3, 0.15)) * [1, 0, 0]),
            "left_eye": tensor(smooth(3, 0.15) * [1, 1, 0]),
            "right_eye": tensor(smooth(3, 0.15) * [1, 1, 0]),
        },
        rotation=tensor(smooth(3, 0.25)),
        translation=tensor(smooth(3, 0.02)),
    )


def double(motion: Unknowns) -> Unknowns:
    poses = {name: pose.double() for name, pose in motion.poses.items()}
    return Unknowns(
        motion.identity.double(), motion.expression.double(), poses, motion.rotation.double(),
        motion.translation.double(), motion.log_focal.double(),
    )  # fmt: skip


def view(head: TinyHead, motion: Unknowns, distance: float = 1.0) -> np.ndarray:
    """Landmarks (T, 478, 2) of the whole model, not of its reduction."""
    points = head.landmarks(
        head.vertices(motion.identity.expand(len(motion.rotation), -1), motion.expression, **motion.poses)
    )
    world = points @ axis_angle_to_matrix(motion.rotation).transpose(-1, -2) + motion.translation[:, None]
    return project(world, torch.tensor(K).float(), FLIP, torch.tensor([0.0, 0.0, distance])).numpy()


def test_a_skinned_model_reduces_to_its_landmarks_without_loss(basis):
    assert basis.misfit_m < 1e-6
    assert basis.rest.shape == (1 + IDENTITIES + EXPRESSIONS, 478, 3)


def test_derivatives_agree_with_finite_differences(basis):
    """In double precision, on two cameras, with the focal length among the unknowns."""
    motion = double(performance(3))
    turned = axis_angle_to_matrix(torch.tensor([0.1, 0.5, 0.0])).numpy() @ FLIP.numpy()
    points = np.random.default_rng(3).normal(128, 20, (3, 478, 2))
    seen = observe(
        [View(points, K, FLIP.numpy(), np.array([0, 0, 1.0])), View(points, K, turned, np.array([0, 0, 1.2]))]
    )
    problem = whole_clip(basis, seen, FitSettings(noise=0.001, focal=0.1, points=478, robust=1e6))
    columns = EXPRESSIONS + 15
    rows = {(t, v): r.copy() for t, v, r in weighted_rows(problem, evaluate(problem, motion))}
    for column in range(columns + IDENTITIES + 1):
        frames, shared = torch.zeros(3, columns).double(), torch.zeros(IDENTITIES + 1).double()
        (frames[:, column] if column < columns else shared[column - columns :][:1]).fill_(1e-6)
        ahead = evaluate(problem, motion.moved(frames, shared))
        back = evaluate(problem, motion.moved(-frames, -shared))
        numeric = (back.gap - ahead.gap) / 2e-6 * ahead.scale[..., None]
        for (t, v), analytic in rows.items():
            # Shapes of the eyes' joints are left out of the derivatives; this head's joints do not move.
            np.testing.assert_allclose(numeric[v, t].reshape(-1), analytic[:, column], atol=1e-4, rtol=1e-5)


def test_the_arrow_solver_agrees_with_a_dense_solve():
    random = np.random.default_rng(1)
    frames, size, shared = 4, 5, 3
    total = frames * size + shared
    chain = random.uniform(0.5, 2, size)
    factor = random.normal(size=(frames, size + shared, 40))
    blocks = factor @ factor.transpose(0, 2, 1)
    dense = np.zeros((total, total))
    for t in range(frames):
        own = slice(t * size, (t + 1) * size)
        blocks[t, :size, :size] += np.diag(chain) * ((t > 0) + (t < frames - 1))
        dense[own, own] = blocks[t, :size, :size]
        dense[own, -shared:] = blocks[t, :size, size:]
        dense[-shared:, own] = blocks[t, size:, :size]
        dense[-shared:, -shared:] += blocks[t, size:, size:]
        if t:
            before = slice((t - 1) * size, t * size)
            dense[own, before] = dense[before, own] = -np.diag(chain)
    right = random.normal(size=total)
    system = ArrowSystem(
        frame=blocks[:, :size, :size],
        chain=chain,
        coupling=blocks[:, :size, size:],
        shared=blocks[:, size:, size:].sum(0),
        frame_rhs=right[:-shared].reshape(frames, size),
        shared_rhs=right[-shared:],
    )
    solution = solve_arrow(system)
    exact = np.linalg.solve(dense, right)
    np.testing.assert_allclose(np.concatenate([solution.frames().ravel(), solution.shared]), exact, rtol=1e-8)
    covariance = np.linalg.inv(dense)
    np.testing.assert_allclose(solution.covariance, covariance[-shared:, -shared:], rtol=1e-8)
    own = [covariance[t * size : (t + 1) * size, t * size : (t + 1) * size] for t in range(frames)]
    np.testing.assert_allclose(frame_covariance(solution), own, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(frame_variance(solution), [np.diag(block) for block in own], rtol=1e-7)


def test_chosen_landmarks_keep_lips_and_irises_and_the_weight_of_all(basis):
    points, weights = chosen_landmarks(basis.rest[0], 160)
    assert len(points) == len(set(points.tolist())) == 160
    assert {*LIPS, *IRISES} <= set(points.tolist())
    assert float(weights.sum()) == pytest.approx(float(landmark_weights().sum()), rel=1e-5)


def test_a_noiseless_clip_is_recovered(head):
    motion = performance(30)
    track = fit_head(head, view(head, motion), K, settings=SHARP)
    assert track.residual.max() < 0.2
    assert np.abs(track.expression - motion.expression.numpy()).mean() < 0.03
    assert np.abs(track.rotation - motion.rotation.numpy()).max() < 0.02
    assert np.abs(track.left_eye[:, :2] - motion.poses["left_eye"][:, :2].numpy()).max() < 0.05
    fitted = head.vertices(torch.tensor(track.identity)[None])[0]
    true = head.vertices(motion.identity[None])[0]
    assert (fitted - true).norm(dim=-1).mean() < 1e-3


def test_outliers_and_hidden_frames_do_not_spoil_the_rest(head):
    motion = performance(40)
    points = view(head, motion)
    spoilt = points.copy()
    spoilt[::4, :30] += 40.0
    visible = np.ones(40, bool)
    visible[20:24] = False
    spoilt[20:24] = np.nan
    track = fit_head(head, spoilt, K, visible=visible, settings=SHARP)
    assert np.abs(track.rotation - motion.rotation.numpy()).max() < 0.05
    assert (track.residual[~visible] == 0).all()
    steps = np.linalg.norm(np.diff(track.rotation, axis=0), axis=1)
    assert steps[19:25].max() < 0.1


def test_expression_stays_within_its_bounds_and_the_neck_still(head):
    noisy = view(head, performance(20)) + np.random.default_rng(2).normal(0, 1.5, (20, 478, 2))
    track = fit_head(head, noisy, K)
    assert track.expression.min() >= 0
    assert track.expression.max() <= 1
    assert (track.neck == 0).all()
    assert track.model == "tiny-head"


def test_less_noise_means_less_uncertainty(head):
    points = view(head, performance(10))
    sure = fit_clip(head, points, K, settings=FitSettings(noise=0.005))
    unsure = fit_clip(head, points, K, settings=FitSettings(noise=0.05))
    assert sure.identity_std.mean() < unsure.identity_std.mean() < 1.0
    assert sure.expression_std.mean() < unsure.expression_std.mean()


def test_first_poses_are_close_and_the_assumed_camera_puts_the_head_at_its_distance(head, basis):
    motion = performance(10)
    motion = Unknowns(
        torch.zeros(IDENTITIES), torch.zeros(10, EXPRESSIONS), motion.poses, motion.rotation, motion.translation
    )
    points = view(head, motion)
    assumed = assumed_camera(basis, points, 256, 256, distance_m=1.0)
    # Perspective makes the near side of the face larger: 7 % per 7 cm at 1 m.
    assert assumed[0, 0] == pytest.approx(900, rel=0.1)
    seen = observe([View(points, K, FLIP.numpy(), np.array([0.0, 0.0, 1.0]))]).to(torch.float32)
    rotation, translation = initial_poses(basis, seen)
    assert (rotation - motion.rotation).norm(dim=-1).max() < 0.2
    assert (translation - motion.translation).norm(dim=-1).max() < 0.1
