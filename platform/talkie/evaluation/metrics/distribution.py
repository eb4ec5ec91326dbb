"""How far two sets of features lie apart: Frechet distances, kernel distance, precision and recall. Where features come
from (Inception, I3D, a face regressor, a stand-in) is the business of evaluation/networks; it decides what a figure may
be called.

Features are (N, D), any float or integer type. All functions raise BadInput for fewer than two items, unlike widths,
NaN. Report the numbers of items with every figure, and `halves` of the truth as the floor.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import cdist

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array
from talkie.evaluation.metrics.image import IMAGE_TASKS
from talkie.evaluation.metrics.registry import VIDEO, metric

NEIGHBOURS = 3
"""k of the manifolds of precision and recall (Kynkaanniemi et al. 2019)."""
_ROWS = 1024
"""Rows of a distance matrix in work at a time, so that memory does not grow with the square of the set."""


@metric(
    "fid",
    "Frechet distance of Inception-v3 pool features of frames",
    unit="1",
    better="lower",
    tasks=IMAGE_TASKS,
    source="Heusel et al. 2017; mseitzer/pytorch-fid, 2048 dimensions, frames at 299 px",
    item="frame",
    network="inception",
)
def frechet_distance(truth: np.ndarray, guess: np.ndarray) -> float:
    """|mu1 - mu2|^2 + Tr(S1 + S2 - 2 sqrt(S1 S2)) of features (N, D) and (M, D); 0 is best. Covariances divide by
    N - 1. With fewer items than dimensions the covariance is singular and the figure too small: FID wants 2,048.

    Tr sqrt(S1 S2) is the nuclear norm of A B^T for centred, scaled features A and B: no matrix square root, whose
    iterations fail on singular covariances."""
    a, b = _sets(truth, guess)
    mean = np.square(a.mean(0) - b.mean(0)).sum()
    a, b = _centred(a), _centred(b)
    cross = np.linalg.svd(_triangle(a) @ _triangle(b).T, compute_uv=False).sum()
    return max(0.0, float(mean + np.square(a).sum() + np.square(b).sum() - 2 * cross))


def _named_frechet(name: str, title: str, source: str, network: str, item: str) -> None:
    metric(name, title, unit="1", better="lower", tasks=VIDEO, source=source, item=item, network=network)(
        frechet_distance
    )


_named_frechet(
    "fvd",
    "Frechet distance of I3D logits of clips",
    "Unterthiner et al. 2018; resize or face-box variant in the protocol: figures of the two cannot be compared",
    "i3d",
    "clip",
)
_named_frechet(
    "fid_vid",
    "Frechet distance of 3D ResNet-50 features of 16-frame clips",
    "Balaji et al. 2019, as in DisCo's gen_eval (Wang et al. 2023)",
    "resnet3d",
    "clip",
)
_named_frechet(
    "e_fid",
    "Frechet distance of frames' expression coefficients",
    "EMO (Tian et al. 2024), Hallo; Deep3DFaceRecon's 64 expression coefficients",
    "face_reconstruction",
    "frame",
)
_named_frechet(
    "fgd",
    "Frechet distance of a motion autoencoder's features",
    "Yoon et al. 2020 (gestures); the autoencoder is trained on the corpus: figures of two autoencoders do not compare",
    "motion_autoencoder",
    "clip",
)


@metric(
    "kid",
    "Kernel distance: unbiased squared MMD with a cubic kernel of Inception features",
    unit="1",
    better="lower",
    tasks=IMAGE_TASKS,
    source="Binkowski et al. 2018",
    network="inception",
)
def kernel_distance(truth: np.ndarray, guess: np.ndarray) -> float:
    """Unbiased estimate of the squared MMD with k(x, y) = (x.y / D + 1)^3 of features (N, D), (M, D): expected 0 for
    one distribution (and then negative half of the time), lower is better, and usable from a few dozen items on."""
    a, b = _sets(truth, guess)
    n, m = len(a), len(b)
    within_a = (_kernel_sum(a, a) - _kernel_diagonal(a)) / (n * (n - 1))
    within_b = (_kernel_sum(b, b) - _kernel_diagonal(b)) / (m * (m - 1))
    return float(within_a + within_b - 2 * _kernel_sum(a, b) / (n * m))


@metric(
    "precision",
    "Share of generated items inside the truth's manifold",
    unit="1",
    better="higher",
    tasks=VIDEO,
    source="Kynkaanniemi et al. 2019, k = 3",
    network="inception",
)
def precision(truth: np.ndarray, guess: np.ndarray, neighbours: int = NEIGHBOURS) -> float:
    """Share of rows of `guess` that lie within the distance of some row of `truth` to its k-th nearest neighbour in
    `truth`; 1 is best. Raises BadInput for sets of no more than k items."""
    a, b = _sets(truth, guess)
    radii = _radii(a, neighbours)
    inside = [(cdist(b[i : i + _ROWS], a) <= radii).any(1) for i in range(0, len(b), _ROWS)]
    return float(np.concatenate(inside).mean())


@metric(
    "recall",
    "Share of true items inside the generated manifold",
    unit="1",
    better="higher",
    tasks=VIDEO,
    source="Kynkaanniemi et al. 2019, k = 3",
    network="inception",
)
def recall(truth: np.ndarray, guess: np.ndarray, neighbours: int = NEIGHBOURS) -> float:
    """`precision` with the two sets exchanged: 1 where everything true is covered."""
    return precision(guess, truth, neighbours)


def halves(features: np.ndarray, distance: Callable[[np.ndarray, np.ndarray], float], seed: int) -> float:
    """The floor of a distance: between two random halves of the truth."""
    rows = np.random.default_rng(seed).permutation(len(features))
    middle = len(rows) // 2
    return distance(features[np.sort(rows[:middle])], features[np.sort(rows[middle:])])


def _sets(truth: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a = array(truth, "truth", (None, None))
    b = array(guess, "guess", (None, a.shape[1]))
    if min(len(a), len(b)) < 2:
        raise BadInput(f"{len(a)} and {len(b)} items, two are needed of each", where="features", cure="add clips")
    return a, b


def _centred(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(0)) / np.sqrt(len(values) - 1)


def _triangle(values: np.ndarray) -> np.ndarray:
    """A matrix of the same Gram matrix V^T V, with no more rows than columns."""
    return np.asarray(np.linalg.qr(values, mode="r")) if len(values) > values.shape[1] else values


def _kernel_sum(a: np.ndarray, b: np.ndarray) -> float:
    rows = range(0, len(a), _ROWS)
    return float(sum((((a[i : i + _ROWS] @ b.T) / a.shape[1] + 1) ** 3).sum() for i in rows))


def _kernel_diagonal(a: np.ndarray) -> float:
    return float(((np.square(a).sum(1) / a.shape[1] + 1) ** 3).sum())


def _radii(values: np.ndarray, neighbours: int) -> np.ndarray:
    """Each row's distance to its k-th nearest other row."""
    if not 0 < neighbours < len(values):
        raise BadInput(f"{neighbours} neighbours among {len(values)} items", where="features", cure="add clips")
    chunks = [cdist(values[i : i + _ROWS], values) for i in range(0, len(values), _ROWS)]
    # The nearest row of all is the row itself.
    return np.concatenate([np.partition(chunk, neighbours, axis=1)[:, neighbours] for chunk in chunks])
