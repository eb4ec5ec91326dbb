"""Scores of a recording: closed forms for levels and plateaus, known ratios of speech to noise."""

from __future__ import annotations

import numpy as np
import pytest

from talkie.errors import BadInput
from talkie.speech.acoustics import add_noise
from talkie.speech.activity import speech_activity
from talkie.speech.activity_fit import monologue
from talkie.speech.quality import SNR_LIMITS, clipped_share, frame_power, integrated_loudness, snr_db


@pytest.fixture(scope="module")
def said() -> tuple[np.ndarray, np.ndarray]:
    return monologue(np.random.default_rng(72))


def test_the_ratio_of_two_known_levels_is_exact():
    # Active frames of power 0.01 + 0.0001, pauses of 0.0001: 20 dB.
    rng = np.random.default_rng(0)
    active = np.repeat([False, True, False], 100)
    sound = 0.01 * rng.choice([-1.0, 1.0], 300 * 160)
    sound[16_000:32_000] = np.sqrt(0.01 + 0.0001) * rng.choice([-1.0, 1.0], 16_000)
    assert snr_db(sound, active) == pytest.approx(20, abs=1e-6)


@pytest.mark.parametrize("truth", [5.0, 15.0, 25.0])
@pytest.mark.parametrize("kind", ["white", "pink"])
def test_the_ratio_of_speech_and_steady_noise_is_found_within_three_decibels(said, truth, kind):
    audio, _ = said
    noisy, _ = add_noise(audio, kind, truth, np.random.default_rng(3))
    assert snr_db(noisy, speech_activity(noisy)) == pytest.approx(truth, abs=3)


def test_clean_speech_is_at_the_upper_limit_and_silence_has_no_ratio(said):
    audio, _ = said
    assert snr_db(audio, speech_activity(audio)) > 35
    assert snr_db(np.zeros(16_000), np.zeros(100, bool)) is None
    assert snr_db(np.ones(16_000), np.ones(100, bool)) >= SNR_LIMITS[0]


def test_activity_of_another_sound_is_refused():
    with pytest.raises(BadInput, match="99 frames"):
        snr_db(np.zeros(16_000), np.zeros(99, bool))


def test_a_clipped_sine_has_the_share_of_its_plateau():
    # sin > 0.5 for a third of a period above and a third below; samples from 0.49 on count: arccos(0.49) / (pi / 2).
    time = np.arange(16_000) / 16_000
    broken = np.clip(np.sin(2 * np.pi * 100 * time + 0.01), -0.5, 0.5)
    assert clipped_share(broken) == pytest.approx(np.arccos(0.49) / (np.pi / 2), abs=0.01)


@pytest.mark.parametrize("hz", [60, 200, 1000])
def test_round_tops_are_no_plateaus_however_slow_the_wave_is(hz):
    assert clipped_share(0.9 * np.sin(2 * np.pi * hz * np.arange(16_000) / 16_000)) == 0.0


def test_a_voice_that_was_not_clipped_has_hardly_a_plateau(said):
    audio, _ = said
    assert clipped_share(audio) < 1e-3
    driven = np.clip(audio / np.abs(audio).max(), -0.1, 0.1)
    assert clipped_share(driven) > 0.02
    assert clipped_share(np.zeros(100)) == 0.0


def test_a_full_scale_sine_has_minus_three_lufs():
    sine = np.sin(2 * np.pi * 997 * np.arange(5 * 48_000) / 48_000)
    assert integrated_loudness(sine, 48_000) == pytest.approx(-3.01, abs=0.02)


def test_pauses_do_not_lower_the_integrated_loudness():
    sine = 0.1 * np.sin(2 * np.pi * 997 * np.arange(10 * 16_000) / 16_000)
    paused = np.concatenate([sine, np.zeros(20 * 16_000)])
    assert integrated_loudness(paused) == pytest.approx(integrated_loudness(sine), abs=0.3)
    assert integrated_loudness(np.zeros(3200)) == -70.0


def test_frame_power_is_the_mean_square_of_ten_milliseconds():
    assert frame_power(np.concatenate([np.full(160, 0.5), np.full(80, 1.0)])) == pytest.approx([0.25, 0.5])
