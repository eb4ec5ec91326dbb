"""How well a voice was recorded: speech over noise, samples that broke off, loudness. Where speech is, `activity` says.

All measures are of the samples alone; none needs a clean reference."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter1d

from talkie.clip import SAMPLE_RATE
from talkie.errors import BadInput
from talkie.speech.activity import FPS, HOP
from talkie.speech.prosody import LOUDNESS_FLOOR, k_weighted

SNR_LIMITS = (-10.0, 60.0)
"""dB between which a ratio is told; beyond them it only says "bad" or "good"."""
AWAY_S = 0.1
"""How far from speech a pause has to be for its noise to count: nearer is the speech's own decay."""
LEAST_PAUSE_S = 0.2
"""Pause that is needed to know the noise; with less, the quietest tenth of the frames stands for it."""
NEAR_PEAK = 0.98
RUN = 3
"""Samples in a row within 2 % of the peak of their sign that are a break-off: a band-limited voice turns round faster,
a saturated one stays. Share and run after the usual practice of restoration (Godsill & Rayner, 1998, chapter 5)."""
FOOT, FLAT = 0.8, 0.5
"""A top is flat where it is more than this share of the stretch over FOOT of the peak."""


def snr_db(audio: np.ndarray, active: np.ndarray) -> float | None:
    """Speech over noise in dB, both as they are while somebody speaks, within SNR_LIMITS; None without speech.

    audio (N,) at 16 kHz; active (ceil(N / HOP),) bool from `speech_activity`. The noise is taken from the pauses and
    subtracted from what sounds during speech."""
    power = frame_power(audio)
    if len(active) != len(power):
        raise BadInput(f"{len(active)} frames of activity for {len(power)} of sound", cure="take them from one sound")
    if not active.any():
        return None
    near = maximum_filter1d(active.astype(np.uint8), 2 * round(AWAY_S * FPS) + 1).astype(bool)
    heard = float(power[active].mean())
    pause = power[~near]
    if len(pause) >= LEAST_PAUSE_S * FPS:
        # The mean of what is left without the loudest tenth: a cough or a passing car is no constant noise.
        noise = float(np.sort(pause)[: max(1, round(0.9 * len(pause)))].mean())
    else:
        noise = float(np.sort(power)[: max(1, len(power) // 10)].mean())
    ratio = 10 * np.log10(max(heard - noise, 1e-12) / max(noise, 1e-12))
    return float(np.clip(ratio, *SNR_LIMITS))


def frame_power(audio: np.ndarray) -> np.ndarray:
    """Mean square of every 10 ms: (N,) -> (ceil(N / HOP),)."""
    signal = np.asarray(audio, np.float64)
    padded = np.pad(signal, (0, -len(signal) % HOP))
    return np.asarray((padded.reshape(-1, HOP) ** 2).mean(axis=1))


def clipped_share(audio: np.ndarray) -> float:
    """Share of the samples that lie on a plateau: RUN or more in a row within 2 % of the highest (or lowest) of all,
    and longer than FLAT of what that wave spends within 20 %, while a round top, a parabola, spends sqrt(2 / 20)."""
    signal = np.asarray(audio, np.float64)
    broken = 0
    for side in (signal, -signal):
        peak = float(side.max(initial=0.0))
        if peak <= 1e-4:
            continue
        begins, ends = _stretches(side >= NEAR_PEAK * peak)
        foot_begins, foot_ends = _stretches(side >= FOOT * peak)
        foot = np.searchsorted(foot_begins, begins, side="right") - 1
        lengths = ends - begins
        flat = lengths > FLAT * (foot_ends - foot_begins)[foot]
        broken += int(lengths[flat & (lengths >= RUN)].sum())
    return broken / max(len(signal), 1)


def _stretches(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the stretches of (N,) bool that are true begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return edges[::2], edges[1::2]


def integrated_loudness(audio: np.ndarray, rate: int = SAMPLE_RATE) -> float:
    """Integrated loudness in LUFS of one channel: ITU-R BS.1770-5 with its blocks of 0.4 s that overlap by 75 %, the
    absolute gate at -70 LUFS and the relative one 10 LU below. LOUDNESS_FLOOR where nothing passes the gates."""
    power = k_weighted(np.asarray(audio, np.float64), rate) ** 2
    block, hop = round(0.4 * rate), round(0.1 * rate)
    if len(power) < block:
        power = np.pad(power, (0, block - len(power)))
    total = np.concatenate([[0.0], np.cumsum(power)])
    starts = np.arange(0, len(power) - block + 1, hop)
    mean = np.maximum((total[starts + block] - total[starts]) / block, 1e-15)
    loudness = -0.691 + 10 * np.log10(mean)
    kept = mean[loudness > LOUDNESS_FLOOR]
    if not len(kept):
        return LOUDNESS_FLOOR
    gate = -0.691 + 10 * np.log10(kept.mean()) - 10
    kept = kept[-0.691 + 10 * np.log10(kept) > gate]
    return float(max(-0.691 + 10 * np.log10(kept.mean()), LOUDNESS_FLOOR))
