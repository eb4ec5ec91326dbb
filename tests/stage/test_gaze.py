"""Eyes: both meet at the target whatever the head does; saccades and blinks have the statistics that are known."""

import numpy as np
import pytest
import torch

from talkie.clip import FPS
from talkie.heads import ARKIT_NAMES, builtin_head
from talkie.stage.blinks import CLOSED, CLOSING, OPEN, OPENING, blinking, course
from talkie.stage.gaze import Fixation, follow, following_lids, plan_gaze, point_eyes

CAMERA = np.array([0.0, 0.0, 1.0])


def iris_directions(person, played, frames):
    """Lines of sight (F, 2, 3) of the posed mesh: from each eyeball's joint to the mean of its iris landmarks."""
    model = builtin_head()
    pose = {n: torch.as_tensor(getattr(played, n)[frames]) for n in ("neck", "left_eye", "right_eye")}
    identity = torch.as_tensor(person.identity)[None].expand(len(frames), -1)
    points = model.landmarks(model.vertices(identity, None, None, **pose)).numpy()
    points = points + played.translation[frames][:, None]
    # MediaPipe: 468 to 472 is the iris of the person's right eye, 473 to 477 of the left.
    return np.stack([points[:, 473], points[:, 468]], 1)


def test_the_iris_of_each_eye_lies_on_the_line_to_the_target(play, people):
    for who in range(3):
        played = play(who, "Hello there, how have you been since we last spoke?", "afraid", 3)
        frames = np.arange(0, len(played), 7)
        iris = iris_directions(people[who], played, frames)
        to_target = played.gaze_target[frames][:, None] - iris
        to_target /= np.linalg.norm(to_target, axis=-1, keepdims=True)
        cosine = (to_target * played.gaze[frames]).sum(-1)
        # 1.5 degrees: MediaPipe's iris point is embedded in the mesh's triangles, not on the optical axis itself.
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 1.5


def test_eyes_converge_on_what_is_near(people):
    still = np.zeros((2, 3))
    target = np.array([[0, 0, 0.3], [0, 0, 3.0]])
    left, right, _ = point_eyes(target, people[0].anatomy, still, still - people[0].anatomy.centre)
    between = np.linalg.norm(people[0].anatomy.left_eye - people[0].anatomy.right_eye)
    depth = target[:, 2] - (people[0].anatomy.left_eye - people[0].anatomy.centre)[2]
    # y turns to the person's left: the left eye turns right (negative), the right eye left.
    np.testing.assert_allclose(right[:, 1] - left[:, 1], 2 * np.arctan(between / 2 / depth), rtol=0.05)


def test_eyes_turn_against_the_head_while_they_hold_a_target(people):
    """The vestibulo-ocular reflex: a head that turns left by an angle leaves the line of sight where it was."""
    yaw = np.linspace(0, 0.3, 10)
    neck = np.stack([0 * yaw, yaw, 0 * yaw], 1)
    far = np.repeat([[0.0, 0.0, 1e4]], 10, 0)
    left, right, world = point_eyes(far, people[0].anatomy, neck, np.zeros((10, 3)))
    np.testing.assert_allclose(left[:, 1], -yaw, atol=1e-4)
    np.testing.assert_allclose(right[:, 1], -yaw, atol=1e-4)
    np.testing.assert_allclose(world, np.broadcast_to([0, 0, 1.0], world.shape), atol=1e-4)


def test_an_eye_never_rolls_about_its_line_of_sight(play):
    assert np.abs(play(0, emotion="afraid", intensity=3).left_eye[:, 2]).max() == 0


def test_saccades_keep_the_main_sequence():
    """Bahill, Clark & Stark 1975: 2.2 ms a degree and 21 ms; peak velocity saturates near 500 to 600 degrees a second
    and is about 300 at 5 degrees and 450 at 10."""
    plans = [plan_gaze(500, np.random.default_rng(s), camera=CAMERA, averted=0.4, away="side") for s in range(10)]
    jumps = [j for p in plans for j in p.saccades]
    size = np.degrees([j.amplitude for j in jumps])
    peak = np.degrees([j.peak_velocity for j in jumps])
    np.testing.assert_allclose([j.seconds for j in jumps], 0.021 + 0.0022 * size, rtol=1e-6)
    assert np.interp(5, np.sort(size), peak[np.argsort(size)]) == pytest.approx(300, rel=0.15)
    assert np.interp(10, np.sort(size), peak[np.argsort(size)]) == pytest.approx(450, rel=0.15)
    assert peak.max() < 700


def test_gaze_rests_on_a_fixation_and_jumps_at_its_end():
    a, b = np.array([0, 0, 1.0]), np.array([0.3, 0.1, 1.0])
    plan = follow((Fixation(-0.5, 0.4, a, "camera"), Fixation(0.4, 2.0, b, "side")), 25)
    np.testing.assert_allclose(plan.target[:10], np.broadcast_to(a, (10, 3)))
    np.testing.assert_allclose(plan.target[13:], np.broadcast_to(b, (12, 3)))
    assert plan.saccade[10]
    assert not plan.saccade[:10].any()
    assert not plan.saccade[13:].any()
    assert plan.places[0] == "camera"
    assert plan.places[-1] == "side"


def test_bound_gaze_goes_where_it_must():
    plan = plan_gaze(100, np.random.default_rng(0), camera=CAMERA, averted=0.0, away="side", turns=[(1.0, 2.0, "up")])
    assert set(plan.places[30:45]) == {"up"}
    assert set(plan.places[:22]) == {"camera"}
    assert set(plan.places[55:]) == {"camera"}


def test_upper_lids_follow_the_eyes_down_and_up():
    turn = np.array([[0.3, 0, 0], [-0.3, 0, 0]], np.float32)
    lids = following_lids(turn, turn)
    assert lids[0, ARKIT_NAMES.index("eyeBlinkLeft")] > 0.2
    assert lids[1, ARKIT_NAMES.index("eyeWideRight")] > 0.2
    assert lids[0, ARKIT_NAMES.index("eyeWideLeft")] == lids[1, ARKIT_NAMES.index("eyeBlinkLeft")] == 0


@pytest.mark.parametrize("rate", [17.0, 26.0])
def test_blinks_come_at_the_rate_asked_for_with_log_normal_gaps(rate):
    minutes = 60
    made = blinking(minutes * 60 * FPS, rate, np.random.default_rng(1))
    starts = np.array([b.start_s for b in made.blinks])
    gaps = np.log(np.diff(starts))
    assert len(starts) / minutes == pytest.approx(rate, rel=0.08)
    # Log-normal: the logarithm of the gaps is as symmetric and as peaked as a normal variable.
    skew = np.mean(((gaps - gaps.mean()) / gaps.std()) ** 3)
    kurtosis = np.mean(((gaps - gaps.mean()) / gaps.std()) ** 4)
    assert abs(skew) < 0.4
    assert kurtosis == pytest.approx(3, abs=0.6)


def test_blinks_take_100_to_400_ms_and_close_faster_than_they_open():
    made = blinking(20_000, 26, np.random.default_rng(2)).blinks
    length = np.array([b.end_s - b.start_s for b in made])
    assert length.min() >= 0.1
    assert length.max() <= 0.4 + 1e-6
    assert all(2 <= b.opening_s / b.closing_s <= 3 for b in made)


def test_every_blink_shows_a_shut_eye_and_its_labels_come_in_order():
    made = blinking(5000, 26, np.random.default_rng(3))
    for blink in made.blinks:
        closure, state = course((blink,), 5000)
        if blink.start_s < 0.1 or blink.end_s > 199.9:
            continue
        assert closure.max() > 0.99
        order = [s for s in state[np.flatnonzero(state)[0] : np.flatnonzero(state)[-1] + 1]]
        assert order == sorted(order)
        assert CLOSED in order
    assert set(np.unique(made.state)) == {OPEN, CLOSING, CLOSED, OPENING}
    assert (made.closure[made.state == OPEN] == 0).all()


def test_a_blink_shuts_the_lids_whatever_the_emotion(play):
    for who in range(6):
        played = play(who, "What happened after that man ran back past the black van?", "surprised", 3)
        shut = played.blinking.state == CLOSED
        assert (played.expression[shut][:, ARKIT_NAMES.index("eyeBlinkLeft")] > 0.99).all()
        assert (played.expression[shut][:, ARKIT_NAMES.index("eyeWideLeft")] < 0.01).all()
