"""The melody and the loudness of a voice, measured from its samples; what they mean is read elsewhere."""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.signal import lfilter

from talkie.clip import SAMPLE_RATE
from talkie.errors import BadInput

F0_MIN_HZ, F0_MAX_HZ = 60.0, 500.0
WINDOW_S = 0.032
"""YIN's integration window: two periods at F0_MIN_HZ."""
CANDIDATES = 6
OCTAVE_COST, JUMP_COST = 0.02, 0.35
"""Depth of dip that an octave of longer period, and an octave's jump in 10 ms, must earn (Boersma 1993)."""
VOICED = 0.35
"""Aperiodicity above which a frame is unvoiced."""
SILENT_DB = -55.0
"""A frame below this level, re the loudest frame, is unvoiced."""

MOMENTARY_S = 0.4
"""Window of momentary loudness (EBU Tech 3341)."""
LOUDNESS_FLOOR = -70.0
"""LUFS given to silence: BS.1770's absolute gate."""


def pitch_contour(
    audio: np.ndarray,
    rate: int = SAMPLE_RATE,
    fps: float = 100.0,
    *,
    low_hz: float = F0_MIN_HZ,
    high_hz: float = F0_MAX_HZ,
) -> tuple[np.ndarray, np.ndarray]:
    """Fundamental frequency and how periodic the voice is: (N,) -> f0 (T,) Hz, nan where unvoiced, confidence (T,).

    T = ceil(N * fps / rate); frame t is centred on (t + 1/2) / fps, as video frames are. YIN (de Cheveigne & Kawahara,
    JASA 111, 2002): the dips of the cumulative mean normalised difference with parabolic interpolation. In place of its
    absolute threshold, a path through the dips weighs depth, octave and jumps (Boersma, Proc. IFA 17, 1993).
    Confidence is 1 less the aperiodicity, 0 where silent.
    Raises BadInput for samples that are not one finite channel, or limits of pitch that the rate cannot hold.
    """
    signal = _checked(audio)
    if not 20 <= low_hz < high_hz <= rate / 4 or fps <= 0:
        raise BadInput(f"no pitch can be looked for from {low_hz:g} to {high_hz:g} Hz at {rate} samples per second")
    frames = int(np.ceil(len(signal) * fps / rate))
    if frames == 0:
        return np.zeros(0), np.zeros(0)
    window, lags = round(WINDOW_S * rate), int(rate / low_hz) + 3
    spare = window + lags
    centres = np.round((np.arange(frames) + 0.5) * rate / fps).astype(np.int64) + spare
    padded = np.pad(signal, (spare, spare + int(rate / fps) + 1))
    normal = _differences(padded, centres, window, lags)
    shortest = int(rate / high_hz)
    periods, depths = _dips(normal, shortest)
    chosen = _path(periods, depths, shortest, fps)[:, None]
    period, depth = (np.take_along_axis(v, chosen, axis=1)[:, 0] for v in (periods, depths))
    energy = np.concatenate([[0.0], np.cumsum(padded**2)])
    power = (energy[centres + window // 2] - energy[centres - window // 2]) / window
    loud = 10 * np.log10(np.maximum(power, 1e-12) / max(power.max(), 1e-12)) > SILENT_DB
    loud &= power > 1e-9
    confidence = np.where(loud, np.clip(1 - depth, 0, 1), 0.0)
    return np.where(loud & (depth < VOICED), rate / period, np.nan), confidence


def loudness_contour(audio: np.ndarray, rate: int = SAMPLE_RATE, fps: float = 100.0) -> np.ndarray:
    """Momentary loudness (T,) in LUFS, T = ceil(N * fps / rate), frame t centred on (t + 1/2) / fps.

    K-weighting and mean square over 0.4 s of ITU-R BS.1770-5 for one channel: a full-scale 997 Hz sine has -3.01 LUFS.
    Beyond its ends the signal is zero; never below LOUDNESS_FLOOR. Raises BadInput as `pitch_contour` does.
    """
    signal = _checked(audio)
    frames = int(np.ceil(len(signal) * fps / rate))
    power = np.concatenate([[0.0], np.cumsum(k_weighted(signal, rate) ** 2)])
    centres = (np.arange(frames) + 0.5) * rate / fps
    half = MOMENTARY_S * rate / 2
    first, last = (np.clip(np.round(centres + side), 0, len(signal)).astype(int) for side in (-half, half))
    mean = np.maximum(power[last] - power[first], 0.0) / (2 * half)
    return np.maximum(-0.691 + 10 * np.log10(np.maximum(mean, 1e-12)), LOUDNESS_FLOOR)


def k_weighted(signal: np.ndarray, rate: int) -> np.ndarray:
    """BS.1770's two filters at any rate: the head's high shelf (+4 dB over 1.7 kHz), then the RLB high pass at 38 Hz.

    The standard gives coefficients for 48 kHz only; the analogue prototypes behind them (Brecht De Man, 2018) are
    warped to `rate` here. At 48 kHz they are the standard's to 1e-6."""
    for b, a in (_shelf(rate), _high_pass(rate)):
        signal = lfilter(b, a, signal)
    return signal


def _shelf(rate: int) -> tuple[list[float], list[float]]:
    frequency, gain_db, q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    k = np.tan(np.pi * frequency / rate)
    high = 10 ** (gain_db / 20)
    band = high**0.4996667741545416
    scale = 1 + k / q + k * k
    b = [(high + band * k / q + k * k) / scale, 2 * (k * k - high) / scale, (high - band * k / q + k * k) / scale]
    return b, [1.0, 2 * (k * k - 1) / scale, (1 - k / q + k * k) / scale]


def _high_pass(rate: int) -> tuple[list[float], list[float]]:
    frequency, q = 38.13547087602444, 0.5003270373238773
    k = np.tan(np.pi * frequency / rate)
    scale = 1 + k / q + k * k
    return [1.0, -2.0, 1.0], [1.0, 2 * (k * k - 1) / scale, (1 - k / q + k * k) / scale]


def _checked(audio: np.ndarray) -> np.ndarray:
    signal = np.asarray(audio, np.float64)
    if signal.ndim != 1 or not np.isfinite(signal).all():
        raise BadInput(f"samples of shape {signal.shape} are not one finite channel", cure="give (N,) finite samples")
    return signal


@njit(cache=True, fastmath={"contract", "reassoc"})
def _differences(signal: np.ndarray, centres: np.ndarray, window: int, lags: int) -> np.ndarray:
    """Cumulative mean normalised difference (T, lags): equation 8 of YIN.

    For every lag the two windows lie symmetrically about the frame's centre, so that a gliding pitch is read neither
    early nor late. `signal` has (window + lags) / 2 samples to spare around every centre."""
    normal = np.ones((len(centres), lags))
    for t in range(len(centres)):
        total = 0.0
        for lag in range(1, lags):
            first = centres[t] - (window + lag) // 2
            near, far = signal[first : first + window], signal[first + lag : first + lag + window]
            power = 0.0
            for n in range(window):
                step = near[n] - far[n]
                power += step * step
            total += power
            normal[t, lag] = power * lag / total if total > 0.0 else 1.0
    return normal


def _dips(normal: np.ndarray, shortest: int) -> tuple[np.ndarray, np.ndarray]:
    """The lags (T, CANDIDATES), refined by a parabola, and depths of the best dips of every frame; deeper ones and
    shorter ones first. Where a frame has fewer, its best is repeated."""
    inner = normal[:, 1:-1]
    dip = (inner <= normal[:, :-2]) & (inner < normal[:, 2:])
    dip[:, : max(0, shortest - 1)] = False
    lag = np.arange(1, normal.shape[1] - 1)
    cost = np.where(dip, inner + OCTAVE_COST * np.log2(lag / shortest), np.inf)
    best = np.argsort(cost, axis=1, kind="stable")[:, :CANDIDATES]
    best = np.where(np.isfinite(np.take_along_axis(cost, best, axis=1)), best, best[:, :1])
    left, middle, right = (np.take_along_axis(normal, best + i, axis=1) for i in range(3))
    bend = left - 2 * middle + right
    offset = np.where(bend > 1e-12, (left - right) / (2 * np.maximum(bend, 1e-12)), 0.0)
    found = np.isfinite(np.take_along_axis(cost, best, axis=1))
    depth = np.where(found, middle - (left - right) * offset / 4, 1.0)
    return best + 1 + np.clip(offset, -1, 1), depth


def _path(lags: np.ndarray, depths: np.ndarray, shortest: int, fps: float) -> np.ndarray:
    """Which candidate (T,) to take: the path of least depth, octave cost and jumps (Viterbi)."""
    octaves = np.log2(lags / shortest)
    local = depths + OCTAVE_COST * octaves
    weight = JUMP_COST * min(1.0, fps / 100)  # frames farther apart may differ more
    total, back = local[0], np.zeros(lags.shape, int)
    for t in range(1, len(lags)):
        jump = total[None] + weight * np.abs(octaves[t][:, None] - octaves[t - 1][None])
        back[t] = jump.argmin(axis=1)
        total = jump.min(axis=1) + local[t]
    chosen = np.zeros(len(lags), int)
    chosen[-1] = int(total.argmin())
    for t in range(len(lags) - 1, 0, -1):
        chosen[t - 1] = back[t, chosen[t]]
    return chosen
