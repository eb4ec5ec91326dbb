"""Landmark, coefficient and action-unit metrics against loops, scikit-learn and closed forms."""

import numpy as np
import pytest
from sklearn.metrics import hamming_loss

from talkie.errors import BadInput
from talkie.evaluation.metrics import landmarks as m


def points(seed=0, frames=4):
    draw = np.random.default_rng(seed)
    truth = draw.normal(100, 30, (frames, 68, 2))
    return truth, truth + draw.normal(0, 2, truth.shape)


def test_lmd_equals_a_loop_over_mouth_points():
    truth, guess = points()
    for t, value in enumerate(m.lmd(truth, guess)):
        a, b = truth[t, 48:68], guess[t, 48:68]
        a, b = a - a.mean(0), b - b.mean(0)
        assert value == pytest.approx(np.mean([np.hypot(*(p - q)) for p, q in zip(a, b, strict=True)]))


def test_a_shift_costs_lmd_nothing_and_the_others_its_length():
    truth, _ = points()
    moved = truth + np.array((3, 4))
    assert m.lmd(truth, moved) == pytest.approx(np.zeros(4), abs=1e-12)
    assert m.m_lmd(truth, moved) == pytest.approx(np.full(4, 5.0))
    assert m.f_lmd(truth, moved) == pytest.approx(np.full(4, 5.0))


def test_lmd_atvg_forgives_scale_and_sums_over_points():
    truth, guess = points()
    assert m.lmd_atvg(truth, 1.7 * truth + 9) == pytest.approx(np.zeros(4), abs=1e-9)
    swollen = truth[:, 48:68] - truth[:, 48:68].mean(1, keepdims=True)
    other = guess[:, 48:68] - guess[:, 48:68].mean(1, keepdims=True)
    scale = np.linalg.norm(swollen, axis=(1, 2)) / np.linalg.norm(other, axis=(1, 2))
    expected = np.linalg.norm(swollen - other * scale[:, None, None], axis=2).sum(1)
    assert m.lmd_atvg(truth, guess) == pytest.approx(expected)


def test_nme_is_the_mean_distance_over_that_of_the_eye_corners():
    truth, _ = points()
    across = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
    assert m.nme(truth, truth + np.array((0, 2))) == pytest.approx(2 / across)


def test_akd_is_the_mean_absolute_difference_over_frames_with_a_face():
    truth, guess = points()
    guess[2] = np.nan
    kept = [0, 1, 3]
    assert m.akd(truth, guess) == pytest.approx(np.abs(truth[kept] - guess[kept]).reshape(3, -1).mean(1))
    guess[:] = np.nan
    with pytest.raises(BadInput, match="no frame with a face"):
        m.akd(truth, guess)
    guess[0] = truth[0]
    guess[0, 5] = np.nan
    with pytest.raises(BadInput, match="NaN"):
        m.akd(truth, guess)


def test_missing_keypoints_are_a_share_of_those_the_truth_has():
    truth = np.array([[1, 1, 0, 1]], bool)
    guess = np.array([[1, 0, 0, 0]], bool)
    assert m.missing_keypoints(truth, guess) == pytest.approx(2 / 3)
    with pytest.raises(BadInput, match="no keypoint"):
        m.missing_keypoints(~truth & truth, guess)


def test_aed_is_the_sum_of_squares_and_the_coefficients_the_mean_of_magnitudes():
    draw = np.random.default_rng(1)
    a, b = draw.normal(size=(2, 5, 128))
    assert m.aed(a, b) == pytest.approx(np.linalg.norm(a - b, axis=1) ** 2)
    for metric in (m.expression_distance, m.pose_distance):
        assert metric(a, b) == pytest.approx(np.abs(a - b).mean(1))


def test_action_units_agree_as_scikit_learns_hamming_loss_says():
    draw = np.random.default_rng(2)
    a, b = draw.random((2, 6, 17))
    losses = [hamming_loss(x >= 0.5, y >= 0.5) for x, y in zip(a, b, strict=True)]
    assert 1 - m.au_consistency(a, b) == pytest.approx(losses)
    assert m.au_hamming(a, b) == pytest.approx(17 * np.array(losses))


@pytest.mark.parametrize("metric", [m.lmd, m.lmd_atvg, m.m_lmd, m.f_lmd, m.nme])
def test_landmarks_that_do_not_fit_are_refused(metric):
    truth, guess = points()
    for a, b, words in (
        (truth, guess[:2], "shape"),
        (truth[:0], guess[:0], "empty"),
        (truth[..., 0], guess[..., 0], "shape"),
        (truth * np.nan, guess, "NaN"),
    ):
        with pytest.raises(BadInput, match=words):
            metric(a, b)


def test_points_without_a_mouth_or_extent_are_refused():
    five = np.ones((2, 5, 2))
    for metric, words in ((m.lmd, "none of them chosen"), (m.nme, "no number 45")):
        with pytest.raises(BadInput, match=words):
            metric(five, five)
    same = np.ones((2, 68, 2))
    with pytest.raises(BadInput, match="coincide"):
        m.nme(same, same)
    with pytest.raises(BadInput, match="one point"):
        m.lmd_atvg(points()[0], np.ones((4, 68, 2)))
