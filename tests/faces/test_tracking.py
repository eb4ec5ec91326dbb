"""The tracker finds the face in real footage, stays with it, and gives the same answer twice."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np
import pytest

from talkie.faces import FaceTracker, interocular
from talkie.media import read_video


@pytest.fixture(scope="module")
def frames(clips):
    return [frame for _, _, frame in islice(read_video(clips / "weekly_address_a.mp4"), 0, 40, 4)]


def track(frames) -> list[np.ndarray | None]:
    with FaceTracker() as tracker:
        return [tracker.track(frame) for frame in frames]


@pytest.mark.clips
def test_a_frontal_face_is_found_in_every_frame_with_its_features_in_order(frames):
    found = track(frames)
    assert all(points is not None and points.shape == (478, 3) for points in found)
    points = np.stack(found)
    assert points.dtype == np.float32
    eyes, nose, mouth, chin = points[:, [468, 473], 1].mean(1), points[:, 1, 1], points[:, 13, 1], points[:, 152, 1]
    assert (eyes < nose).all()
    assert (nose < mouth).all()
    assert (mouth < chin).all()
    # The person's left is on the image's right; the nose is nearer to the camera than the head's centre.
    assert (points[:, 473, 0] > points[:, 468, 0]).all()
    assert (points[:, 1, 2] < 0).all()
    assert (interocular(points) > 60).all()


@pytest.mark.clips
def test_tracking_is_repeatable(frames):
    for first, second in zip(track(frames[:4]), track(frames[:4]), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.clips
def test_a_picture_that_stands_still_does_not_move(frames):
    moving, *still, after = track([frames[0], *[frames[1]] * 4, frames[2]])
    for points in still[1:]:
        np.testing.assert_array_equal(points, still[0])
    assert np.abs(still[0] - moving).max() > 0
    assert np.abs(after - still[0]).max() > 0


@pytest.mark.clips
def test_a_face_too_small_for_the_mesh_alone_is_found_by_the_second_try(frames):
    canvas = np.full((1080, 1920, 3), 90, np.uint8)
    small = cv2.resize(frames[0], (200, 200), interpolation=cv2.INTER_AREA)
    canvas[500:700, 1500:1700] = small
    found = track([canvas])[0]
    assert found is not None
    reference = track([frames[0]])[0] * (200 / frames[0].shape[0])
    offset = found[:, :2] - reference[:, :2] - [1500, 500]
    # A face of a hundred pixels is placed to within a few of them.
    assert np.abs(offset).mean() < 4


@pytest.mark.clips
def test_of_two_faces_the_larger_is_followed(frames):
    canvas = np.zeros((512, 1024, 3), np.uint8)
    canvas[100:400, 40:340] = cv2.resize(frames[0], (300, 300), interpolation=cv2.INTER_AREA)
    canvas[:, 512:] = cv2.resize(frames[0], (512, 512))
    found = track([canvas, canvas])
    assert all(points is not None and points[:, 0].mean() > 512 for points in found)


def test_a_picture_without_a_face_gives_none():
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    assert track([noise, np.zeros_like(noise)]) == [None, None]
