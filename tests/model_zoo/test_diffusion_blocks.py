"""Noise schedule and sampler of diffusion: closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talkie.errors import BadConfig
from talkie_zoo.blocks.ddim import ddim, guided, spaced
from talkie_zoo.blocks.noise_schedule import NoiseSchedule, error_per_sample, offset_noise

TARGETS = ["v", "sample"]


def test_what_is_retained_is_the_product_of_what_each_step_keeps():
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    schedule = NoiseSchedule(zero_terminal=False)
    np.testing.assert_allclose(schedule.retained.numpy(), np.cumprod(1 - betas), rtol=1e-6)


def test_the_last_step_holds_no_signal_and_the_first_as_much_as_before():
    plain, rescaled = NoiseSchedule(zero_terminal=False).retained, NoiseSchedule().retained
    assert rescaled[-1] == 0
    assert rescaled[0] == pytest.approx(float(plain[0]), rel=1e-6)
    assert (rescaled.diff() < 0).all()


def test_noise_cannot_be_the_target_where_a_step_is_nothing_but_noise():
    with pytest.raises(BadConfig, match="predict v"):
        NoiseSchedule(target="noise")


@pytest.mark.parametrize("target", TARGETS)
def test_the_right_answer_is_understood_as_the_picture_and_the_noise_that_made_it(target):
    schedule = NoiseSchedule(target=target)
    x, noise = torch.randn(2, 5, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([3, 250, 500, 750, 998])
    noisy = schedule.noised(x, noise, t)
    clean, left = schedule.understood(schedule.wanted(x, noise, t), noisy, t)
    torch.testing.assert_close(clean, x, atol=2e-4, rtol=0)
    torch.testing.assert_close(left, noise, atol=2e-3, rtol=0)


def test_weights_cap_what_each_sample_counts_in_the_picture():
    """An error of v is SNR + 1 times that of x_0, so weighted it is min(SNR, 5) times that, sample by sample."""
    schedule = NoiseSchedule()
    t = torch.tensor([1, 300, 600, 999])
    snr = schedule.retained[t] / (1 - schedule.retained[t])
    x, noise, wrong = torch.randn(3, 4, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    noisy = schedule.noised(x, noise, t)
    guess = schedule.understood(wrong, noisy, t)[0]
    weighted = schedule.min_snr_weights(t, 5.0) * error_per_sample(wrong, schedule.wanted(x, noise, t))
    torch.testing.assert_close(weighted, snr.clamp_max(5.0) * error_per_sample(guess, x), rtol=2e-3, atol=1e-6)
    # The released code multiplies the batch's mean by the weights: another number.
    released = schedule.min_snr_weights(t, 5.0).mean() * error_per_sample(wrong, schedule.wanted(x, noise, t)).mean()
    assert abs(float(weighted.mean() - released)) > 0.01


def test_offset_noise_is_as_wide_as_it_says_and_shared_by_a_channel():
    torch.manual_seed(0)
    noise = offset_noise(torch.zeros(400, 4, 8, 8), 0.5)
    assert float(noise.mean((2, 3)).std()) == pytest.approx((0.25 + 1 / 64) ** 0.5, rel=0.05)
    assert float((noise - noise.mean((2, 3), keepdim=True)).std()) == pytest.approx((63 / 64) ** 0.5, rel=0.02)


def test_trailing_steps_begin_with_the_last_one():
    assert spaced(1000, 4) == [999, 749, 499, 249]
    assert spaced(1000, 4, "leading") == [750, 500, 250, 0]
    assert spaced(1000, 1000) == list(range(999, -1, -1))
    with pytest.raises(BadConfig, match="sampling steps"):
        spaced(1000, 1001)


def test_one_who_knows_the_picture_is_led_to_it_in_any_number_of_steps():
    schedule = NoiseSchedule()
    x, noise = torch.randn(2, 2, 3, 4, 4, generator=torch.Generator().manual_seed(2))

    def oracle(noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        keep, add = (r.sqrt().view(-1, 1, 1, 1) for r in (schedule.retained[t], 1 - schedule.retained[t]))
        return (keep * noisy - x) / add

    for steps in (1, 7, 50):
        torch.testing.assert_close(ddim(schedule, oracle, noise, steps), x, atol=1e-3, rtol=0)


def test_the_best_denoiser_of_a_gaussian_turns_noise_into_that_gaussian():
    """For x ~ N(m, s^2) the mean of x given x_t is m + (keep s^2)(x_t - keep m) / (keep^2 s^2 + add^2)."""
    schedule, mean, deviation = NoiseSchedule(), 1.5, 0.4
    noise = torch.randn(20_000, 1, generator=torch.Generator().manual_seed(3))

    def best(noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        keep, add = schedule.retained[t].sqrt()[:, None], (1 - schedule.retained[t]).sqrt()[:, None]
        clean = mean + keep * deviation**2 * (noisy - keep * mean) / (keep**2 * deviation**2 + add**2)
        return (keep * noisy - clean) / add

    made = ddim(schedule, best, noise, 200)
    assert float(made.mean()) == pytest.approx(mean, abs=0.02)
    assert float(made.std()) == pytest.approx(deviation, rel=0.05)


def test_guidance_goes_from_one_answer_through_the_other_and_beyond():
    plain, asked = torch.tensor([1.0, 2.0]), torch.tensor([2.0, 0.0])
    assert guided(asked, plain, 0.0).tolist() == [1, 2]
    assert guided(asked, plain, 1.0).tolist() == [2, 0]
    assert guided(asked, plain, 3.5).tolist() == [4.5, -5.0]
