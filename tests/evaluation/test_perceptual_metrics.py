"""Feature distances against loops, scipy and torchmetrics."""

import numpy as np
import pytest
from scipy.spatial.distance import cosine

from talkie.errors import BadInput
from talkie.evaluation.metrics.perceptual import csim, identity_leakage, lpips


def test_lpips_equals_a_loop_over_layers_and_places():
    draw = np.random.default_rng(0)
    shapes = [(2, 4, 3, 5), (2, 6, 2, 2)]
    truth, guess = ([draw.normal(size=s) for s in shapes] for _ in range(2))
    weights = [draw.random(4), draw.random(6)]
    for frame in range(2):
        total = 0.0
        for a, b, w in zip(truth, guess, weights, strict=True):
            places = [(y, x) for y in range(a.shape[2]) for x in range(a.shape[3])]
            for y, x in places:
                p, q = a[frame, :, y, x], b[frame, :, y, x]
                gap = p / np.linalg.norm(p) - q / np.linalg.norm(q)
                total += float((w * gap**2).sum()) / len(places)
        assert lpips(truth, guess, weights)[frame] == pytest.approx(total, rel=1e-8)


def test_csim_is_scipys_cosine():
    draw = np.random.default_rng(1)
    source, output = draw.normal(size=16), draw.normal(size=(5, 16))
    assert csim(source, output) == pytest.approx([1 - cosine(source, row) for row in output])
    assert identity_leakage(output, output) == pytest.approx(np.ones(5))
    assert csim(source, 7 * output) == pytest.approx(csim(source, output))


def test_embeddings_that_do_not_fit_are_refused():
    good = np.ones((3, 4))
    for a, b, words in (
        (good, good[:2], "shape"),
        (good, np.zeros((3, 4)), "length 0"),
        (good[:0], good[:0], "empty"),
        (np.full(4, np.nan), good, "NaN"),
    ):
        with pytest.raises(BadInput, match=words):
            csim(a, b)


def test_layers_that_do_not_fit_are_refused():
    layer = np.ones((1, 2, 3, 3))
    with pytest.raises(BadInput, match="layers"):
        lpips([layer], [layer, layer], [np.ones(2)])
    with pytest.raises(BadInput, match="shape"):
        lpips([layer], [layer], [np.ones(3)])
    with pytest.raises(BadInput, match="NaN"):
        lpips([layer], [layer * np.nan], [np.ones(2)])
