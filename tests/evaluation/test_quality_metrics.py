"""CPBD and NIQE against loops, scipy's distributions and what they must rank."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import correlate
from scipy.stats import gennorm

from talkie.errors import BadInput
from talkie.evaluation.metrics.cpbd import cpbd, edge_widths
from talkie.evaluation.metrics.niqe import (
    NiqeModel,
    asymmetric_gaussian,
    block_features,
    fit_niqe,
    niqe,
    normalised,
)
from talkie.evaluation.networks.identity import NetworkIdentity


def scenes(count, seed=0, side=288):
    """Grey pictures of overlapping discs and texture, uint8."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        picture = np.full((side, side), 120.0)
        for _ in range(60):
            x, y = (int(v) for v in draw.integers(0, side, 2))
            cv2.circle(picture, (x, y), int(draw.integers(6, 50)), float(draw.uniform(10, 245)), -1)
        picture = cv2.GaussianBlur(picture, (0, 0), 0.7) + draw.normal(0, 4, picture.shape)
        found.append(np.clip(np.round(picture), 0, 255).astype(np.uint8))
    return np.stack(found)


def blurred(frames, sigma):
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in frames])


def test_the_width_of_a_ramp_is_its_length():
    for length in (1, 3, 6, 11):
        row = np.concatenate([np.full(20, 40.0), 40 + 100 * np.arange(1, length + 1) / length, np.full(20, 140.0)])
        # An edge in the middle of the ramp; the two flat pixels that end it belong to neither side.
        at = 19 + (length + 1) // 2
        edges = np.zeros((9, len(row)), bool)
        edges[4, at] = True
        for values in (row, row[::-1]):
            place = edges if values is row else edges[:, ::-1]
            widths = edge_widths(np.tile(values, (9, 1)), place)
            assert np.count_nonzero(widths) == 1
            assert widths.max() == pytest.approx(max(length, 2), abs=1)


def test_edge_widths_equal_a_walk_to_either_side():
    grey = scenes(1, side=64)[0].astype(float)
    edges = np.random.default_rng(1).random(grey.shape) < 0.3
    widths = edge_widths(grey, edges)
    rise_y, rise_x = np.gradient(grey)
    for y in range(1, 63):
        for x in range(1, 63):
            turn = 45 * np.round(np.degrees(np.arctan2(rise_y[y, x], rise_x[y, x])) / 45)
            if not edges[y, x] or turn not in (0, 180, -180) or rise_x[y, x] == 0:
                assert widths[y, x] == 0
                continue
            sign = 1 if turn == 0 else -1
            right, left = x + 1, x - 1
            while right + 1 < 64 and sign * (grey[y, right + 1] - grey[y, right]) > 0:
                right += 1
            while left - 1 >= 0 and sign * (grey[y, left] - grey[y, left - 1]) > 0:
                left -= 1
            assert widths[y, x] == right - left


def test_cpbd_falls_with_blur_and_a_blank_frame_has_none():
    frames = scenes(2)
    values = [cpbd(blurred(frames, sigma) if sigma else frames).mean() for sigma in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.2
    assert values[-1] < 0.05
    assert cpbd(np.full((1, 128, 128), 90, np.uint8))[0] == 0


def test_a_soft_step_is_noticed_from_the_published_width_on():
    def steps(sigma):
        x = np.arange(192)
        row = 128 + 100 * np.sign(np.sin((x + 0.5) * 2 * np.pi / 64))
        return cv2.GaussianBlur(np.tile(row, (192, 1)), (0, 0), sigma).round().astype(np.uint8)[None]

    # Edges of 100 of 255 and more are noticed blurred at widths above 3 px: a sigma of 0.4 spreads over 2, 2.5 over 15.
    assert cpbd(steps(0.4))[0] == 1
    assert cpbd(steps(2.5))[0] == 0


@pytest.mark.parametrize("shape", [0.7, 1.0, 2.0, 3.5])
def test_the_asymmetric_gaussian_is_recovered_from_scipys_samples(shape):
    values = gennorm.rvs(shape, size=200_000, random_state=0)
    left, right = 1.5, 0.6
    # An asymmetric sample: the side is drawn in proportion to its scale.
    side = np.random.default_rng(1).random(len(values)) < left / (left + right)
    sample = np.where(side, -left, right) * np.abs(values)
    found = asymmetric_gaussian(sample)
    assert found == pytest.approx((shape, left, right), rel=0.05)


def test_normalised_coefficients_are_scipys():
    luma = scenes(1, side=96)[0].astype(float)
    x = np.arange(-3, 4)
    window = np.exp(-(x[:, None] ** 2 + x[None] ** 2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    mean = correlate(luma, window, mode="nearest")
    deviation = np.sqrt(np.abs(correlate(luma**2, window, mode="nearest") - mean**2))
    found = normalised(luma)
    assert found[0] == pytest.approx((luma - mean) / (deviation + 1), abs=1e-6)
    assert found[1] == pytest.approx(deviation, abs=1e-6)


def test_a_picture_has_36_features_for_each_whole_block():
    features, sharpness = block_features(scenes(1, side=200)[0])
    assert features.shape == (4, 36)
    assert sharpness.shape == (4,)


def test_niqe_ranks_blur_and_noise_below_the_pristine(tmp_path):
    model = fit_niqe(scenes(30, seed=1), "stage")
    frames = scenes(3, seed=2)
    clean = niqe(frames, model).mean()
    for sigma in (1.5, 4):
        assert clean < niqe(blurred(frames, sigma), model).mean()
    noisy = np.clip(frames + np.random.default_rng(3).normal(0, 30, frames.shape), 0, 255).astype(np.uint8)
    assert clean < niqe(noisy, model).mean()
    model.save(tmp_path / "a.safetensors")
    (tmp_path / "a.safetensors").rename(tmp_path / "niqe.safetensors")
    loaded = NiqeModel.load(tmp_path / "niqe.safetensors")
    assert niqe(frames, loaded) == pytest.approx(niqe(frames, model))
    assert loaded.identity.stand_in == "stage"
    assert loaded.identity.digest == model.identity.digest


def test_pictures_and_models_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(BadInput, match="37 are needed"):
        fit_niqe(scenes(1), "stage")
    model = NiqeModel(np.zeros(36), np.eye(36), NetworkIdentity("niqe", "none", "0" * 64))
    with pytest.raises(BadInput, match="1 blocks"):
        niqe(np.zeros((1, 96, 96), np.uint8), model)
    (tmp_path / "model.safetensors").write_bytes(b"no such thing")
    with pytest.raises(BadInput, match="no pristine model"):
        NiqeModel.load(tmp_path / "model.safetensors")
    with pytest.raises(BadInput, match="int32"):
        cpbd(np.zeros((1, 64, 64), np.int32))
