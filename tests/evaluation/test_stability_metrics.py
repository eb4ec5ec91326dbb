"""Stability over time and speed against closed forms."""

import numpy as np
import pytest
from scipy.stats import linregress

from talkie.errors import BadInput
from talkie.evaluation.metrics import speed
from talkie.evaluation.metrics.stability import boundary_jump, flicker, identity_drift


def test_drift_is_the_slope_of_scipys_regression():
    draw = np.random.default_rng(0)
    rows = np.eye(1, 6) + 0.02 * np.arange(40)[:, None] * np.eye(1, 6, 1) + draw.normal(0, 0.01, (40, 6))
    cosines = [rows[0] @ r / np.linalg.norm(rows[0]) / np.linalg.norm(r) for r in rows[1:]]
    assert identity_drift(rows) == pytest.approx(linregress(np.arange(1, 40) / 25, cosines).slope)
    assert identity_drift(rows) < 0
    assert identity_drift(np.ones((5, 3))) == pytest.approx(0, abs=1e-12)


def test_flicker_is_the_change_where_nothing_should_move():
    frames = np.zeros((3, 8, 8, 3), np.uint8)
    frames[1, :4], frames[2, 4:] = 51, 255
    upper = np.zeros((8, 8), bool)
    upper[:4] = True
    assert flicker(frames, upper) == pytest.approx([0.2, 0.2])
    assert flicker(frames, np.ones((3, 8, 8), bool)) == pytest.approx([0.1, 0.6])


def test_what_only_moves_along_its_flow_does_not_flicker():
    draw = np.random.default_rng(1)
    wide = draw.integers(0, 255, (12, 24), dtype=np.uint8)
    frames = np.stack([wide[:, 8 - 2 * t : 20 - 2 * t] for t in range(4)])
    flow = np.zeros((3, 12, 12, 2))
    flow[..., 0] = -2
    everywhere = np.ones((12, 12), bool)
    assert flicker(frames, everywhere, flow) == pytest.approx(np.zeros(3), abs=1e-6)
    assert flicker(frames, everywhere).min() > 0.1


def test_masks_that_do_not_fit_are_refused():
    frames = np.zeros((3, 8, 8), np.uint8)
    for given, mask, words in (
        (frames, np.ones((4, 8), bool), "shape"),
        (frames, np.zeros((8, 8), bool), "no static pixel"),
        (frames[:1], np.ones((8, 8), bool), "one frame"),
    ):
        with pytest.raises(BadInput, match=words):
            flicker(given, mask)


def test_a_jump_is_a_ratio_of_speeds():
    moving = np.array([1.0, 1, 3, 1, 1, 6, 1])
    assert boundary_jump(moving, [3, 6]) == pytest.approx([3, 6])
    for borders, words in (([0], "outside"), ([8], "outside"), ([], "empty")):
        with pytest.raises(BadInput, match=words):
            boundary_jump(moving, borders)
    with pytest.raises(BadInput, match="nothing moves"):
        boundary_jump(0 * moving, [3])


def test_speeds_are_ratios_and_percentiles():
    assert speed.real_time_factor([2, 3], [4, 2]) == pytest.approx([0.5, 1.5])
    assert speed.frames_per_second([50], [2]) == pytest.approx([25])
    assert speed.first_frame_latency([0.1, 0.9, 0.2]) == pytest.approx(0.2)
    assert speed.chunk_latency(np.arange(101)) == pytest.approx(95)
    assert speed.peak_memory([3, 7, 5]) == 7
    assert speed.samples_per_second([8, 8], [1, 3]) == pytest.approx(4)
    assert speed.time_to_metric([10, 20, 30], [3, 2, 1], wanted=2.5) == 20
    assert speed.time_to_metric([10, 20, 30], [3, 4, 5], wanted=4, better="higher") == 20


def test_times_that_cannot_be_are_refused():
    with pytest.raises(BadInput, match="0 or less"):
        speed.real_time_factor([1], [0])
    with pytest.raises(BadInput, match="never reaches"):
        speed.time_to_metric([1], [5], wanted=2)
    for metric in (speed.first_frame_latency, speed.chunk_latency, speed.peak_memory):
        with pytest.raises(BadInput, match="empty"):
            metric([])
