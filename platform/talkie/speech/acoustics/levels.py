"""Levels of sound: where somebody speaks, how strong that is, and bringing a sum back into full scale."""

from __future__ import annotations

import numpy as np

from talkie.clip import SAMPLE_RATE, Transcription
from talkie.errors import BadInput
from talkie.speech.phones import SILENCE

ACTIVE_DB = -35.0
"""A 20 ms frame is speech where it is no further below the loudest one."""
_FRAME = SAMPLE_RATE // 50
CEILING = 0.999


def checked(audio: np.ndarray) -> np.ndarray:
    """The samples as (N,) float64. Raises BadInput unless they are one channel of finite numbers, at least one."""
    signal = np.asarray(audio, np.float64)
    if signal.ndim != 1 or len(signal) == 0 or not np.isfinite(signal).all():
        raise BadInput(f"samples of shape {signal.shape} are not one finite channel", cure="give (N,) finite samples")
    return signal


def speech_active(audio: np.ndarray, transcription: Transcription | None = None) -> np.ndarray:
    """(N,) bool, 16 kHz: where a phone is that is not SIL; without a transcription, where a frame of 20 ms is no
    more than 35 dB below the loudest. Raises BadInput where nothing is."""
    signal = checked(audio)
    active = np.zeros(len(signal), bool)
    if transcription is not None:
        for phone in transcription.phones:
            if phone.label != SILENCE:
                active[round(phone.start_s * SAMPLE_RATE) : round(phone.end_s * SAMPLE_RATE)] = True
    else:
        frames = np.pad(signal, (0, -len(signal) % _FRAME)).reshape(-1, _FRAME)
        power = (frames**2).mean(axis=1)
        active = np.repeat(power > power.max() * 10 ** (ACTIVE_DB / 10), _FRAME)[: len(signal)]
    if not active.any() or not signal[active].any():
        raise BadInput("no speech in the sound", cure="give a voice whose level can be measured")
    return active


def power(signal: np.ndarray, active: np.ndarray | None = None) -> float:
    """Mean square, over the active samples where they are given."""
    return float(np.mean(np.square(signal if active is None else signal[active], dtype=np.float64)))


def to_full_scale(signal: np.ndarray) -> tuple[np.ndarray, float]:
    """The samples as float32 in [-1, 1], and the gain in dB (at most 0) that brought them there without clipping."""
    peak = float(np.abs(signal).max(initial=0.0))
    gain = min(1.0, CEILING / peak) if peak > 0 else 1.0
    return (signal * gain).astype(np.float32), float(20 * np.log10(gain))
