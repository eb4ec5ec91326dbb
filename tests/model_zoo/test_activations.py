"""Activations written out equal torch's, and correlation equals numpy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from talkie_zoo.blocks.activations import Mish, SiLU
from talkie_zoo.blocks.correlation import correlation


@pytest.mark.parametrize(("ours", "theirs"), [(SiLU(), F.silu), (Mish(), F.mish)])
def test_values_and_gradients_are_those_of_torch(ours, theirs):
    x = torch.linspace(-8, 8, 101, dtype=torch.float64, requires_grad=True)
    for a, b in zip(*((y := f(x), *torch.autograd.grad(y.sum(), x)) for f in (ours, theirs)), strict=True):
        assert torch.allclose(a, b, atol=1e-12)


def test_correlation_is_pearsons_and_zero_where_one_track_stands_still():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50)).astype(np.float32)
    assert correlation(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-6)
    assert correlation(a, -3 * a + 1) == pytest.approx(-1, abs=1e-6)
    assert correlation(a, np.full(50, 7.0)) == 0
