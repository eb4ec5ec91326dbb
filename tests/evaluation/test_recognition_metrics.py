"""Recognition metrics against scikit-learn and closed forms."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score, roc_auc_score, roc_curve

from talkie.errors import BadInput
from talkie.evaluation.bootstrap import set_interval
from talkie.evaluation.metrics import recognition as m


def labels(seed=0):
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 5, 200)
    return truth, np.where(draw.random(200) < 0.6, truth, draw.integers(0, 6, 200))


def scores(seed=0, genuine=120, attacks=90):
    draw = np.random.default_rng(seed)
    values = np.round(np.concatenate([draw.normal(1, 1, genuine), draw.normal(-0.5, 1, attacks)]), 1)
    return values, np.arange(len(values)) < genuine


def test_accuracies_are_scikit_learns():
    truth, guess = labels()
    assert (m.confusion(truth, guess) == confusion_matrix(truth, guess)).all()
    assert m.war(truth, guess) == pytest.approx(accuracy_score(truth, guess))
    assert m.emotion_accuracy(truth, guess) == m.war(truth, guess)
    assert m.uar(truth, guess) == pytest.approx(recall_score(truth, guess, average="macro", labels=range(5)))
    assert m.f1(truth, guess) == pytest.approx(f1_score(truth, guess, average="macro"))


def test_the_area_is_scikit_learns_with_ties():
    assert m.auc(*scores()) == pytest.approx(roc_auc_score(scores()[1], scores()[0]))


def test_the_equal_error_rate_is_the_crossing_of_scikit_learns_curve():
    values, genuine = scores()
    far, hit, thresholds = roc_curve(genuine, values, drop_intermediate=False)
    best = np.abs(far - (1 - hit)).argmin()
    assert m.eer(values, genuine) == pytest.approx((far[best] + 1 - hit[best]) / 2)
    threshold = m.eer_threshold(values, genuine)
    # scikit-learn accepts scores from its threshold on, we those above ours.
    assert values[values > threshold].min() == pytest.approx(thresholds[best])


def test_separated_scores_have_no_error_and_reversed_ones_nothing_else():
    genuine = np.array([False, False, True, True])
    assert m.eer(np.array([0.0, 1, 2, 3]), genuine) == 0
    assert m.eer(np.array([3.0, 2, 1, 0]), genuine) == 1
    assert m.auc(np.array([3.0, 2, 1, 0]), genuine) == 0


def test_the_half_total_error_is_measured_on_other_scores():
    threshold = m.eer_threshold(*scores(0))
    values, genuine = scores(1)
    far = np.mean(values[~genuine] > threshold)
    frr = np.mean(values[genuine] <= threshold)
    assert m.hter(values, genuine, threshold) == pytest.approx((far + frr) / 2)


def test_iso_rates_take_the_worst_attack():
    values = np.array([0.9, 0.2, 0.8, 0.7, 0.1, 0.6])
    attack = np.array([0, 0, 1, 1, 2, 2])
    assert m.apcer(values, attack, 0.5) == 1.0
    assert m.bpcer(values, attack, 0.5) == 0.5
    assert m.acer(values, attack, 0.5) == 0.75


def test_the_mean_over_folds():
    assert m.fold_mean([0.5, 0.7]) == pytest.approx(0.6)


def test_labels_and_scores_that_do_not_fit_are_refused():
    truth, guess = labels()
    for a, b, words in ((truth, guess[:3], "shape"), (truth[:0], guess[:0], "empty"), (truth - 9, guess, "no class")):
        for metric in (m.war, m.uar, m.f1):
            with pytest.raises(BadInput, match=words):
                metric(a, b)
    values, genuine = scores()
    for metric in (m.auc, m.eer):
        with pytest.raises(BadInput, match="one class"):
            metric(values, genuine | True)
        with pytest.raises(BadInput, match="NaN"):
            metric(values * np.nan, genuine)
    with pytest.raises(BadInput, match="no attack"):
        m.apcer(values, np.zeros(len(values)), 0)
    with pytest.raises(BadInput, match="no genuine"):
        m.bpcer(values, np.ones(len(values)), 0)


def test_an_interval_of_a_rate_holds_it_and_is_that_of_the_binomial():
    passed = np.arange(200) % 10 == 0
    low, high = set_interval(lambda rows: float(passed[rows].mean()), np.zeros(200))
    half = 1.96 * np.sqrt(0.1 * 0.9 / 200)
    assert (low, high) == (pytest.approx(0.1 - half, abs=0.01), pytest.approx(0.1 + half, abs=0.01))


def test_no_class_is_lost_when_clips_are_drawn_anew():
    classes = np.array([0] + [1] * 30)
    assert set_interval(lambda rows: float((classes[rows] == 0).sum()), classes, resamples=50) == (1, 1)
