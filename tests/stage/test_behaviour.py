"""Head, brows and breath: gestures where they belong, movement with the words, limits that hold."""

from dataclasses import replace

import numpy as np
import pytest

from talkie.clip import FPS
from talkie.heads import ARKIT_NAMES
from talkie.stage.behaviour import (
    LIMIT_RAD,
    Gesture,
    beats,
    breathing,
    brows,
    gestured,
    head_motion,
)
from talkie.stage.emotion import MANNERS, manner_of
from talkie.stage.noise import ease, smooth_noise
from talkie.stage.style import style_from_seed

STYLE = style_from_seed(0)
AHEAD = np.repeat([[0.0, 0.0, 1.0]], 100, 0)


def test_a_beat_is_lowest_at_the_stress():
    nods = beats([(1.5, 1.0)], replace(STYLE, nodding=1.0), np.random.default_rng(1))
    assert len(nods) == 1
    pitch = gestured(nods, 80)[:, 0]
    assert (pitch.argmax() + 0.5) / FPS == pytest.approx(1.5, abs=1 / FPS)


def test_head_and_brows_move_with_stressed_words_more_than_between_them():
    at_stress, elsewhere, rise, fall = [], [], [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        stresses = [(1.0, 1.0), (2.5, 1.0)]
        pitch = gestured(beats(stresses, STYLE, rng), 100)[:, 0]
        inner = brows(stresses, 100, STYLE, rng, question=False)[:, ARKIT_NAMES.index("browInnerUp")]
        at_stress.append(pitch[[24, 62]].mean())
        elsewhere.append(pitch[[44, 90]].mean())
        rise.append(inner[[24, 62]].mean())
        fall.append(inner[[44, 90]].mean())
    assert np.mean(at_stress) > np.mean(elsewhere) + 0.02
    assert np.mean(rise) > np.mean(fall) + 0.05


@pytest.mark.parametrize(
    ("kind", "axis", "sign"),
    [("lower", 0, 1), ("raise", 0, -1), ("turn_left", 1, 1), ("turn_right", 1, -1), ("tilt_right", 2, 1),
     ("tilt_left", 2, -1), ("nod", 0, 1)],
)  # fmt: skip
def test_a_gesture_moves_one_axis_its_way_and_comes_back(kind, axis, sign):
    turn = gestured([Gesture(kind, 1.0, 1.5, 0.2)], 100)
    others = [a for a in range(3) if a != axis]
    assert not turn[:, others].any()
    assert (sign * turn[:, axis]).max() == pytest.approx(0.2, abs=0.01)
    assert np.abs(turn[[0, 10, 70, 99]]).max() < 1e-6


def test_the_head_never_leaves_its_limits_or_jerks():
    wild = [Gesture("turn_left", 0.5, 2.0, 2.0), Gesture("nod", 0.5, 1.0, 2.0)]
    rotation, sway = head_motion(wild, AHEAD, np.ones(100), STYLE, MANNERS["angry"], np.random.default_rng(0))
    assert (np.abs(rotation) <= LIMIT_RAD).all()
    assert np.abs(sway).max() < 0.05
    calm, _ = head_motion([], AHEAD, np.zeros(100), STYLE, manner_of("neutral", 1), np.random.default_rng(0))
    # Heads in conversation seldom exceed 100 degrees a second (Hadar et al. 1983).
    assert np.degrees(np.abs(np.diff(calm, axis=0)).max() * FPS) < 100


def test_the_head_follows_gaze_that_goes_far_but_not_all_the_way():
    side = np.repeat([[0.8, 0.0, 1.0]], 100, 0)
    for seed in range(5):
        ahead, beside = (
            head_motion([], t, np.zeros(100), STYLE, manner_of("neutral", 1), np.random.default_rng(seed))[0]
            for t in (AHEAD, side)
        )
        moved = (beside - ahead)[:, 1].mean()
        assert 0.1 < moved < np.arctan(0.8)


def test_breath_at_rest_has_its_rate():
    fill = breathing(25 * 240, 0.25, [], np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(fill - fill.mean()))
    peak = np.fft.rfftfreq(len(fill), 1 / FPS)[spectrum.argmax()]
    assert peak == pytest.approx(0.25, abs=0.03)
    assert 0 <= fill.min() < 0.1
    assert 0.9 < fill.max() <= 1


def test_lungs_are_full_when_speech_begins():
    for seed in range(10):
        fill = breathing(150, 0.25, [(1.55, 2.0)], np.random.default_rng(seed))
        assert fill[48:54].max() > 0.85
        assert fill[50] > fill[75] - 0.05


def test_a_minimum_jerk_step_starts_and_ends_at_rest():
    x = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(ease(np.array([-1, 0, 0.5, 1, 2])), [0, 0, 0.5, 1, 1])
    speed = np.diff(ease(x)) * 1000
    assert speed[0] < 1e-3
    assert speed.max() == pytest.approx(15 / 8, abs=1e-3)


def test_smooth_noise_has_unit_variance():
    assert smooth_noise(20_000, 4, 0.6, np.random.default_rng(0)).std() == pytest.approx(1, abs=0.1)
