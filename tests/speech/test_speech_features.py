"""Log-mel spectra and loudness are in step with the video's frames."""

import numpy as np
import pytest
import torch
from scipy.signal import spectrogram

from talkie.speech.features import energy, log_mel, mel_filters, mel_for_frames

RATE = 16000


def tone(hz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.mark.parametrize("frames", [1, 7, 25, 133])
def test_two_mel_frames_for_each_video_frame(frames):
    assert log_mel(np.zeros(frames * 640, np.float32)).shape == (2 * frames, 80)
    assert mel_for_frames(np.zeros(frames * 640 + 500, np.float32), frames).shape == (2 * frames, 80)
    assert mel_for_frames(np.zeros(frames * 640 - 500, np.float32), frames).shape == (2 * frames, 80)


def test_a_begun_hop_counts_and_no_sound_has_no_frames():
    assert len(log_mel(np.zeros(321, np.float32))) == 2
    assert log_mel(np.zeros(0, np.float32)).shape == (0, 80)


def test_a_click_is_seen_in_the_frame_that_holds_it():
    for at in (0, 5000, 15999):
        audio = np.zeros(RATE, np.float32)
        audio[at] = 1.0
        assert int(log_mel(audio).mean(1).argmax()) == at // 320


def test_power_is_that_of_an_independent_spectrogram():
    audio = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    padded = np.pad(audio, (40, 40))
    _, _, power = spectrogram(
        padded,
        window=torch.hann_window(400).numpy(),
        nperseg=400,
        noverlap=80,
        nfft=512,
        detrend=False,
        scaling="spectrum",
        mode="complex",
    )
    scale = torch.hann_window(400).numpy().sum()
    expected = np.log((np.abs(power).T * scale) ** 2 @ mel_filters(80, 512, RATE).numpy().T + 1e-10)
    assert np.abs(log_mel(audio).numpy() - expected).max() < 1e-3


def test_mel_bands_follow_slaneys_scale():
    """Auditory Toolbox: 66.67 Hz a mel below 1 kHz, a factor of 6.4 in 27 mel above."""
    filters = mel_filters(80, 4096, RATE).numpy()
    centres = filters.argmax(1) * RATE / 4096
    steps = np.diff(centres)
    low, high = centres[:-1] < 900, centres[:-1] > 1200
    assert np.ptp(steps[low]) < 8  # two FFT bins
    assert np.std(np.log(centres[1:][high] / centres[:-1][high])) < 0.005
    assert np.allclose(filters.sum(1) * RATE / 4096, 1.0, atol=0.08)


def test_a_tone_lights_its_own_band():
    centres = mel_filters(80, 512, RATE).numpy() @ np.linspace(0, 8000, 257) / mel_filters(80, 512, RATE).sum(1).numpy()
    for hz in (300, 1000, 4000):
        band = int(log_mel(tone(hz))[25].argmax())
        assert abs(centres[band] - hz) < 0.06 * hz + 20


def test_gradients_reach_the_samples():
    audio = torch.zeros(3200, requires_grad=True)
    log_mel(audio + 0.01 * torch.randn(3200, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert audio.grad is not None
    assert bool(torch.isfinite(audio.grad).all())


def test_energy_is_the_root_mean_square_under_each_frame():
    audio = np.concatenate([np.zeros(640), np.full(640, 0.3), tone(200, 0.04)])
    assert np.allclose(energy(audio), [0.0, 0.3, 0.5 / np.sqrt(2)], atol=1e-3)
    assert len(energy(np.ones(641))) == 2
    assert energy(np.ones(641))[1] == pytest.approx(1.0)
