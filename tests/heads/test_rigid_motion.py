"""The rigid motion between two clouds of points, against known motions and scipy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from talkie.heads.rigid import rigid_motion, rigid_motion_of


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_motion_of_moved_clouds_is_found_again(rng):
    cloud = torch.tensor(rng.normal(size=(3, 20, 3)))
    turn = torch.tensor(Rotation.random(3, random_state=1).as_matrix())
    shift = torch.tensor(rng.normal(size=(3, 3)))
    found = rigid_motion(cloud, cloud @ turn.transpose(-1, -2) + shift[:, None])
    torch.testing.assert_close(found[0], turn)
    torch.testing.assert_close(found[1], shift)


def test_of_points_that_do_not_fit_it_is_the_nearest_rotation_as_scipy_finds_it(rng):
    source, target, weights = rng.normal(size=(20, 3)), rng.normal(size=(20, 3)), rng.uniform(0.1, 2, 20)
    turn, shift = rigid_motion(*map(torch.tensor, (source, target, weights)))
    middles = [np.average(points, axis=0, weights=weights) for points in (source, target)]
    wanted = Rotation.align_vectors(target - middles[1], source - middles[0], weights)[0].as_matrix()
    np.testing.assert_allclose(turn, wanted, atol=1e-9)
    np.testing.assert_allclose(shift, middles[1] - wanted @ middles[0], atol=1e-9)


def test_a_mirrored_cloud_is_turned_and_never_mirrored(rng):
    source = rng.normal(size=(20, 3))
    turn, _ = rigid_motion_of(source, source * [-1, 1, 1])
    assert np.linalg.det(turn) == pytest.approx(1)
