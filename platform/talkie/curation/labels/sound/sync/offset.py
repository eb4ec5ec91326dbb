"""How late the sound is against the mouth, and how sure that is: resemblance at every lag, made a probability.

What moves and what sound predicts are `mouth`'s and `evidence`'s business, the numbers are `model`'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from talkie.clip import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Transcription
from talkie.curation.labels.sound.sync.evidence import RATE, STEP, in_context, spectrum, visemes
from talkie.curation.labels.sound.sync.model import SyncModel

PER_FRAME = RATE // FPS
REACH = 15
"""Frames of offset looked for, early and late."""
LAGS = np.arange(-REACH * PER_FRAME, REACH * PER_FRAME + 1)
"""Lags in frames of evidence, 10 ms; positive: the sound is late."""
DRIFT_S = 1.0
"""Motion slower than this is expression and posture, not speech, and is taken out."""
USUAL, RARER = 10, 0.7
"""Frames of offset up to which all are as likely before anything is heard, and nats that each frame beyond takes away:
footage is seldom further apart, while a stranger's syllables fit some lag anywhere."""
LEAST_FRAMES = 20
"""Frames in common below which nothing is said about a lag."""
TRUSTED = 0.7
"""Mean confidence of a transcript's phones from which on they count as what is heard: on the stage 0.78 and more of
the right text, under 0.5 of half the wrong ones. A wrong text, a dubbed film's original, speaks for the mouth."""
WITHIN = PER_FRAME
"""A lag counts for the confidence where it lies within a frame of the estimate."""


@dataclass(frozen=True)
class Estimate:
    """offset_s: positive where the audio is late. confidence: the probability that it lies within one frame (40 ms) of
    the truth and sound and mouth belong together. strangers: the probability that they do not. posterior: (LAGS,)."""

    offset_s: float
    confidence: float
    strangers: float
    posterior: np.ndarray


def estimate(
    motion: np.ndarray,
    seen: np.ndarray,
    audio: np.ndarray,
    margin: int,
    transcription: Transcription | None,
    model: SyncModel,
) -> Estimate | None:
    """motion (T, len(MOTIONS)) and seen (T,) at 25 fps; audio (T * 640 + 2 * margin,) at 16 kHz, `margin` samples of
    it before the first frame; None where no lag has frames enough, or nothing sounds or moves.

    p(lag) is proportional to exp(sum of weight * log likelihood ratio) and falls beyond USUAL frames, that of strangers
    to exp(null): a conditional logit over LAGS and the null, fitted by `train`.
    """
    ratios = likelihoods(motion, seen, audio, margin, transcription, model)
    known = np.any([np.isfinite(table).all(axis=1) for table in ratios.values()] or [[False]], axis=0)
    if not known.any():
        return None
    total = np.sum([np.nan_to_num(table) @ model.weight[kind] for kind, table in ratios.items()], axis=0)
    score = np.where(known, total - RARER * np.maximum(0, np.abs(LAGS) / PER_FRAME - USUAL), -np.inf)
    null = model.null + np.log(len(LAGS))
    highest = max(float(score.max()), null)
    mass = np.exp(score - highest)
    alone = float(np.exp(null - highest))
    mass, alone = mass / (mass.sum() + alone), alone / (mass.sum() + alone)
    best = int(score.argmax())
    near = slice(max(0, best - WITHIN), best + WITHIN + 1)
    return Estimate(_refined(score, best) / RATE, float(mass[near].sum()), float(alone), mass)


def likelihoods(
    motion: np.ndarray,
    seen: np.ndarray,
    audio: np.ndarray,
    margin: int,
    transcription: Transcription | None,
    model: SyncModel,
) -> dict[str, np.ndarray]:
    """By kind of evidence (LAGS, MOTIONS): the log likelihood ratio in nats of the motion given the sound at that lag
    against the motion alone, for Gaussians -n/2 log(1 - r^2), with the sign of r; nan where too few frames overlap."""
    found = predictions(len(motion), audio, margin, transcription, model)
    moved = without_drift(motion, FPS)
    centres = np.floor((np.arange(len(motion)) + 0.5) * PER_FRAME).astype(int)
    return {
        kind: _compared(moved, seen, guess, valid, centres + before) for kind, (guess, valid, before) in found.items()
    }


def predictions(
    frames: int, audio: np.ndarray, margin: int, transcription: Transcription | None, model: SyncModel
) -> Mapping[str, tuple[np.ndarray, np.ndarray, int]]:
    """By kind of evidence: motion (N, MOTIONS) guessed every 10 ms, (N,) where it is known, and how many of the N lie
    before the clip. Silence to the sample at either end of the audio is not known: there the source had none."""
    found = {}
    sounding = np.flatnonzero(audio)
    if len(sounding):
        first, last = sounding[0] // STEP, sounding[-1] // STEP + 1
        evidence = spectrum(audio[first * STEP : last * STEP])
        before = margin // STEP - first
        found["spectrum"] = (_guess(evidence, "spectrum", model), np.ones(len(evidence), bool), int(before))
    if transcription is not None and _tells(transcription):
        evidence = visemes(transcription.phones, frames * PER_FRAME)
        found["visemes" if transcription.words else "loop"] = (
            _guess(evidence, "visemes", model),
            np.ones(len(evidence), bool),
            0,
        )
    return found


def _tells(transcription: Transcription) -> bool:
    """Whether its phones may be those that sound: a phone loop's always, a text's where it could be placed well."""
    sounding = [phone.confidence for phone in transcription.phones if phone.viseme != "sil"]
    return bool(sounding) and (not transcription.words or float(np.mean(sounding)) >= TRUSTED)


def source_span(start_s: float, frames: int, applied_s: float) -> tuple[float, float]:
    """From when to when, in seconds of the source, its sound is to be read for a clip of `frames` frames from
    `start_s` of the picture on, so that sound which is `applied_s` late fits. `Sync.applied_s` keeps the number:
    reading from applied_s earlier undoes it."""
    return start_s + applied_s, start_s + applied_s + frames / FPS


def source_samples(first_frame: int, frames: int, applied_s: float) -> tuple[int, int]:
    """The same as samples at 16 kHz from the source's first picture on; the first may be negative, and what lies
    outside of the source is silence. Moved by whole samples: nothing is resampled, so nothing is lost."""
    first = first_frame * SAMPLES_PER_FRAME + round(applied_s * SAMPLE_RATE)
    return first, first + frames * SAMPLES_PER_FRAME


def _guess(evidence: np.ndarray, kind: str, model: SyncModel) -> np.ndarray:
    guess = (in_context(evidence, np.arange(len(evidence))) - model.mean[kind]) @ model.map[kind]
    return without_drift(guess, RATE)


def without_drift(values: np.ndarray, rate: int) -> np.ndarray:
    size = round(DRIFT_S * rate) | 1
    return np.asarray(values - uniform_filter1d(values, size, axis=0, mode="reflect")) if len(values) else values


def _compared(moved: np.ndarray, seen: np.ndarray, guess: np.ndarray, valid: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(LAGS, MOTIONS) signed log likelihood ratios of `moved` against `guess` at the places `at` + lag."""
    places = at + LAGS[:, None]
    inside = (places >= 0) & (places < len(guess))
    places = np.where(inside, places, 0)
    used = (inside & seen & valid[places])[..., None]
    count = used.sum(axis=1)
    # All lags at once; the frames that a lag has not count as zeros.
    a, b = (_centred(values, used, count) for values in (moved[None], guess[places]))
    power = np.einsum("ltm,ltm->lm", a, a) * np.einsum("ltm,ltm->lm", b, b)
    r = np.einsum("ltm,ltm->lm", a, b) / np.maximum(np.sqrt(power), 1e-12)
    ratios = -np.sign(r) * count / 2 * np.log1p(-np.minimum(r * r, 0.999))
    return np.where(count < LEAST_FRAMES, np.nan, ratios)


def _centred(values: np.ndarray, used: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Values (L, T, M) less their mean over the T that are used, which are `count` (L, 1); 0 elsewhere."""
    mean = (values * used).sum(axis=1) / np.maximum(count, 1)
    return np.asarray((values - mean[:, None]) * used)


def _refined(score: np.ndarray, best: int) -> float:
    """The peak's lag with a parabola through it and its neighbours."""
    if not 0 < best < len(score) - 1 or not np.isfinite(score[best - 1 : best + 2]).all():
        return float(LAGS[best])
    left, middle, right = score[best - 1 : best + 2]
    bend = left - 2 * middle + right
    return float(LAGS[best] + ((left - right) / (2 * bend) if bend < 0 else 0.0))
