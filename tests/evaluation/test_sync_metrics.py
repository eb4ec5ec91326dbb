"""Sync metrics against torch's pairwise distance, numpy's correlation and known shifts."""

import numpy as np
import pytest
import torch

from talkie.errors import BadInput
from talkie.evaluation.metrics.misalignment import temporal_misalignment, warping_path
from talkie.evaluation.metrics.sync import (
    aperture_correlation,
    aperture_lag,
    av_offset,
    calibrated,
    lse_c,
    lse_d,
    sync_accuracy,
    sync_curve,
)


def embeddings(seed=0, frames=80, width=16):
    draw = np.random.default_rng(seed)
    lips = draw.normal(size=(frames, width))
    return lips, lips + draw.normal(0, 0.2, lips.shape)


@pytest.mark.parametrize("reach", [10, 15])
def test_the_curve_is_that_of_torchs_distance_over_padded_sound(reach):
    lips, sound = embeddings()
    padded = torch.nn.functional.pad(torch.from_numpy(sound), (0, 0, reach, reach))
    rows = [
        torch.nn.functional.pairwise_distance(torch.from_numpy(lips[i : i + 1]), padded[i : i + 2 * reach + 1], eps=0)
        for i in range(len(lips))
    ]
    curve = torch.stack(rows, 1).mean(1)
    assert sync_curve(lips, sound, reach) == pytest.approx(curve.numpy())
    assert lse_d(lips, sound, reach) == pytest.approx(float(curve.min()))
    assert lse_c(lips, sound, reach) == pytest.approx(float(curve.median() - curve.min()))


@pytest.mark.parametrize("late", [-7, 0, 4])
def test_late_sound_has_a_negative_offset_and_the_same_distance_but_for_the_ends(late):
    lips, sound = embeddings(frames=120)
    moved = np.roll(sound, late, axis=0)
    assert av_offset(lips, moved) == -late
    assert lse_d(lips, moved) < 0.5 * np.median(sync_curve(lips, moved))


def test_shuffled_sound_has_no_confidence():
    lips, sound = embeddings(frames=200)
    shuffled = np.random.default_rng(1).permutation(sound)
    assert lse_c(lips, shuffled) < 0.2 * lse_c(lips, sound)


def test_sync_accuracy_counts_agreement():
    assert sync_accuracy(np.array([0.9, 0.2, 0.6, 0.5]), np.array([True, False, False, True])) == 0.5


def test_a_calibrated_figure_has_the_truth_as_its_unit():
    assert calibrated(9.0, 6.0) == 1.5
    with pytest.raises(BadInput, match="true clips score"):
        calibrated(9.0, 0.0)


def test_the_lag_of_a_moved_curve_is_found_and_its_correlation_is_numpys():
    draw = np.random.default_rng(3)
    truth = np.convolve(draw.normal(size=140), np.ones(5) / 5, "valid")
    for lag in (-6, 0, 9):
        guess = np.roll(truth, lag)
        assert aperture_lag(truth, guess) == lag
        assert aperture_correlation(truth, guess) == pytest.approx(1.0)
    noisy = truth + draw.normal(0, 0.2, truth.shape)
    assert aperture_correlation(truth, noisy) == pytest.approx(np.corrcoef(truth, noisy)[0, 1])
    assert aperture_correlation(truth, np.zeros_like(truth)) == 0


def test_a_mouth_that_moves_by_rounding_alone_follows_nothing():
    truth = np.sin(np.arange(60) / 5)
    for step in (1e-7, 1e-6):
        assert aperture_correlation(truth, 0.3 + step * truth) == 0
    assert aperture_correlation(truth, 0.3 + 1e-4 * truth) == pytest.approx(1)


def test_clips_too_short_for_the_shifts_are_refused():
    lips, sound = embeddings(frames=15)
    with pytest.raises(BadInput, match="15 frames, shifts of 15"):
        lse_d(lips, sound)
    with pytest.raises(BadInput, match="15 frames, shifts of 15"):
        aperture_lag(lips[:, 0], sound[:, 0])
    for a, b, words in ((lips, sound[:3], "shape"), (lips * np.nan, sound, "NaN"), (lips[:0], sound[:0], "empty")):
        with pytest.raises(BadInput, match=words):
            lse_d(a, b)


def test_warping_costs_what_the_recursion_says():
    draw = np.random.default_rng(4)
    a, b = draw.normal(size=9), draw.normal(size=7)

    def cheapest(i, j):
        here = abs(a[i] - b[j])
        before = [cheapest(k, n) for k, n in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if k >= 0 and n >= 0]
        return here + (min(before) if before else 0)

    path = warping_path(a, b)
    assert sum(abs(a[i] - b[j]) for i, j in path) == pytest.approx(cheapest(8, 6))
    assert path[0] == (0, 0)
    assert path[-1] == (8, 6)


def test_a_mouth_that_is_late_is_misaligned_by_so_many_frames():
    time = np.arange(150)
    truth = np.sin(time / 7) + 0.5 * np.sin(time / 13)
    assert temporal_misalignment(truth, truth).mean() == 0
    late = np.sin((time - 3) / 7) + 0.5 * np.sin((time - 3) / 13)
    assert temporal_misalignment(truth, late).mean() == pytest.approx(3, abs=0.3)
    with pytest.raises(BadInput, match="no extremum"):
        temporal_misalignment(truth, np.zeros(150))
