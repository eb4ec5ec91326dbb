"""Vertex metrics against closed forms and an independent loop."""

import numpy as np
import pytest

from talkie.errors import BadInput
from talkie.evaluation.bootstrap import interval
from talkie.evaluation.metrics import motion
from talkie.evaluation.metrics.motion import Mask, MotionMasks, clip_errors, measure_motion

LIPS, UPPER = np.array([0, 1, 2]), np.array([5, 6])
MASKS = MotionMasks("cube", Mask("lips", LIPS), Mask("upper_face", UPPER))


def random_motions(seed, clips=3, vertices=8):
    draw = np.random.default_rng(seed)
    return [(draw.normal(size=(n, vertices, 3)), draw.normal(size=(n, vertices, 3))) for n in range(5, 5 + clips)]


def errors_of(pairs):
    return [clip_errors(truth, guess, MASKS) for truth, guess in pairs]


def test_a_shift_of_one_lip_vertex_is_its_square():
    truth = np.zeros((10, 8, 3))
    guess = truth.copy()
    guess[:, 1] = (0.0, 0.003, 0.004)
    errors = errors_of([(truth, guess)])
    assert measure_motion("lve", errors, MASKS).value == pytest.approx(0.005**2)
    assert measure_motion("mve", errors, MASKS).value == pytest.approx(0.005 / 8)
    assert measure_motion("fdd", errors, MASKS).value == 0


def test_lve_and_mve_equal_a_loop_over_clips_frames_and_vertices():
    pairs = random_motions(0)
    lip, every = [], []
    for truth, guess in pairs:
        for t in range(len(truth)):
            distances = [np.sqrt(sum((truth[t, v, c] - guess[t, v, c]) ** 2 for c in range(3))) for v in range(8)]
            lip.append(max(distances[v] ** 2 for v in LIPS))
            every.append(sum(distances) / 8)
    errors = errors_of(pairs)
    assert measure_motion("lve", errors, MASKS).value == pytest.approx(np.mean(lip))
    assert measure_motion("mve", errors, MASKS).value == pytest.approx(np.mean(every))


def test_fdd_equals_a_loop_and_is_signed():
    pairs = random_motions(1)

    def dynamics(motion):
        stds = []
        for v in UPPER:
            squares = [float(np.dot(frame[v], frame[v])) for frame in motion]
            mean = sum(squares) / len(squares)
            stds.append((sum((s - mean) ** 2 for s in squares) / len(squares)) ** 0.5)
        return sum(stds) / len(stds)

    expected = np.mean([dynamics(truth) - dynamics(guess) for truth, guess in pairs])
    assert measure_motion("fdd", errors_of(pairs), MASKS).value == pytest.approx(expected)
    swapped = [(guess, truth) for truth, guess in pairs]
    assert measure_motion("fdd", errors_of(swapped), MASKS).value == pytest.approx(-expected)


def test_a_face_at_rest_has_positive_fdd():
    truth = np.random.default_rng(2).normal(size=(20, 8, 3))
    assert measure_motion("fdd", errors_of([(truth, np.zeros_like(truth))]), MASKS).value > 0


def test_the_longer_motion_is_trimmed_to_the_shorter():
    truth, guess = np.zeros((4, 8, 3)), np.zeros((9, 8, 3))
    guess[4:] = 7
    assert measure_motion("lve", errors_of([(truth, guess)]), MASKS).value == 0


def test_a_measurement_says_what_it_is():
    found = measure_motion("lve", errors_of(random_motions(3)), MASKS)
    assert (found.unit, found.item, found.items) == ("m^2", "frame", 5 + 6 + 7)
    assert found.low <= found.value <= found.high
    assert MASKS.lips.digest in found.protocol["mask"]
    assert found.protocol["clips"] == "3"


def test_a_mask_of_other_vertices_has_another_digest():
    assert Mask("lips", LIPS).digest != Mask("lips", LIPS + 1).digest


def test_the_bootstrap_interval_of_a_constant_is_that_constant():
    assert interval([2.0, 2.0, 2.0]) == (2.0, 2.0)


def test_the_bootstrap_interval_matches_the_normal_theory_of_a_mean():
    data = np.random.default_rng(0).normal(5, 2, 400)
    low, high = interval(data, resamples=4000)
    half = 1.96 * data.std() / 20
    # Percentiles of 4000 resamples scatter by about 4 % of the half width.
    assert low == pytest.approx(data.mean() - half, abs=0.15 * half)
    assert high == pytest.approx(data.mean() + half, abs=0.15 * half)


def test_the_plain_functions_are_what_the_measurements_average():
    truth, guess = random_motions(4)[0]
    errors = errors_of([(truth, guess)])
    assert motion.lip_error(truth, guess, LIPS).mean() == pytest.approx(measure_motion("lve", errors, MASKS).value)
    assert motion.vertex_error(truth, guess).mean() == pytest.approx(measure_motion("mve", errors, MASKS).value)
    assert motion.dynamics_deviation(truth, guess, UPPER) == pytest.approx(measure_motion("fdd", errors, MASKS).value)


def test_the_largest_vertex_error_is_the_worst_vertex():
    truth = np.zeros((3, 8, 3))
    guess = truth.copy()
    guess[:, 2, 0], guess[:, 5, 1] = 0.001, 0.004
    assert motion.largest_vertex_error(truth, guess) == pytest.approx(np.full(3, 0.004))


def test_the_opening_difference_is_that_of_the_lips_distance():
    truth = np.zeros((2, 8, 3))
    truth[:, 1, 1] = 0.01
    guess = truth.copy()
    guess[1, 1, 1] = 0.004
    assert motion.opening_difference(truth, guess, 1, 2) == pytest.approx([0, 0.006])


@pytest.mark.parametrize("metric", [motion.vertex_error, motion.largest_vertex_error])
def test_motions_that_do_not_fit_are_refused(metric):
    truth, guess = random_motions(5)[0]
    for a, b, words in (
        (truth, guess[:2], "shape"),
        (truth[:0], guess[:0], "empty"),
        (truth * np.nan, guess, "NaN"),
        (truth[0], guess[0], "shape"),
    ):
        with pytest.raises(BadInput, match=words):
            metric(a, b)
