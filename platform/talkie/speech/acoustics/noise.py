"""Sounds that are in the way of speech: white, pink, babble, hum, street. How loud they are is `mixing`'s business."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import butter, sosfilt

from talkie.clip import SAMPLE_RATE
from talkie.errors import BadConfig
from talkie.speech.synthesis import speak
from talkie.speech.voices import voice_from_seed

BABBLERS = 6
"""Voices at once from which on single words are lost (Simpson & Cooke, JASA 118, 2005)."""

_CHATTER = (
    "I told him that the train was late again, and he did not believe a word of it.",
    "We could have the fish, or perhaps the soup, if there is still any left.",
    "My sister moved to the coast last summer and she never wants to come back.",
    "Did you hear about the new office on the third floor?",
    "It rained for nine days, so the garden is full of mushrooms now.",
    "Nobody knows where the keys are, but somebody must have had them yesterday.",
)


def noise(kind: str, samples: int, rng: np.random.Generator) -> np.ndarray:
    """`samples` of a noise of NOISES, 16 kHz, float64 with mean square 1. Raises BadConfig for another kind."""
    if kind not in NOISES:
        raise BadConfig(f"no noise {kind!r}", cure=f"use one of {', '.join(NOISES)}")
    made = NOISES[kind](max(samples, 1), rng)[:samples]
    return made / np.sqrt(np.mean(made**2)) if samples else made


def _white(samples: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=samples)


def _pink(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Power 1 / f from 20 Hz on, by shaping the spectrum of white noise."""
    size = max(samples, 2)
    spectrum = np.fft.rfft(rng.normal(size=size))
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    shaped = np.where(frequency >= 20, spectrum / np.sqrt(np.maximum(frequency, 20)), 0)
    return np.fft.irfft(shaped, size)[:samples] + 1e-12


def _babble(samples: int, rng: np.random.Generator) -> np.ndarray:
    """BABBLERS of our own voices, each talking on from somewhere in its text, one to three metres away."""
    total = np.zeros(samples)
    for _ in range(BABBLERS):
        voice = voice_from_seed(int(rng.integers(2**31)))
        texts = rng.permutation(len(_CHATTER))
        parts: list[np.ndarray] = []
        while sum(map(len, parts)) < 2 * SAMPLE_RATE + samples:
            parts.append(speak(_CHATTER[texts[len(parts) % len(texts)]], voice, lead_s=0.1, tail_s=0.1).audio)
        start = int(rng.integers(2 * SAMPLE_RATE))
        total += np.concatenate(parts)[start : start + samples] / rng.uniform(1, 3)
    return total + 1e-6 * rng.normal(size=samples)


def _hum(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Mains at 50 or 60 Hz with ten harmonics, even ones the stronger (rectifiers), slightly drifting."""
    mains = (50.0, 60.0)[int(rng.integers(2))] * (1 + 0.001 * rng.normal())
    time = np.arange(samples) / SAMPLE_RATE
    amplitudes = [(1.0 if k % 2 == 0 or k == 1 else 0.4) / k * rng.uniform(0.5, 1) for k in range(1, 11)]
    phases = rng.uniform(0, 2 * np.pi, len(amplitudes))
    waves = (
        a * np.sin(2 * np.pi * mains * k * time + p) for k, (a, p) in enumerate(zip(amplitudes, phases, strict=True), 1)
    )
    return np.asarray(sum(waves), np.float64)


def _street(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Low rumble, and cars that pass: pink noise that opens up and swells over a few seconds each."""
    low = butter(2, 300, fs=SAMPLE_RATE, output="sos")
    band = butter(2, (80, 2500), "bandpass", fs=SAMPLE_RATE, output="sos")
    total = 2 * sosfilt(low, _pink(samples, rng))
    time = np.arange(samples) / SAMPLE_RATE
    for _ in range(1 + int(samples / SAMPLE_RATE / 3)):
        nearest, width = rng.uniform(0, max(time[-1], 1)), rng.uniform(0.5, 1.5)
        # Passing at constant speed: the pressure falls with distance, 1 / sqrt(1 + (t / width)^2).
        swell = 1 / np.sqrt(1 + ((time - nearest) / width) ** 2)
        total += rng.uniform(1, 3) * swell**2 * sosfilt(band, _pink(samples, rng))
    return np.asarray(total)


NOISES: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
    "white": _white, "pink": _pink, "babble": _babble, "hum": _hum, "street": _street,
}  # fmt: skip
