"""Structural similarity as a loss: scikit-image's values, and a gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from talkie_zoo.blocks.similarity import ssim


@pytest.mark.parametrize(
    ("window", "how"), [("gaussian", {"gaussian_weights": True}), ("box", {"win_size": 3}), ("pooled", {"win_size": 3})]
)
def test_the_map_is_that_of_scikit_image_away_from_the_border(window, how):
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 32, 40, 3)).astype(np.float32)
    b = 0.7 * a + 0.3 * b
    _, wanted = structural_similarity(
        a, b, channel_axis=2, data_range=1.0, full=True, use_sample_covariance=False, sigma=1.5, **how
    )
    got = ssim(*(torch.from_numpy(x).permute(2, 0, 1)[None] for x in (a, b)), window=window)[0].permute(1, 2, 0)
    np.testing.assert_allclose(got.numpy()[6:-6, 6:-6], wanted[6:-6, 6:-6], atol=2e-5)


def test_equal_pictures_score_one_and_following_the_gradient_makes_unequal_ones_more_alike():
    generator = torch.Generator().manual_seed(1)
    a = torch.rand(2, 3, 16, 16, generator=generator)
    assert torch.allclose(ssim(a, a), torch.ones_like(a), atol=1e-5)
    b = torch.rand(2, 3, 16, 16, generator=generator).requires_grad_()
    before = ssim(a, b).mean()
    (slope,) = torch.autograd.grad(before, b)
    assert float(ssim(a, b + 5.0 * slope / slope.norm()).mean().detach()) > float(before.detach()) + 0.05
