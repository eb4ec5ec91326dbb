"""What sound says that a mouth does: log-mel bands and visemes every 10 ms. The weights on them are a model's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkie.clip import SAMPLE_RATE, Phone
from talkie.speech.features import log_mel
from talkie.speech.phones import VISEMES

RATE = 100
"""Frames of evidence per second: four for each frame of the picture."""
STEP = SAMPLE_RATE // RATE

BANDS = 13
RANGE = 7.0
"""Natural logarithms of power (30 dB) below a band's loud frames that are told apart; deeper is noise."""
TAPS = np.arange(-6, 7) * 4
"""Frames around the instant from which a mouth is guessed: +-240 ms, the reach of coarticulation."""
EDGE = 5
"""Frames over which a border between two visemes is smeared."""


def spectrum(audio: np.ndarray) -> np.ndarray:
    """(N,) at 16 kHz -> (ceil(N / STEP), BANDS): log-mel bands, each with mean 0 and about its own spread 1, so that
    neither the level nor the colour of a microphone counts."""
    signal = np.asarray(audio, np.float32) / max(float(np.abs(audio).max(initial=0.0)), 1e-6)
    power = log_mel(signal, SAMPLE_RATE, BANDS, STEP / SAMPLE_RATE, 0.025).numpy().astype(np.float64)
    if not len(power):
        return power
    floored = np.maximum(power, np.percentile(power, 95, axis=0) - RANGE)
    centred = floored - floored.mean(axis=0)
    return np.asarray(centred / (centred.std(axis=0) + 0.3))


def visemes(phones: Sequence[Phone], frames: int) -> np.ndarray:
    """(frames, 15) share of each viseme class in every 10 ms, borders smeared; silence where no phone is."""
    shown = np.zeros((frames, len(VISEMES)))
    for phone in phones:
        shown[round(phone.start_s * RATE) : round(phone.end_s * RATE), VISEMES.index(phone.viseme)] = 1.0
    shown[shown.sum(axis=1) == 0, VISEMES.index("sil")] = 1.0
    shown /= shown.sum(axis=1, keepdims=True)
    kernel = np.full(EDGE, 1 / EDGE)
    padded = np.pad(shown, ((EDGE // 2, EDGE // 2), (0, 0)), mode="edge")
    columns = [np.convolve(padded[:, i], kernel, "valid") for i in range(len(VISEMES))]
    return np.stack(columns, axis=1) if frames else shown


def in_context(evidence: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(N, B) and frame numbers (K,) -> (K, len(TAPS) * B); beyond the ends the outermost frame is repeated."""
    index = np.clip(centres[:, None] + TAPS, 0, len(evidence) - 1)
    return evidence[index].reshape(len(centres), -1)
