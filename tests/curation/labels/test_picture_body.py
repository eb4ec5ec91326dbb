"""Body and hands: windows and gaps against closed forms, and one short take of the stage."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from picture_bed import annotate, bodies, filmed

from talkie.curation.draft import View
from talkie.curation.labels.picture import picture_annotators
from talkie.curation.labels.picture.hands import _dealt
from talkie.curation.labels.picture.window import Reach, Window, between

REACH = Reach(aside=2.0, up=1.0, down=3.0)


def view(middle, size=40.0, shape=(400, 600), box=(0.0, 0.0, 200.0), crop=100):
    """A face of a size at a place of the source, whose crop shows `box` at half its scale."""
    points = np.zeros((478, 3), np.float32)
    points[:, :2] = (np.array(middle) - box[:2]) * crop / box[2]
    points[0, :2] -= size / 2 * crop / box[2]
    points[1, :2] += size / 2 * crop / box[2]
    return View(0, np.zeros((crop, crop, 3), np.uint8), np.zeros((*shape, 3), np.uint8), points, np.array(box), True)


def test_a_window_reaches_as_far_as_it_says_and_ends_with_the_picture():
    assert Window.around(view((300, 150)), REACH).span == (220, 110, 380, 270)
    assert Window.around(view((20, 390)), REACH).span == (0, 350, 100, 400)


def test_a_window_stays_while_the_face_is_about_where_it_was():
    window = Window.around(view((300, 150)), REACH)
    assert window.fits(view((315, 150)))
    assert not window.fits(view((330, 150)))
    assert not window.fits(view((300, 150), size=80.0))


def test_shares_of_a_window_become_pixels_of_the_crop():
    window = Window.around(view((300, 150)), REACH)
    found = window.to_crop(np.array([[0.5, 0.25, 0.1]]), view((300, 150)))
    np.testing.assert_allclose(found, [[150.0, 75.0, 8.0]])


def test_gaps_are_bridged_if_they_are_short():
    values = np.array([0.0, 0, 2, 0, 0, 0, 0, 0, 8])[:, None]
    known = np.array([True, False, True, False, False, False, False, False, True])
    filled, near = between(values, known, longest=2)
    np.testing.assert_allclose(filled[:, 0], np.arange(9))
    assert near.tolist() == [True, True, True, False, False, False, False, False, True]


def mediapipe_hands(*labels):
    point = SimpleNamespace(x=0.0, y=0.0, z=0.0)
    sides = [SimpleNamespace(classification=[SimpleNamespace(label=n, score=s)]) for n, s in labels]
    hands = [SimpleNamespace(landmark=[point] * 21) for _ in labels]
    return SimpleNamespace(multi_handedness=sides, multi_hand_landmarks=hands)


def test_nobody_has_two_left_hands():
    sides = [(side, round(score, 2)) for side, score, _ in _dealt(mediapipe_hands(("Right", 0.7), ("Right", 0.9)))]
    assert sides == [(0, 0.9), (1, 0.3)]
    assert _dealt(SimpleNamespace(multi_handedness=None, multi_hand_landmarks=None)) == []


@pytest.fixture(scope="module")
def take():
    shoot = bodies(41, size=256, text="Well then.")
    taken = filmed(shoot, 1, 0)
    assert taken is not None
    return taken


def test_posture_and_hands_lie_where_the_body_is(take):
    """Within a fifth of a face, as PCK is counted; hips and hands under the picture's edge do not count."""
    face = np.ptp(take.draft.landmarks[:, :, :2], axis=1).max(-1)
    found, truth = annotate(picture_annotators()["pose"](), take)[0].fields["pose.npz"], take.truth["pose.npz"]
    assert tuple(found["mediapipe33_name"]) == tuple(truth["mediapipe33_name"])
    assert found["mediapipe33"].shape == truth["mediapipe33"].shape
    away = np.linalg.norm(found["mediapipe33"][..., :2] - truth["mediapipe33"][..., :2], axis=-1) / face[:, None]
    assert (away[truth["mediapipe33"][..., 2] == 2] < 0.2).mean() > 0.6
    hands, truth = annotate(picture_annotators()["hands"](), take)[0].fields.get("hands.npz"), take.truth["hands.npz"]
    if hands is not None:
        assert tuple(hands["landmark_name"]) == tuple(truth["landmark_name"])
        assert hands["landmarks"].shape == truth["landmarks"].shape
        both = hands["present"] & truth["present"]
        gap = np.linalg.norm(hands["landmarks"][both][..., :2] - truth["landmarks"][both][..., :2], axis=-1)
        assert not both.any() or np.median(gap) < 0.2 * face.mean()


@pytest.mark.parametrize("name", ["pose", "hands"])
def test_what_was_watched_before_or_beside_changes_nothing(take, name):
    """Networks that follow from frame to frame are given to one clip at a time, and forget."""
    annotator = picture_annotators()[name]()
    field = f"{name}.npz"
    first = annotate(annotator, take)[0].fields[field]
    ours, other = annotator.start(), annotator.start()
    for number, view in enumerate(take.views()):
        ours.see(view)
        if number % 3:
            other.see(dataclasses.replace(view, frame=view.frame[::-1]))
    other.finish(take.draft)
    again = ours.finish(take.draft).fields[field]
    assert all(np.array_equal(again[key], first[key]) for key in first)
