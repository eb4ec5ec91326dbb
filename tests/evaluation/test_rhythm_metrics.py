"""Rhythm, blinks, silence and closure against closed forms, loops and scipy."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from talkie.clip import SAMPLE_RATE
from talkie.errors import BadInput
from talkie.evaluation.metrics import activity, rhythm


def test_beat_align_equals_a_loop_over_sound_beats():
    sound, motion = [3, 20, 41.5, 60], [5, 22, 70]
    expected = sum(math.exp(-(min(abs(s - m) for m in motion) ** 2) / 18) for s in sound) / 4
    assert rhythm.beat_align(sound, motion) == pytest.approx(expected)
    backward = sum(math.exp(-(min(abs(s - m) for s in sound) ** 2) / 18) for m in motion) / 3
    assert rhythm.beat_align_reverse(sound, motion) == pytest.approx(backward)


def test_many_motion_beats_win_forward_and_lose_backward():
    sound, few, many = [10, 50], [10, 50], list(range(0, 60, 2))
    assert rhythm.beat_align(sound, few) == rhythm.beat_align_reverse(sound, few) == 1
    assert rhythm.beat_align(sound, many) == 1
    assert rhythm.beat_align_reverse(sound, many) < 0.5


def test_nothing_that_moves_has_no_beats_and_sound_without_them_is_refused():
    assert rhythm.beat_align([4], []) == rhythm.beat_align_reverse([4], []) == 0
    with pytest.raises(BadInput, match="empty"):
        rhythm.beat_align([], [4])


def test_motion_beats_are_where_a_swing_turns():
    time = np.arange(400)
    speed = 1 + np.cos(2 * np.pi * time / 80)
    assert rhythm.motion_beats(speed).tolist() == [40, 120, 200, 280, 360]


def test_head_speed_is_that_of_the_relative_rotation_and_of_the_way():
    turns = Rotation.random(5, rng=0).as_rotvec()
    ways = np.random.default_rng(0).normal(size=(5, 3))
    for t, value in enumerate(rhythm.head_speed(turns, ways)):
        angle = (Rotation.from_rotvec(turns[t]).inv() * Rotation.from_rotvec(turns[t + 1])).magnitude()
        assert value == pytest.approx(math.hypot(0.1 * angle, np.linalg.norm(ways[t + 1] - ways[t])))


def test_joint_speed_is_the_mean_length_of_steps():
    joints = np.zeros((3, 2, 3))
    joints[1:, 0, 0], joints[2, 1, 1] = 3, 4
    assert rhythm.joint_speed(joints) == pytest.approx([1.5, 2])


def test_sound_beats_are_the_onsets_of_tones():
    starts = np.array([0.4, 0.9, 1.3, 2.1])
    time = np.arange(int(2.6 * SAMPLE_RATE)) / SAMPLE_RATE
    # Struck tones: an abrupt end would be a click, which is an onset of its own.
    loud = sum((time >= s) * np.exp(-np.maximum(time - s, 0) / 0.05) for s in starts)
    samples = 0.3 * loud * np.sin(2 * np.pi * 440 * time) + 1e-4 * np.random.default_rng(0).normal(size=len(time))
    # Half a hop of 10 ms and half a window of 25 ms are half a frame.
    assert rhythm.sound_beats(samples) == pytest.approx(25 * starts, abs=0.75)
    assert len(rhythm.sound_beats(np.zeros(SAMPLE_RATE))) == 0


def test_diversity_is_the_standard_deviation():
    rows = np.random.default_rng(1).normal(size=(30, 3))
    assert rhythm.diversity(rows) == pytest.approx(np.mean([np.std(c) for c in rows.T]))
    assert rhythm.diversity(np.ones((4, 3))) == 0
    with pytest.raises(BadInput, match="does not vary"):
        rhythm.diversity(np.ones((1, 3)))


def test_the_jerk_of_a_cubic_is_six_times_its_coefficient():
    seconds = np.arange(20) / 25
    motion = np.stack([2 * seconds**3, 0 * seconds], axis=1)
    assert rhythm.jerk(motion) == pytest.approx(np.full(17, 12.0))
    with pytest.raises(BadInput, match="4 or more"):
        rhythm.jerk(motion[:3])


def closures():
    shut = np.zeros(250)
    for start, length in ((20, 5), (100, 6), (200, 40)):
        shut[start : start + length] = 1
    shut[150:154] = 0.4
    return shut


def test_blinks_are_brief_and_whole():
    assert activity.blink_spans(closures()).tolist() == [[20, 25], [100, 106]]
    assert activity.blink_rate(closures()) == pytest.approx(12)
    assert activity.blink_duration(closures()) == pytest.approx([0.2, 0.24])


def test_eyes_that_never_shut_blink_at_a_rate_of_zero():
    assert activity.blink_rate(np.zeros(100)) == 0
    with pytest.raises(BadInput, match="no blink"):
        activity.blink_duration(np.zeros(100))
    with pytest.raises(BadInput, match="outside"):
        activity.blink_rate(np.full(10, 2.0))


def test_silence_is_measured_about_each_pauses_own_mean():
    opening = np.array([1.0, 1, 9, 9, 4, 6, 4, 6])
    silent = np.array([1, 1, 0, 0, 1, 1, 1, 1], bool)
    assert activity.silence_activity(opening, silent) == pytest.approx(math.sqrt(4 / 6))
    with pytest.raises(BadInput, match="no silence"):
        activity.silence_activity(opening, ~silent & silent)
    with pytest.raises(BadInput, match="shape"):
        activity.silence_activity(opening, silent[:3])


def test_lips_close_where_their_least_opening_in_the_sound_is_small():
    opening = np.array([5, 0.5, 5, 5, 3, 5.0])
    assert activity.lip_closure(opening, [[0, 3], [3, 6]], 1.0).tolist() == [1, 0]
    for spans in ([[4, 9]], [[-1, 2]], [[3, 3]]):
        with pytest.raises(BadInput, match="outside"):
            activity.lip_closure(opening, spans, 1.0)
