"""Tracks put the head into the world and its landmarks into the picture."""

import numpy as np
import pytest
import torch

from talkie.clip import HeadTrack
from talkie.errors import BadInput
from talkie.heads import builtin_head, frontal_camera, pose_vertices, project_landmarks


def _track(frames: int, **changes: object) -> HeadTrack:
    head = builtin_head()
    K, R, t = (a.numpy() for a in frontal_camera(256, 1.0, 700.0))
    still = np.zeros((frames, 3), np.float32)
    values: dict = {
        "identity": np.zeros(len(head.identity_names), np.float32), "expression": np.zeros((frames, 52), np.float32),
        "jaw": still, "neck": still, "left_eye": still, "right_eye": still, "rotation": still, "translation": still,
        "K": np.repeat(K[None], frames, 0), "R": R, "t": t, "model": head.name,
        "residual": np.zeros(frames, np.float32),
    }  # fmt: skip
    return HeadTrack(**{**values, **changes})


def test_a_still_track_is_the_template() -> None:
    world = pose_vertices(builtin_head(), _track(2))
    np.testing.assert_allclose(world[1], builtin_head().template.numpy(), atol=1e-7)


def test_rotation_comes_before_translation() -> None:
    rotation = np.array([[0.0, np.pi / 2, 0.0]], np.float32)
    translation = np.array([[0.0, 0.0, 0.5]], np.float32)
    world = pose_vertices(builtin_head(), _track(1, rotation=rotation, translation=translation))[0]
    x, y, z = builtin_head().template.numpy().T
    np.testing.assert_allclose(world, np.stack([z, y, -x + 0.5], axis=1), atol=1e-6)


def test_batches_do_not_change_the_vertices() -> None:
    expression = torch.rand(5, 52, generator=torch.Generator().manual_seed(0)).numpy()
    track = _track(5, expression=expression)
    np.testing.assert_allclose(
        pose_vertices(builtin_head(), track, batch=2), pose_vertices(builtin_head(), track), atol=1e-6
    )


def test_landmarks_are_symmetric_about_the_picture_and_the_nose_is_nearest() -> None:
    points = project_landmarks(builtin_head(), _track(1))[0]
    left_corner, right_corner, nose = points[291], points[61], points[1]
    assert left_corner[0] > 128 > right_corner[0]
    np.testing.assert_allclose(left_corner[0] - 128, 128 - right_corner[0], atol=0.05)
    assert points[:, 2].argmin() in (1, 4, 44, 274, 45, 275, 5, 19)
    assert nose[2] < 0
    assert abs(points[:, 2].mean()) < 1e-2


def test_a_track_of_another_model_is_refused() -> None:
    with pytest.raises(BadInput, match="head model"):
        pose_vertices(builtin_head(), _track(1, model="flame"))
