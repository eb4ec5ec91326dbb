"""Pose metrics against scipy's rotations and closed forms."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from talkie.errors import BadInput
from talkie.evaluation.metrics.pose import ard, geodesic, prmse, translation


def test_the_geodesic_angle_is_scipys():
    a, b = Rotation.random(50, rng=0), Rotation.random(50, rng=1)
    assert geodesic(a.as_matrix(), b.as_matrix()) == pytest.approx(np.degrees((a.inv() * b).magnitude()))


@pytest.mark.parametrize("angle", [0.0, 1e-6, 30.0, 179.9, 180.0])
def test_small_and_large_angles_keep_their_digits(angle):
    turned = Rotation.from_euler("y", angle, degrees=True).as_matrix()[None]
    assert geodesic(np.eye(3)[None], turned)[0] == pytest.approx(angle, rel=1e-6)


def test_euler_metrics_go_the_short_way_round():
    truth, guess = np.array([[179.0, 0, 3]]), np.array([[-179.0, 0, -1]])
    assert prmse(truth, guess)[0] == pytest.approx(np.sqrt((4 + 16) / 3))
    assert ard(truth, guess)[0] == pytest.approx(2)


def test_translation_is_a_length():
    assert translation(np.zeros((2, 3)), np.full((2, 3), 2.0)) == pytest.approx(np.sqrt(12))


def test_matrices_that_are_no_rotations_are_refused():
    eye = np.eye(3)[None]
    for bad in (2 * eye, eye * [1, 1, -1], np.zeros((1, 3, 3))):
        with pytest.raises(BadInput, match="no rotation"):
            geodesic(eye, bad)
    for bad, words in ((np.full((1, 3, 3), np.nan), "NaN"), (np.zeros((0, 3, 3)), "empty"), (np.eye(3), "shape")):
        with pytest.raises(BadInput, match=words):
            geodesic(bad, bad)
