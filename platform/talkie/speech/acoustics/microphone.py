"""What a microphone and its recorder do: band, own noise, automatic gain, clipping and bits, none of it late."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import firwin, oaconvolve

from talkie.clip import SAMPLE_RATE
from talkie.errors import BadConfig
from talkie.speech.acoustics.levels import checked, power, speech_active

_TAPS = 511
"""Of the band's filter: its transition is 100 Hz wide."""
_AGC_HOP = SAMPLE_RATE // 100
_AGC_ATTACK_S, _AGC_RELEASE_S = 0.02, 0.6
_AGC_MOST_DB = 30.0


@dataclass(frozen=True)
class Microphone:
    """low_hz, high_hz: the band. noise_db: power of its own noise re full scale, None for none. agc_db: RMS of speech
    re full scale that automatic gain aims at, None for none. drive_db: gain into a soft clipper, 0 for none. clip: the
    sample value at which it breaks off, 1 for full scale. bits: 4 to 24, with triangular dither. distance_m: from the
    lips; level falls as 1 / distance from 0.5 m on."""

    low_hz: float = 60.0
    high_hz: float = 7600.0
    noise_db: float | None = -70.0
    agc_db: float | None = None
    drive_db: float = 0.0
    clip: float = 1.0
    bits: int = 16
    distance_m: float = 0.5

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise BadConfig(f"microphone {name} is {value}", cure=f"use {low:g} to {high:g}")
        if self.high_hz < self.low_hz + 200:
            raise BadConfig(f"no band from {self.low_hz:g} to {self.high_hz:g} Hz", cure="make it 200 Hz wide")


_LIMITS: dict[str, tuple[float, float]] = {
    "low_hz": (0, 4000), "high_hz": (500, 8000), "noise_db": (-120, -10), "agc_db": (-50, -6), "drive_db": (0, 40),
    "clip": (0.01, 1), "bits": (4, 24), "distance_m": (0.02, 20),
}  # fmt: skip


MICROPHONES: dict[str, Microphone] = {
    "studio": Microphone(40, 7900, -84, bits=24, distance_m=0.45),
    "headset": Microphone(100, 7200, -60, agc_db=-23, distance_m=0.06),
    "lavalier": Microphone(80, 7600, -66, agc_db=-23, distance_m=0.25),
    "phone": Microphone(150, 6800, -62, agc_db=-22, drive_db=4, distance_m=0.4),
    "laptop": Microphone(120, 7200, -58, agc_db=-24, distance_m=0.7),
    "camera": Microphone(90, 7500, -62, agc_db=-24, distance_m=1.5),
    "overdriven": Microphone(80, 7600, -60, drive_db=4, clip=0.8, distance_m=0.15),
}
"""Kinds of microphone with their recorders, at the distances at which they are used. The figures are ours: round values
of data sheets' order."""


@dataclass(frozen=True)
class MicrophoneTruth:
    """What the microphone was and did. snr_db: speech over its own noise, before gain, both over active samples; None
    without noise or without sound. gain_db: (T,) automatic gain at 100 Hz, empty without. bent_share, clipped_share: of
    all samples, those that the soft clipper changed by 1 dB or more and those that broke off. offset_s: delay, none."""

    microphone: Microphone
    level_db: float
    snr_db: float | None
    gain_db: tuple[float, ...]
    bent_share: float
    clipped_share: float
    offset_s: float = 0.0


def microphone(audio: np.ndarray, kind: Microphone, rng: np.random.Generator) -> tuple[np.ndarray, MicrophoneTruth]:
    """Sound (N,), 16 kHz, as the microphone records it: (N,) float32 in [-1, 1] and the truth.

    In order: distance, band, own noise, automatic gain, soft clipper, hard clipper, bits. Of silence it records its own
    noise, which no automatic gain lifts.
    """
    signal = checked(audio)
    active = speech_active(signal) if signal.any() else None
    level_db = -20 * np.log10(kind.distance_m / 0.5)
    heard = band_limited(signal * 10 ** (level_db / 20), kind.low_hz, kind.high_hz)
    snr_db = None
    if kind.noise_db is not None:
        own = rng.normal(0, 10 ** (kind.noise_db / 20), len(heard))
        snr_db = float(10 * np.log10(power(heard, active) / power(own, active))) if active is not None else None
        heard = heard + own
    gains = np.zeros(0)
    if kind.agc_db is not None and active is not None:
        heard, gains = _automatic_gain(heard, kind.agc_db)
    heard, bent = soft_clip(heard, kind.drive_db)
    clipped = np.abs(heard) > kind.clip
    recorded = quantise(np.clip(heard, -kind.clip, kind.clip), kind.bits, rng)
    truth = MicrophoneTruth(
        kind, float(level_db), snr_db, tuple(float(g) for g in gains), float(bent.mean()), float(clipped.mean())
    )
    return recorded.astype(np.float32), truth


def band_limited(signal: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """The signal between two frequencies: a symmetric FIR filter with its delay taken out, so nothing moves."""
    if low_hz <= 0 and high_hz >= SAMPLE_RATE / 2:
        return signal
    if low_hz <= 0:
        taps = firwin(_TAPS, high_hz, fs=SAMPLE_RATE)
    elif high_hz >= SAMPLE_RATE / 2:
        taps = firwin(_TAPS, low_hz, fs=SAMPLE_RATE, pass_zero=False)
    else:
        taps = firwin(_TAPS, (low_hz, high_hz), fs=SAMPLE_RATE, pass_zero=False)
    half = _TAPS // 2
    return np.asarray(oaconvolve(signal, taps)[half : half + len(signal)])


def soft_clip(signal: np.ndarray, drive_db: float) -> tuple[np.ndarray, np.ndarray]:
    """tanh(g x) / tanh(g) with g of `drive_db` over one: full scale stays full scale. Also which samples (N,) bool it
    changed by a decibel or more against g / tanh(g) times x, its straight part. 0 dB leaves the signal alone."""
    if drive_db <= 0:
        return signal, np.zeros(len(signal), bool)
    g = 10 ** (drive_db / 20)
    bent = np.tanh(g * np.abs(signal)) < 10 ** (-1 / 20) * g * np.abs(signal)
    return np.tanh(g * signal) / np.tanh(g), bent


def quantise(signal: np.ndarray, bits: int, rng: np.random.Generator) -> np.ndarray:
    """The signal in steps of 2^(1 - bits) with triangular dither of two steps (Lipshitz et al., JAES 40, 1992), whose
    error has power step^2 / 4 and does not depend on the signal."""
    step = 2.0 ** (1 - bits)
    dither = rng.random(len(signal)) - rng.random(len(signal))
    return np.clip(np.round(signal / step + dither) * step, -1.0, 1.0 - step)


def _automatic_gain(signal: np.ndarray, target_db: float) -> tuple[np.ndarray, np.ndarray]:
    """The signal brought towards a level, and the gain (T,) in dB at 100 Hz: fast down, slowly up, by at most 30 dB,
    held where it is quieter than 50 dB below the loudest."""
    frames = -(-len(signal) // _AGC_HOP)
    padded = np.pad(signal, (0, frames * _AGC_HOP - len(signal))).reshape(frames, _AGC_HOP)
    level = 10 * np.log10(np.maximum((padded**2).mean(axis=1), 1e-12))
    gate = level.max() - 50
    gains = np.zeros(frames)
    gain = min(target_db - float(np.median(level[level > gate])), _AGC_MOST_DB)
    down, up = (1 - np.exp(-0.01 / s) for s in (_AGC_ATTACK_S, _AGC_RELEASE_S))
    for t in range(frames):
        if level[t] > gate:
            wanted = float(np.clip(target_db - level[t], -_AGC_MOST_DB, _AGC_MOST_DB))
            gain += (down if wanted < gain else up) * (wanted - gain)
        gains[t] = gain
    centres = (np.arange(frames) + 0.5) * _AGC_HOP
    curve = np.interp(np.arange(len(signal)), centres, gains)
    return signal * 10 ** (curve / 20), gains
