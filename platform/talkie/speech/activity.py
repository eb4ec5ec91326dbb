"""Where somebody speaks, from the sound alone: energy over a tracked noise floor and periodicity, made a probability.

No recogniser and no model file; the few weights are fitted by `activity_fit`. What is said is `alignment`'s."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d, uniform_filter1d

from talkie.clip import SAMPLE_RATE
from talkie.errors import BadInput
from talkie.speech.features import log_mel

FPS = 100
HOP = SAMPLE_RATE // FPS
BANDS = 20
FLOOR_S = 1.5
"""Reach of the minimum that is the noise floor, to either side: longer than any sound of speech without a dip in its
band (Martin, "Noise power spectral density estimation based on optimal smoothing and minimum statistics", 2001)."""
QUIET = -16.0
"""Natural logarithm of band power below which everything is silence: -70 dB re full scale."""
_PITCH_HZ = (70.0, 400.0)
_WINDOW = 640
"""Samples over which periodicity is looked for: 40 ms, nearly three periods at 70 Hz."""
_SMOOTH_S = (0.03, 0.11, 0.31)
"""Widths at which every measure is averaged."""
MEASURES = ("over_floor", "loudest_bands", "periodicity", "below_peak")

WEIGHTS = np.array([
    [0.027, 0.829, -1.114],
    [0.121, 0.092, 0.486],
    [-0.009, 0.599, 4.844],
    [0.054, -0.51, 0.891],
])  # fmt: skip
BIAS = -2.869
"""Of the logistic regression over measures (rows) at their widths (columns), see `activity_fit`."""

THRESHOLD = 0.5
SHORTEST_S = 0.06
"""Speech shorter than this, and gaps within speech shorter than it, are none: a stop's closure is part of its word."""


def speech_probability(audio: np.ndarray) -> np.ndarray:
    """(N,) at 16 kHz -> (ceil(N / HOP),) probability of speech every 10 ms, frame t centred on (t + 1/2) / 100 s.

    Raises BadInput unless the samples are one finite channel."""
    measures = activity_measures(audio)
    logit = measures.reshape(len(measures), WEIGHTS.size) @ WEIGHTS.reshape(-1) + BIAS
    probability = 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
    # In silence nothing is above the floor nor below the peak: there is nothing to weigh.
    return np.where(measures[:, MEASURES.index("over_floor")].max(axis=1) > 0, probability, 0.0)


def speech_activity(audio: np.ndarray, threshold: float = THRESHOLD) -> np.ndarray:
    """(ceil(N / HOP),) bool: where somebody speaks, without gaps and bursts shorter than SHORTEST_S."""
    size = round(SHORTEST_S * FPS) | 1
    active = (speech_probability(audio) > threshold).astype(np.uint8)
    if not len(active):
        return active.astype(bool)
    closed = minimum_filter1d(maximum_filter1d(active, size), size)
    return np.asarray(maximum_filter1d(minimum_filter1d(closed, size), size), bool)


def activity_measures(audio: np.ndarray) -> np.ndarray:
    """(frames, len(MEASURES), len(_SMOOTH_S)): what the probability is made of.

    over_floor: mean over the bands of log power above the floor; loudest_bands: the same of the upper quarter;
    periodicity: highest normalised autocorrelation at a pitch's lag; below_peak: log power under the loudest frames."""
    signal = np.asarray(audio, np.float32)
    if signal.ndim != 1 or not np.isfinite(signal).all():
        raise BadInput(f"samples of shape {signal.shape} are not one finite channel", cure="give (N,) finite samples")
    if not len(signal):
        return np.zeros((0, len(MEASURES), len(_SMOOTH_S)))
    bands = np.maximum(log_mel(signal, SAMPLE_RATE, BANDS, 1 / FPS, 0.025).numpy().astype(np.float64), QUIET)
    even = uniform_filter1d(bands, 7, axis=0, mode="nearest")
    floor = minimum_filter1d(even, 2 * round(FLOOR_S * FPS) + 1, axis=0, mode="nearest")
    above = np.clip(bands - floor, 0, 6)
    total = np.logaddexp.reduce(bands, axis=1)
    loud = np.percentile(total, 95)
    upper = np.sort(above, axis=1)[:, -BANDS // 4 :].mean(axis=1)
    measures = np.stack([above.mean(axis=1), upper, _periodicity(signal), np.clip(total - loud, -8, 1)], axis=1)
    widths = [round(width * FPS) | 1 for width in _SMOOTH_S]
    return np.stack([uniform_filter1d(measures, width, axis=0, mode="nearest") for width in widths], axis=2)


def _periodicity(signal: np.ndarray) -> np.ndarray:
    """(frames,) in [0, 1]: the autocorrelation's highest peak at a lag of speech's pitch, over that at lag 0, both less
    the bias of the window (Boersma, 1993)."""
    frames = -(-len(signal) // HOP)
    lead = (_WINDOW - HOP) // 2
    padded = np.pad(signal, (lead, frames * HOP + _WINDOW - HOP - lead - len(signal)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP][:frames]
    taper = np.hanning(_WINDOW).astype(np.float32)
    centred = (windows - windows.mean(axis=1, keepdims=True)) * taper
    size = 2 * _WINDOW
    own = np.fft.irfft(np.abs(np.fft.rfft(centred, size)) ** 2, size)
    bias = np.fft.irfft(np.abs(np.fft.rfft(taper, size)) ** 2, size)
    low, high = (round(SAMPLE_RATE / hz) for hz in _PITCH_HZ[::-1])
    normal = own[:, low:high] / np.maximum(own[:, :1], 1e-9) / (bias[low:high] / bias[0])
    return np.asarray(np.clip(normal.max(axis=1), 0, 1))
