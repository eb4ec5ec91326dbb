"""What a network hears: log-mel spectra at 50 Hz and loudness per video frame. Phones are not made here."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from talkie.clip import FPS, SAMPLE_RATE

MEL_RATE = 50
"""Mel frames per second at the default hop: two for each video frame."""
LOG_FLOOR = 1e-10
"""Power below which everything is silence: -100 dB of a full-scale sine's bin."""


def log_mel(
    audio: np.ndarray | Tensor, rate: int = SAMPLE_RATE, n_mels: int = 80, hop_s: float = 0.02, win_s: float = 0.025
) -> Tensor:
    """Natural logarithm of mel power: (N,) samples -> (T, n_mels) float32, T = ceil(N / hop).

    Frame t is centred on (t + 1/2) * hop_s, the middle of its hop, so that frames 2k and 2k + 1 cover video frame k.
    Hann window, power spectrum, Slaney's mel scale and area-normalised triangles from 0 Hz to rate / 2 (Auditory
    Toolbox, 1998; librosa's default). Beyond the ends the signal is zero. Differentiable in `audio`.
    """
    signal = torch.as_tensor(audio, dtype=torch.float32)
    hop, window_size = round(hop_s * rate), round(win_s * rate)
    n_fft = 1 << (window_size - 1).bit_length()
    frames = -(-len(signal) // hop)
    if frames == 0:
        return signal.new_zeros((0, n_mels))
    lead = (window_size - hop) // 2
    signal = torch.nn.functional.pad(signal, (lead, frames * hop + window_size - hop - lead - len(signal)))
    windows = signal.unfold(0, window_size, hop) * torch.hann_window(window_size)
    power = torch.fft.rfft(windows, n=n_fft).abs().square()
    return torch.log(power @ mel_filters(n_mels, n_fft, rate).T + LOG_FLOOR)


def mel_for_frames(audio: np.ndarray | Tensor, frames: int, fps: float = FPS, rate: int = SAMPLE_RATE) -> Tensor:
    """Log-mel of a clip of `frames` video frames: (2 * frames, 80) at 25 fps, the sound cut or padded with silence."""
    signal = torch.as_tensor(audio, dtype=torch.float32)
    wanted = round(frames * rate / fps)
    signal = torch.nn.functional.pad(signal[:wanted], (0, max(0, wanted - len(signal))))
    return log_mel(signal, rate)


def energy(audio: np.ndarray | Tensor, fps: float = FPS, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Root mean square of the samples under each video frame: (N,) -> (ceil(N * fps / rate),) float32.

    The last frame is averaged over the samples it has."""
    signal = np.asarray(audio, np.float64)
    frames = int(np.ceil(len(signal) * fps / rate))
    borders = np.minimum(np.round(np.arange(frames + 1) * rate / fps).astype(int), len(signal))
    total = np.concatenate([[0.0], np.cumsum(signal**2)])
    mean = np.diff(total[borders]) / np.maximum(np.diff(borders), 1)
    return np.sqrt(np.maximum(mean, 0.0)).astype(np.float32)


@cache
def mel_filters(n_mels: int, n_fft: int, rate: int) -> Tensor:
    """(n_mels, n_fft / 2 + 1) weights: triangles of unit area over Hz, evenly spaced on Slaney's mel scale."""
    top = _hz_to_mel(np.array(rate / 2))
    edges = _mel_to_hz(np.linspace(0.0, float(top), n_mels + 2))
    bins = np.linspace(0.0, rate / 2, n_fft // 2 + 1)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre))
    weights = np.maximum(0.0, triangles) * 2.0 / (right - left)
    return torch.from_numpy(weights.astype(np.float32))


_LINEAR_HZ_PER_MEL = 200.0 / 3
_KNEE_HZ = 1000.0
_KNEE_MEL = _KNEE_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0
"""Slaney's scale: linear to 1 kHz, then 27 steps for every factor of 6.4."""


def _hz_to_mel(hz: np.ndarray) -> np.ndarray:
    above = _KNEE_MEL + np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.where(hz < _KNEE_HZ, hz / _LINEAR_HZ_PER_MEL, above)


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    above = _KNEE_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _KNEE_MEL) - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _LINEAR_HZ_PER_MEL, above)
