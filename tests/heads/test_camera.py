"""Cameras keep OpenCV's convention and the person's left on the image's right."""

import numpy as np
import torch

from talkie.heads import frontal_camera, project
from talkie.heads.camera import to_camera


def test_the_worlds_origin_lies_in_the_middle_of_the_picture() -> None:
    pixel = project(torch.zeros(3), *frontal_camera(256, 0.8, 500.0))
    torch.testing.assert_close(pixel, torch.tensor([128.0, 128.0]))


def test_left_is_right_up_is_up_and_sizes_follow_the_rule_of_three() -> None:
    K, R, t = frontal_camera(200, 2.0, 1000.0)
    pixel = project(torch.tensor([[0.1, 0.0, 0.0], [0.0, 0.1, 0.0], [0.1, 0.0, 1.0]]), K, R, t)
    torch.testing.assert_close(pixel, torch.tensor([[150.0, 100.0], [100.0, 50.0], [200.0, 100.0]]))


def test_what_is_nearer_has_less_depth() -> None:
    _, R, t = frontal_camera(200, 2.0, 1000.0)
    assert to_camera(torch.tensor([0.0, 0.0, 0.5]), R, t)[2] == 1.5


def test_batches_equal_single_calls() -> None:
    K, R, t = frontal_camera(256, 0.9, 600.0)
    points = torch.tensor(np.random.default_rng(1).normal(0, 0.1, (4, 7, 3)), dtype=torch.float32)
    together = project(points, K.expand(4, 1, 3, 3), R, t)
    torch.testing.assert_close(together[2, 5], project(points[2, 5], K, R, t))
