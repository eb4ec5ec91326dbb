"""How often classifiers and detectors of attacks are right: accuracies, error rates, areas. What a classifier of
another task says of generated video (emotion) is here too; distances of embeddings are in perceptual.py.

Labels are (N,) class numbers from 0 on; scores (N,) floats, higher = more likely genuine. All functions raise BadInput
for unlike shapes, nothing, NaN, or classes without an item where a rate of them is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array, pair
from talkie.evaluation.metrics.registry import TALKING, metric

RECOGNITION = ("recognition",)


def confusion(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(C, C) counts: row = true class, column = answered class; C reaches to the highest class in either."""
    a, b = pair(truth, guess, (None,))
    if (a < 0).any() or (b < 0).any() or (a % 1).any() or (b % 1).any():
        raise BadInput("labels that are no class numbers", where="labels", cure="number the classes from 0 on")
    classes = int(max(a.max(), b.max())) + 1
    return np.bincount((a * classes + b).astype(int), minlength=classes**2).reshape(classes, classes)


@metric(
    "war",
    "Weighted average recall: share of items whose class is right",
    unit="1",
    better="higher",
    tasks=RECOGNITION,
    source="overall accuracy, as in DFEW (Jiang et al. 2020) and DFER-CLIP's code",
    item="clip",
)
def war(truth: np.ndarray, guess: np.ndarray) -> float:
    """Share in [0, 1]; higher is better."""
    table = confusion(truth, guess)
    return float(np.trace(table) / table.sum())


@metric(
    "uar",
    "Unweighted average recall: mean of the classes' recalls",
    unit="1",
    better="higher",
    tasks=RECOGNITION,
    source="diagonal of the row-normalised confusion matrix, as in DFER-CLIP's code",
    item="clip",
)
def uar(truth: np.ndarray, guess: np.ndarray) -> float:
    """Share in [0, 1]; higher is better. Over the classes that the truth has."""
    table = confusion(truth, guess)
    there = table.sum(1) > 0
    return float((np.diag(table)[there] / table.sum(1)[there]).mean())


@metric(
    "f1",
    "Mean over classes of the harmonic mean of precision and recall",
    unit="1",
    better="higher",
    tasks=RECOGNITION,
    source="macro F1 (van Rijsbergen 1979)",
    item="clip",
)
def f1(truth: np.ndarray, guess: np.ndarray) -> float:
    """In [0, 1]; higher is better. Over the classes that either has."""
    table = confusion(truth, guess)
    either = table.sum(0) + table.sum(1)
    return float((2 * np.diag(table)[either > 0] / either[either > 0]).mean())


@metric(
    "emotion_accuracy",
    "Share of generated clips whose emotion a classifier names right",
    unit="1",
    better="higher",
    tasks=(*TALKING, "reenactment"),
    source="EAT, EDTalk: a classifier trained on MEAD, on the output",
    item="clip",
    network="emotion",
)
def emotion_accuracy(truth: np.ndarray, guess: np.ndarray) -> float:
    """Share in [0, 1]; higher is better. truth: the emotion that was asked for; guess: what the classifier says."""
    return war(truth, guess)


def fold_mean(values: Sequence[float]) -> float:
    """The mean over folds, as five-fold sets (DFEW) report WAR and UAR."""
    return float(array(values, "folds", (None,)).mean())


@metric(
    "auc",
    "Area under the ROC curve",
    unit="1",
    better="higher",
    tasks=RECOGNITION,
    source="Mann-Whitney U over the number of pairs (Hanley & McNeil 1982)",
    item="clip",
)
def auc(scores: np.ndarray, genuine: np.ndarray) -> float:
    """Probability that a genuine item scores above an attack, ties half; 1 is best. genuine: (N,) bool."""
    values, labels = _scored(scores, genuine)
    positive = int(labels.sum())
    ranks = rankdata(values)[labels].sum() - positive * (positive + 1) / 2
    return float(ranks / (positive * (len(values) - positive)))


def error_rates(scores: np.ndarray, genuine: np.ndarray, threshold: float) -> tuple[float, float]:
    """FAR (attacks with score > threshold) and FRR (genuine with score <= threshold)."""
    values, labels = _scored(scores, genuine)
    return float((values[~labels] > threshold).mean()), float((values[labels] <= threshold).mean())


def eer_threshold(scores: np.ndarray, genuine: np.ndarray) -> float:
    """The threshold at which FAR and FRR lie nearest to each other, on development scores: one of the scores, or just
    below the least; of several, that of the lowest sum of both, then the lowest."""
    values, labels = _scored(scores, genuine)
    candidates = np.concatenate([[np.nextafter(values.min(), -np.inf)], np.unique(values)])
    attacks, people = np.sort(values[~labels]), np.sort(values[labels])
    far = 1 - np.searchsorted(attacks, candidates, side="right") / len(attacks)
    frr = np.searchsorted(people, candidates, side="right") / len(people)
    return float(candidates[np.lexsort((candidates, far + frr, np.abs(far - frr)))[0]])


@metric(
    "eer",
    "Equal error rate: (FAR + FRR) / 2 where they lie nearest to each other",
    unit="1",
    better="lower",
    tasks=RECOGNITION,
    source="the crossing of FAR and FRR on the ROC curve",
    item="clip",
)
def eer(scores: np.ndarray, genuine: np.ndarray) -> float:
    """Rate in [0, 1]; lower is better. Development scores; also the verification error of an identity embedding, with
    the cosines of pairs as scores and `genuine` where both pictures are of one person."""
    return sum(error_rates(scores, genuine, eer_threshold(scores, genuine))) / 2


@metric(
    "hter",
    "Half total error rate: (FAR + FRR) / 2 on the test set at the development set's threshold",
    unit="1",
    better="lower",
    tasks=RECOGNITION,
    source="anti-spoofing's cross-set protocol (Freitas Pereira et al. 2013); OCI->M: train on three sets, test on one",
    item="clip",
)
def hter(scores: np.ndarray, genuine: np.ndarray, threshold: float) -> float:
    """Rate in [0, 1]; lower is better. `threshold` from `eer_threshold` of other scores."""
    return sum(error_rates(scores, genuine, threshold)) / 2


@metric(
    "apcer",
    "Attack presentation classification error rate of the worst type of attack",
    unit="1",
    better="lower",
    tasks=RECOGNITION,
    source="ISO/IEC 30107-3",
    item="clip",
)
def apcer(scores: np.ndarray, attack: np.ndarray, threshold: float) -> float:
    """Greatest share over types of attacks with score > threshold; lower is better. attack: (N,) type from 1 on, 0 =
    genuine."""
    values, types = pair(scores, attack, (None,))
    kinds = np.unique(types[types > 0])
    if len(kinds) == 0:
        raise BadInput("no attack among the items", where="attack", cure="add attacks")
    return float(max((values[types == kind] > threshold).mean() for kind in kinds))


@metric(
    "bpcer",
    "Bona fide presentation classification error rate",
    unit="1",
    better="lower",
    tasks=RECOGNITION,
    source="ISO/IEC 30107-3",
    item="clip",
)
def bpcer(scores: np.ndarray, attack: np.ndarray, threshold: float) -> float:
    """Share of genuine items with score <= threshold; lower is better."""
    values, types = pair(scores, attack, (None,))
    if not (types == 0).any():
        raise BadInput("no genuine item", where="attack", cure="add genuine items: type 0")
    return float((values[types == 0] <= threshold).mean())


@metric(
    "acer",
    "Mean of APCER and BPCER",
    unit="1",
    better="lower",
    tasks=RECOGNITION,
    source="OULU-NPU (Boulkenafet et al. 2017), reported for each of its protocols",
    item="clip",
)
def acer(scores: np.ndarray, attack: np.ndarray, threshold: float) -> float:
    """Rate in [0, 1]; lower is better."""
    return (apcer(scores, attack, threshold) + bpcer(scores, attack, threshold)) / 2


def _scored(scores: np.ndarray, genuine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, labels = pair(scores, np.asarray(genuine, bool), (None,))
    chosen = labels > 0
    if chosen.all() or not chosen.any():
        raise BadInput("all items are of one class", where="genuine", cure="give genuine items and attacks")
    return values, chosen
