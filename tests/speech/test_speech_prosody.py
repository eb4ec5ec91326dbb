"""The measured melody is the one that was sung, and loudness is that of the standard."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from talkie.errors import BadInput
from talkie.speech.phones import VOWELS
from talkie.speech.prosody import LOUDNESS_FLOOR, k_weighted, loudness_contour, pitch_contour
from talkie.speech.synthesis import Voice, speak

RATE = 16000
TEXT = "I will see you all in the morning, when the long rainy night is over and we go home."

SPECTRA = {
    "sine": [1.0],
    "saw": [1 / k for k in range(1, 13)],
    "clarinet": [1, 0.02, 0.6, 0.02, 0.4, 0.02, 0.2],
    "strong second": [0.3, 1.0, 0.3, 0.7, 0.2, 0.4],
    "no fundamental": [0, 0, 1.0, 1.0, 1.0, 1.0],
}


def tone(f0: np.ndarray, amplitudes: list[float], rng: np.random.Generator) -> np.ndarray:
    """A harmonic tone of the given f0 per sample, harmonics above half the rate left out."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    out = np.zeros(len(f0))
    for k, a in enumerate(amplitudes, 1):
        out += np.where(k * f0 < 0.45 * RATE, a * np.sin(k * phase + rng.uniform(0, 2 * np.pi)), 0)
    return 0.3 * out / np.abs(out).max()


@pytest.mark.parametrize("fps", [25, 100])
def test_a_sine_sweep_is_followed_to_five_cents(fps):
    time = np.arange(4 * RATE) / RATE
    found, confidence = pitch_contour(tone(80 * 2 ** (time * 0.6), [1.0], np.random.default_rng(0)), RATE, fps)
    assert len(found) == len(confidence) == 4 * fps
    expected = 80 * 2 ** ((np.arange(len(found)) + 0.5) / fps * 0.6)
    whole = slice(1 + fps // 30, -1 - fps // 30)  # frames whose window lies inside the sound
    assert np.abs(1200 * np.log2(found / expected))[whole].max() < 5
    assert confidence[whole].min() > 0.9


def test_octave_errors_on_harmonic_tones_are_below_two_per_cent():
    rng = np.random.default_rng(1)
    wrong = total = 0
    for amplitudes in SPECTRA.values():
        for f0 in (75, 97, 130, 181, 240, 333, 440):
            drift = f0 * 2 ** (0.1 * np.sin(np.arange(RATE) / RATE * 9))
            found, _ = pitch_contour(tone(drift, amplitudes, rng) + rng.normal(0, 0.003, RATE), RATE, 100)
            expected = np.interp((np.arange(100) + 0.5) / 100, np.arange(RATE) / RATE, drift)
            wrong += int(np.sum(~(np.abs(np.log2(found / expected)) < 0.4)))
            total += 100
    assert wrong / total < 0.02


def test_noise_and_silence_have_no_pitch():
    rng = np.random.default_rng(2)
    for quiet in (np.zeros(RATE), rng.normal(0, 0.1, RATE)):
        found, confidence = pitch_contour(quiet)
        assert np.isnan(found).mean() > 0.95
        assert confidence.mean() < 0.5


def test_the_pitch_setting_of_a_voice_orders_its_measured_pitch():
    for variant in ("m3", "f1"):
        settings = (5, 20, 35, 50, 65, 80, 95)
        means = [np.nanmedian(pitch_contour(speak(TEXT, Voice(variant, pitch=p)).audio, fps=25)[0]) for p in settings]
        assert spearmanr(settings, means).statistic == 1


def test_voiced_phones_have_pitch_and_voiceless_ones_have_none():
    utterance = speak(TEXT, Voice())
    found, _ = pitch_contour(utterance.audio, fps=100)
    phones = utterance.transcription.phones
    middle = [np.isfinite(found[int((p.start_s + p.end_s) / 2 * 100)]) for p in phones]
    voiced = [m for m, p in zip(middle, phones, strict=True) if p.label in VOWELS | {"M", "N", "L", "NG"}]
    assert np.mean(voiced) > 0.9
    assert not any(m for m, p in zip(middle, phones, strict=True) if p.label in ("SIL", "S", "HH"))


def test_a_full_scale_sine_of_997_hz_has_minus_3_lufs():
    """BS.1770's calibration; at 16 kHz the warped shelf is 0.04 dB off."""
    for rate, tolerance in ((48000, 0.01), (16000, 0.05)):
        sine = np.sin(2 * np.pi * 997 * np.arange(2 * rate) / rate)
        assert loudness_contour(sine, rate, 25)[25] == pytest.approx(-3.01, abs=tolerance)


def test_k_weighting_has_the_standards_coefficients_at_48_khz():
    """ITU-R BS.1770-5, tables 1 and 2: the impulse response begins with the product of its gains."""
    from talkie.speech.prosody import _high_pass, _shelf

    shelf, high = _shelf(48000), _high_pass(48000)
    assert np.allclose(shelf[0], [1.53512485958697, -2.69169618940638, 1.19839281085285], atol=1e-6)
    assert np.allclose(shelf[1], [1, -1.69065929318241, 0.73248077421585], atol=1e-6)
    assert np.allclose(high[1], [1, -1.99004745483398, 0.99007225036621], atol=1e-6)
    assert k_weighted(np.eye(1, 8)[0], 48000)[0] == pytest.approx(1.53512485958697, abs=1e-6)


def test_twice_the_amplitude_is_six_decibels_and_silence_is_the_floor():
    noise = np.random.default_rng(3).normal(0, 0.05, 2 * RATE)
    gain = loudness_contour(2 * noise) - loudness_contour(noise)
    assert np.allclose(gain, 6.0206, atol=1e-3)
    assert np.all(loudness_contour(np.zeros(RATE)) == LOUDNESS_FLOOR)


def test_contours_have_one_value_per_frame_of_the_clip():
    for count in (0, 1, 639, 640, 641, 16000):
        frames = -(-count // 640)
        audio = np.zeros(count)
        assert len(pitch_contour(audio, RATE, 25)[0]) == len(loudness_contour(audio, RATE, 25)) == frames


def test_samples_that_are_no_single_finite_channel_are_refused():
    for audio in (np.zeros((2, 100)), np.array([0.0, np.nan])):
        with pytest.raises(BadInput):
            pitch_contour(audio)
        with pytest.raises(BadInput):
            loudness_contour(audio)
    with pytest.raises(BadInput, match="pitch"):
        pitch_contour(np.zeros(100), low_hz=500, high_hz=100)
