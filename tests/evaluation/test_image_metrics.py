"""Pixel metrics against scikit-image, torchmetrics and closed forms."""

import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity
from skimage.transform import downscale_local_mean
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from talkie.errors import BadInput
from talkie.evaluation.metrics.image import PSNR_CEILING, l1, ms_ssim, mse, psnr, ssim

ALL = (psnr, mse, l1, ssim, ms_ssim)


def clips(seed=0, frames=3, side=64, channels=3):
    """A smooth clip and the same with noise, uint8."""
    draw = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    waves = [np.sin(x / 9 + t) * np.cos(y / 7 - c) for t in range(frames) for c in range(channels)]
    truth = 128 + 80 * np.stack(waves).reshape(frames, channels, side, side).transpose(0, 2, 3, 1)
    guess = truth + draw.normal(0, 12, truth.shape)
    both = [np.clip(np.round(v), 0, 255).astype(np.uint8) for v in (truth, guess)]
    return both if channels == 3 else [v[..., 0] for v in both]


def test_psnr_and_mse_are_scikit_images():
    truth, guess = clips()
    for value, error, a, b in zip(psnr(truth, guess), mse(truth, guess), truth, guess, strict=True):
        assert value == pytest.approx(peak_signal_noise_ratio(a, b), abs=1e-9)
        assert error == pytest.approx(mean_squared_error(a / 255, b / 255), rel=1e-9)


def test_psnr_of_a_constant_difference_is_the_closed_form():
    truth = np.zeros((1, 8, 8, 3), np.uint8)
    # A difference of 200 wraps to 56 in uint8 arithmetic.
    assert psnr(truth, truth + np.uint8(200))[0] == pytest.approx(20 * np.log10(255 / 200))


def test_identical_frames_have_the_ceiling_and_keep_the_mean_finite():
    truth, _ = clips()
    assert (psnr(truth, truth) == PSNR_CEILING).all()


def test_l1_is_the_mean_absolute_difference():
    truth, guess = clips()
    expected = np.abs(truth.astype(float) - guess).mean((1, 2, 3)) / 255
    assert l1(truth, guess) == pytest.approx(expected)


def test_ssim_is_scikit_images_with_the_papers_settings():
    truth, guess = clips()
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    for value, a, b in zip(ssim(truth, guess), truth, guess, strict=True):
        assert value == pytest.approx(structural_similarity(a, b, channel_axis=2, **settings), abs=1e-6)
    grey = np.array([0.299, 0.587, 0.114])
    for value, a, b in zip(ssim(truth, guess, "grey"), truth @ grey, guess @ grey, strict=True):
        assert value == pytest.approx(structural_similarity(a, b, **settings), abs=1e-6)


def test_ssim_in_single_precision_holds_where_variances_are_least():
    flat = np.full((1, 64, 64, 3), 200, np.uint8)
    noisy = flat + np.random.default_rng(0).integers(0, 2, flat.shape, dtype=np.uint8)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    expected = structural_similarity(flat[0], noisy[0], channel_axis=2, **settings)
    assert ssim(flat, noisy)[0] == pytest.approx(expected, abs=2e-5)


def test_ms_ssim_is_the_product_of_scikit_images_terms():
    truth, guess = clips(side=200, channels=1, frames=2)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    for value, a, b in zip(ms_ssim(truth, guess), truth.astype(float), guess.astype(float), strict=True):
        expected = 1.0
        for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
            # With a huge K1 the luminance term is 1, which leaves contrast and structure.
            term = structural_similarity(a, b, K1=0.01 if scale == 4 else 1e6, **settings)
            expected *= term**weight
            a, b = (
                downscale_local_mean(a[: len(a) // 2 * 2, : len(a) // 2 * 2], (2, 2)),
                downscale_local_mean(b[: len(b) // 2 * 2, : len(b) // 2 * 2], (2, 2)),
            )
        assert value == pytest.approx(expected, abs=1e-6)


def test_ms_ssim_is_torchmetrics_but_for_the_border():
    truth, guess = clips(side=256, channels=1, frames=2)
    for value, a, b in zip(ms_ssim(truth, guess), truth, guess, strict=True):
        both = [torch.from_numpy(v.astype(np.float64))[None, None] for v in (a, b)]
        expected = multiscale_structural_similarity_index_measure(*both, data_range=255.0, sigma=1.5)
        # torchmetrics counts the reflected border of the coarsest scale too.
        assert value == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize("metric", ALL)
def test_bytes_and_floats_of_one_picture_give_one_figure(metric):
    truth, guess = clips(side=192, frames=1)
    floats = [v.astype(np.float32) / np.float32(255) for v in (truth, guess)]
    assert metric(*floats) == pytest.approx(metric(truth, guess), rel=1e-4)


@pytest.mark.parametrize("metric", ALL)
def test_pictures_that_do_not_fit_are_refused(metric):
    truth, guess = clips(side=192, frames=2)
    floats = truth.astype(np.float64) / 255
    broken = floats.copy()
    broken[0, 0, 0, 0] = np.nan
    for a, b, words in (
        (truth, guess[:1], "shape"),
        (truth[:0], guess[:0], "empty"),
        (truth, floats, "float64"),
        (broken, floats, "outside"),
        (truth.astype(np.float64), guess.astype(np.float64), "outside"),
        (truth.astype(np.int32), guess.astype(np.int32), "int32"),
        (truth[0, 0], guess[0, 0], "shape"),
    ):
        with pytest.raises(BadInput, match=words):
            metric(a, b)


def test_frames_under_the_window_are_refused():
    small = np.zeros((1, 10, 40, 3), np.uint8)
    with pytest.raises(BadInput, match="wanted 11"):
        ssim(small, small)
    with pytest.raises(BadInput, match="wanted 176"):
        ms_ssim(small, small)
