"""Distances in the features of a network: LPIPS from its layers' answers, CSIM from embeddings of faces. The networks
themselves are loaded in evaluation/networks; differences of pixels are in image.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array, pair
from talkie.evaluation.metrics.image import IMAGE_TASKS
from talkie.evaluation.metrics.registry import VIDEO, metric

_EPS = 1e-10
"""Added to the length of a feature vector, as the LPIPS code does."""


@metric(
    "lpips",
    "Learned perceptual image patch similarity, version 0.1",
    unit="1",
    better="lower",
    tasks=IMAGE_TASKS,
    source="Zhang, Isola, Efros, Shechtman & Wang 2018; richzhang/PerceptualSimilarity",
    network="lpips",
)
def lpips(truth: Sequence[np.ndarray], guess: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> np.ndarray:
    """(T,); lower is better. truth, guess: for each layer the answers (T, C, H, W) to frames in [-1, 1]; weights: for
    each layer (C,). Sum over layers of the spatial mean of the weighted squared difference of unit vectors.

    AlexNet and VGG give other figures: say which. Raises BadInput for layers that do not fit, nothing, NaN."""
    if not len(truth) == len(guess) == len(weights) > 0:
        raise BadInput(f"{len(truth)}, {len(guess)} and {len(weights)} layers", where="lpips", cure="give the same")
    total = 0.0
    for layer, (given_a, given_b, given_weight) in enumerate(zip(truth, guess, weights, strict=True)):
        a, b = pair(given_a, given_b, (None, None, None, None))
        weight = array(given_weight, f"weights of layer {layer}", (a.shape[1],))
        difference = np.square(_unit(a, 1) - _unit(b, 1))
        total = total + np.einsum("tchw,c->t", difference, weight) / (a.shape[2] * a.shape[3])
    return np.asarray(total)


@metric(
    "csim",
    "Cosine between face embeddings of output and source (or true frame)",
    unit="1",
    better="higher",
    tasks=(*VIDEO, "head_creation"),
    source="ArcFace (Deng et al. 2019) embeddings, as in MarioNETte and after; the choice of network moves it",
    network="arcface",
)
def csim(source: np.ndarray, output: np.ndarray) -> np.ndarray:
    """(T,) in [-1, 1]; higher is better. source: (D,) or (T, D); output: (T, D) embeddings, of any length.

    Frames without a tellable face have no embedding: leave them out and say how many. Raises BadInput for embeddings of
    length 0, unlike shapes, nothing, NaN."""
    b = array(output, "output", (None, None))
    a = array(source, "source")
    a = np.broadcast_to(a, b.shape) if a.ndim == 1 and len(a) == b.shape[1] else a
    a, b = pair(a, b)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    if (lengths == 0).any():
        raise BadInput("an embedding of length 0 has no direction", where="csim", cure="leave its frame out")
    return np.asarray(np.einsum("td,td->t", a, b) / lengths)


@metric(
    "identity_leakage",
    "Cosine between face embeddings of the output and the driving person, cross-identity",
    unit="1",
    better="lower",
    tasks=VIDEO,
    source="the control of CSIM: a method that copies the driver must score low",
    network="arcface",
)
def identity_leakage(driver: np.ndarray, output: np.ndarray) -> np.ndarray:
    """(T,); lower is better. Arguments as of `csim`, with the driving person in the source's place."""
    return csim(driver, output)


def _unit(values: np.ndarray, axis: int) -> np.ndarray:
    return values / (np.sqrt(np.square(values).sum(axis, keepdims=True)) + _EPS)
