"""Distances of feature sets against torchmetrics, scikit-learn, scipy and closed forms."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from sklearn.neighbors import NearestNeighbors
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

from talkie.errors import BadInput
from talkie.evaluation.metrics.distribution import frechet_distance, halves, kernel_distance, precision, recall


def sets(seed=0, n=60, m=45, width=8):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(n, width)), 0.3 + 1.2 * draw.normal(size=(m, width)) @ np.diag(np.linspace(0.5, 2, width))


def test_the_frechet_distance_is_torchmetrics_and_scipys():
    a, b = sets()
    moments = [(v.mean(0), np.cov(v, rowvar=False)) for v in (a, b)]
    (mean_a, cov_a), (mean_b, cov_b) = moments
    root = sqrtm(cov_a @ cov_b).real
    assert frechet_distance(a, b) == pytest.approx(
        np.square(mean_a - mean_b).sum() + np.trace(cov_a + cov_b - 2 * root), rel=1e-9
    )
    tensors = [torch.from_numpy(v) for pair in moments for v in pair]
    assert frechet_distance(a, b) == pytest.approx(float(_compute_fid(*tensors)), rel=1e-6)


def test_the_frechet_distance_of_a_shift_is_its_square():
    a, _ = sets()
    assert frechet_distance(a, a + np.r_[3.0, 4.0, np.zeros(6)]) == pytest.approx(25.0)


def test_the_frechet_distance_of_a_scale_is_the_closed_form():
    a, _ = sets()
    a = a - a.mean(0)
    assert frechet_distance(a, 3 * a) == pytest.approx(4 * a.var(0, ddof=1).sum())


def test_fewer_items_than_dimensions_still_give_a_distance():
    a, b = sets(n=6, m=9, width=40)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a)) != 0


def test_the_kernel_distance_is_torchmetrics():
    a, b = sets(n=50, m=50)
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    expected = poly_mmd(x, y)
    assert kernel_distance(a, b) == pytest.approx(float(expected), rel=1e-9)


def test_the_kernel_distance_of_one_distribution_is_zero_on_average():
    found = [kernel_distance(*np.random.default_rng(seed).normal(size=(2, 30, 6))) for seed in range(200)]
    # The mean of 200 unbiased estimates lies within three of its own deviations.
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(200)


def test_precision_and_recall_are_those_of_scikit_learns_neighbours():
    a, b = sets(n=80, m=70, width=3)

    def inside(base, asked):
        radii = NearestNeighbors(n_neighbors=4).fit(base).kneighbors(base)[0][:, 3]
        return np.mean([(np.linalg.norm(base - row, axis=1) <= radii).any() for row in asked])

    assert precision(a, b) == pytest.approx(inside(a, b))
    assert recall(a, b) == pytest.approx(inside(b, a))


def test_two_far_clusters_have_neither_precision_nor_recall_and_a_set_has_both_of_itself():
    a, _ = sets()
    assert (precision(a, a + 100), recall(a, a + 100)) == (0, 0)
    assert (precision(a, a), recall(a, a)) == (1, 1)


def test_the_floor_is_below_the_distance_to_another_distribution():
    a, b = sets(n=400, m=400)
    floor = halves(a, frechet_distance, seed=1)
    assert floor == halves(a, frechet_distance, seed=1)
    assert 0 < floor < frechet_distance(a, b) / 5


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance, precision, recall])
def test_features_that_do_not_fit_are_refused(distance):
    a, b = sets()
    for x, y, words in (
        (a[:1], b, "two are needed"),
        (a, b[:, :3], "shape"),
        (a[:0], b, "empty"),
        (np.full_like(a, np.nan), b, "NaN"),
        (a[0], b, "shape"),
    ):
        with pytest.raises(BadInput, match=words):
            distance(x, y)
