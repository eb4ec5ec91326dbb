"""Cameras stand where they say, look where they should, and the shoot that describes them is checked whole."""

import numpy as np
import pytest
import torch

from talkie.heads import project
from talkie.stage.rig import around, directions, frontal, look_at, place
from talkie.stage.sections import Rig
from talkie.stage.shoot import load_shoot


def test_a_camera_sees_its_target_in_the_middle_of_the_picture_and_up_is_up():
    R, t = look_at(around(1.2, 0.6, 0.3), np.array([0.01, 0.02, 0.0]))
    K = np.array([[500.0, 0, 128], [0, 500.0, 128], [0, 0, 1]])
    points = torch.tensor([[0.01, 0.02, 0.0], [0.01, 0.07, 0.0]], dtype=torch.float64)
    pixels = project(points, *(torch.as_tensor(a) for a in (K, R, t)))
    np.testing.assert_allclose(pixels[0], [128, 128], atol=1e-9)
    assert pixels[1, 1] < 128
    assert pixels[1, 0] == pytest.approx(128, abs=1e-6)


def test_camera_matrices_are_rotations_and_give_back_where_the_camera_stands():
    for camera in place(load_shoot("multiview").rig, 3, np.random.default_rng(0)):
        np.testing.assert_allclose(camera.R @ camera.R.swapaxes(1, 2), np.eye(3)[None].repeat(3, 0), atol=1e-6)
        assert np.linalg.det(camera.R[0]) == pytest.approx(1, abs=1e-5)
        assert 0.8 <= np.linalg.norm(camera.centre()[0]) <= 1.3


def test_a_multi_view_rig_spreads_over_its_arc_without_two_cameras_in_one_place():
    rig = load_shoot("multiview").rig
    angles = np.degrees(directions(rig))
    assert len(angles) == 16
    assert np.ptp(angles[:, 0]) > 0.9 * rig.arc_deg
    assert np.ptp(angles[:, 1]) == pytest.approx(rig.rise_deg)
    apart = np.linalg.norm(angles[:, None] - angles[None], axis=-1) + 1e9 * np.eye(16)
    assert apart.min() > 5


@pytest.mark.parametrize("motion", ["handheld", "pan", "dolly"])
def test_a_moving_camera_moves_smoothly_and_a_fixed_one_not_at_all(motion):
    moving = place(Rig(motion=motion), 50, np.random.default_rng(1))[0]
    assert not moving.still
    assert np.abs(np.diff(moving.centre(), axis=0)).max() < 0.02
    assert place(Rig(), 50, np.random.default_rng(1))[0].still


def test_nearer_cameras_see_the_head_as_large_but_with_more_perspective():
    near, far = (frontal((256, 256), d, 0.7 * 256 * d / 0.24, 1) for d in (0.5, 2.0))
    chin_to_crown = torch.tensor([[0.0, -0.12, 0.0], [0.0, 0.12, 0.0]])
    nose, ears = torch.tensor([[0.0, -0.02, 0.1]]), torch.tensor([[0.0, -0.02, -0.05]])

    def span(camera, points):
        return project(points, *(torch.as_tensor(a[0]) for a in (camera.K, camera.R, camera.t)))

    heights = [float(span(c, chin_to_crown)[0, 1] - span(c, chin_to_crown)[1, 1]) for c in (near, far)]
    assert heights[0] == pytest.approx(heights[1], rel=1e-5)
    parallax = [abs(float((span(c, nose) - span(c, ears))[0, 1])) for c in (near, far)]
    assert parallax[0] > 3 * parallax[1]
