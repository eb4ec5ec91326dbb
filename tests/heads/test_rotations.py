"""Axis-angle rotations agree with SciPy and are differentiable where the formula divides by the angle."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from talkie.heads import axis_angle_to_matrix, matrix_to_axis_angle


def test_matrices_are_scipys() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 3)) * np.array([[0.001], [1.0]] * 25)
    got = axis_angle_to_matrix(torch.tensor(vectors)).numpy()
    np.testing.assert_allclose(got, Rotation.from_rotvec(vectors).as_matrix(), atol=1e-12)


def test_a_quarter_turn_about_y_takes_the_face_to_the_persons_left() -> None:
    matrix = axis_angle_to_matrix(torch.tensor([0.0, np.pi / 2, 0.0]))
    torch.testing.assert_close(matrix @ torch.tensor([0.0, 0.0, 1.0]), torch.tensor([1.0, 0.0, 0.0]))


@pytest.mark.parametrize("angle", [1e-9, 1e-4, 0.7, 3.0, np.pi - 1e-6, np.pi])
def test_the_inverse_returns_the_vector(angle: float) -> None:
    axis = np.array([2.0, -1.0, 0.5]) / np.linalg.norm([2.0, -1.0, 0.5])
    matrix = axis_angle_to_matrix(torch.tensor(angle * axis))
    got = matrix_to_axis_angle(matrix).numpy()
    # At half a turn both signs of the axis are the same rotation.
    np.testing.assert_allclose(Rotation.from_rotvec(got).as_matrix(), matrix.numpy(), atol=1e-7)
    assert np.linalg.norm(got) == pytest.approx(angle, abs=1e-6)


@pytest.mark.parametrize("at", [[0.0, 0.0, 0.0], [1e-4, 0.0, -1e-4], [0.4, -0.2, 1.1]])
def test_gradients_match_finite_differences(at: list[float]) -> None:
    vector = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(axis_angle_to_matrix, (vector,))
