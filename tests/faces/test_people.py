"""Everybody in a shot keeps a number: side by side, hidden, passing each other; a cut begins anew."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np
import pytest

from talkie.errors import BadConfig
from talkie.faces import FaceTracker, PeopleTracker
from talkie.faces.mesh import FaceNets, mediapipe_solutions, place_of
from talkie.media import read_video

SIDE = 200
NAMES = ("weekly_address_a.mp4", "silent_256.mp4")


@pytest.fixture(scope="module")
def faces(clips):
    """Two real people, 30 pictures (200, 200, 3) of each."""
    return [
        [cv2.resize(f, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for _, _, f in islice(read_video(clips / name), 30)]
        for name in NAMES
    ]


def picture(faces, k, places) -> np.ndarray:
    """A frame (200, 640, 3) with person p's face at x = places[p]; the later ones before the earlier ones."""
    canvas = np.full((SIDE, 640, 3), 90, np.uint8)
    for p, x in places:
        low, high = max(x, 0), min(x + SIDE, 640)
        canvas[:, low:high] = faces[p][k % 30][:, low - x : high - x]
    return canvas


def everybody(tracked) -> list:
    return [face for people in tracked for face in people]


def seen(tracked) -> dict[int, float]:
    return {face.track: float(face.landmarks[:, 0].mean()) for face in tracked if face.seen}


@pytest.mark.clips
def test_two_people_who_pass_each_other_keep_their_numbers(faces):
    with PeopleTracker() as tracker:
        frames = []
        for k in range(46):
            x = 10 + 9 * min(k, 45)
            frames.append(seen(tracker.track(picture(faces, k, [(0, 430 - x), (1, x)]))))
    (left, right) = sorted(frames[0], key=frames[0].get)
    assert set().union(*frames) == {left, right}
    # The one behind is hidden on the way, and the front one never.
    assert all(left in frame for frame in frames)
    assert any(right not in frame for frame in frames)
    assert frames[-1][left] > 420
    assert frames[-1][right] < 200


@pytest.mark.clips
def test_a_face_behind_a_hand_comes_back_with_its_number_and_is_told_as_not_seen_between(faces):
    with PeopleTracker() as tracker:
        told = []
        for k in range(30):
            frame = picture(faces, k, [(0, 20), (1, 400)])
            if 8 <= k < 20:
                frame[:, 20:220] = 120
            told.append(tracker.track(frame))
    first = min(seen(told[0]), key=seen(told[0]).get)
    there = [first in seen(faces) for faces in told]
    # A lost face is looked for in every third frame.
    assert there[:20] == [True] * 8 + [False] * 12
    assert there[22:] == [True] * 8
    hidden = next(face for face in told[15] if face.track == first)
    assert hidden.score == 0
    assert abs(hidden.landmarks[:, 0].mean() - 120) < 30
    assert {face.track for faces in told for face in faces} == set(seen(told[0]))


@pytest.mark.clips
def test_a_lost_number_is_given_up_after_a_while_and_never_used_again(faces):
    with PeopleTracker(keep=4, search_every=4) as tracker:
        tracker.track(picture(faces, 0, [(0, 20)]))
        gone = [tracker.track(np.full((SIDE, 640, 3), 90, np.uint8)) for _ in range(6)]
        again = tracker.track(picture(faces, 0, [(0, 20)]))
    assert [len(people) for people in gone] == [1, 1, 1, 1, 0, 0]
    assert [face.track for face in again] == [1]


@pytest.mark.clips
def test_after_a_cut_numbers_begin_anew_and_results_do_not_depend_on_what_was_before(faces):
    frames = [picture(faces, k, [(0, 20), (1, 400)]) for k in range(4)]
    with PeopleTracker() as tracker, PeopleTracker() as other:
        before = [tracker.track(frame) for frame in frames]
        tracker.begin_shot()
        after = [tracker.track(frame) for frame in frames]
        other.begin_shot(first_track=7)
        elsewhere = [other.track(frame) for frame in frames]
    assert [[f.track for f in people] for people in before] == [[0, 1]] * 4
    assert [[f.track for f in people] for people in after] == [[2, 3]] * 4
    assert [[f.track for f in people] for people in elsewhere] == [[7, 8]] * 4
    for one, two, three in zip(*map(everybody, (before, after, elsewhere)), strict=True):
        np.testing.assert_array_equal(one.landmarks, two.landmarks)
        np.testing.assert_array_equal(one.landmarks, three.landmarks)


@pytest.mark.clips
def test_somebody_who_comes_in_is_found_at_the_next_search(faces):
    with PeopleTracker(search_every=5) as tracker:
        counts = [len(tracker.track(picture(faces, k, [(0, 20), (1, 400)][: 1 + (k >= 2)]))) for k in range(8)]
    assert counts == [1, 1, 1, 1, 1, 2, 2, 2]


@pytest.mark.clips
def test_no_more_people_are_followed_than_allowed(faces):
    with PeopleTracker(max_people=1) as tracker:
        assert [len(tracker.track(picture(faces, k, [(0, 20), (1, 400)]))) for k in range(3)] == [1, 1, 1]


@pytest.mark.clips
def test_the_landmarks_are_those_of_mediapipes_own_tracking(clips):
    """The same network in the same square: what remains is a fraction of a pixel's rounding."""
    frames = [np.ascontiguousarray(f) for _, _, f in islice(read_video(clips / NAMES[0]), 5)]
    solution = mediapipe_solutions().face_mesh.FaceMesh(refine_landmarks=True)
    height, width = frames[0].shape[:2]
    with FaceNets() as nets, solution:
        theirs = [solution.process(frame).multi_face_landmarks[0] for frame in frames]
        points = [np.array([(p.x, p.y, p.z) for p in face.landmark]) * (width, height, width) for face in theirs]
        for before, frame, expected in zip(points[:-1], frames[1:], points[1:], strict=True):
            found, score = nets.landmarks(frame, place_of(before))
            np.testing.assert_allclose(found, expected, atol=0.35)
            assert score > 0.9


@pytest.mark.clips
def test_the_single_face_tracker_stays_with_the_person_it_began_with(faces):
    large = [cv2.resize(face, (240, 240)) for face in faces[1]]
    with FaceTracker() as tracker:
        for k in range(12):
            frame = picture(faces, k, [(0, 20)])
            if k >= 2:
                frame[:, 380:620] = large[k][:SIDE]
            found = tracker.track(frame)
            assert found is not None
            assert found[:, 0].mean() < 220


@pytest.mark.parametrize("bad", [{"max_people": 0}, {"search_every": 0}, {"keep": -1}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(BadConfig, match=next(iter(bad))):
        PeopleTracker(**bad)


def test_pictures_without_people_give_nobody():
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    with PeopleTracker() as tracker:
        assert [tracker.track(frame) for frame in (noise, np.zeros_like(noise))] == [[], []]
