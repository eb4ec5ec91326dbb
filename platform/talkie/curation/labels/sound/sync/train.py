"""Fits the offset's numbers on recordings of the stage, whose sound and mouth belong together by construction.

    python -m talkie.curation.labels.sound.sync.train RECORDING [RECORDING ...] --out model.json [--cache FOLDER]

A RECORDING is a folder that `talkie record` made. Its truth is not used for the picture: landmarks are MediaPipe's, so
that the numbers know the detector's noise."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.signal import fftconvolve, firwin2

from talkie.clip import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Transcription
from talkie.curation.labels.sound.sync import offset
from talkie.curation.labels.sound.sync.evidence import in_context, spectrum, visemes
from talkie.curation.labels.sound.sync.model import SOURCES, WEIGHED, SyncModel, encode
from talkie.curation.labels.sound.sync.mouth import MOTIONS, mouth_motion
from talkie.speech.acoustics import add_noise

VERSION = "2"
RIDGE = 0.05
"""Added to the variance of every input, in shares of the mean input's."""
COLOURS_DB = 10.0
"""Greatest rise or fall of a random microphone's response, drawn at seven frequencies."""
NOISES = ("white", "pink", "street", "hum")
SNR_DB = (5.0, 30.0)
COPIES = 3
"""Of every take's sound: as it is, and in other colours and noises."""
SHIFT = 10
"""Frames by which takes are shifted, to either side, while the weights are fitted."""
BLUR = 0.5
"""Frames: standard deviation of the lag that counts as the true one."""
WEIGHT_DECAY = 1e-3


@dataclass(frozen=True)
class Take:
    """Motion (T, MOTIONS), seen (T,), audio (T * 640,), the script's phones, and those of a phone loop."""

    motion: np.ndarray
    seen: np.ndarray
    audio: np.ndarray
    script: Transcription
    heard: Transcription


def fit(takes: Sequence[Take], seed: int = 0) -> SyncModel:
    """The weights see only guesses of maps that were fitted on other takes (two folds); the maps are of all."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[dict[str, np.ndarray], int | None]] = []
    for fold in (0, 1):
        halves = [take for k, take in enumerate(takes) if k % 2 != fold], takes[fold::2]
        maps = _with_maps(halves[0], rng)
        rows += _trials(halves[1], maps, rng)
    weight, null = _fit_weights(rows)
    return replace(_with_maps(takes, rng), weight=weight, null=null)


def _with_maps(takes: Sequence[Take], rng: np.random.Generator) -> SyncModel:
    means, maps = {}, {}
    for kind in SOURCES:
        inputs, outputs = [], []
        for take in takes:
            centres = np.floor((np.arange(len(take.motion)) + 0.5) * offset.PER_FRAME).astype(int)
            moved = offset.without_drift(take.motion, FPS)
            moved = moved / (moved.std(axis=0) + 1e-9)
            for evidence in _versions(take, kind, rng):
                inputs.append(in_context(evidence, centres)[take.seen])
                outputs.append(moved[take.seen])
        x, y = np.concatenate(inputs), np.concatenate(outputs)
        means[kind] = x.mean(axis=0)
        x = x - means[kind]
        gram = x.T @ x / len(x)
        maps[kind] = np.linalg.solve(gram + RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram)), x.T @ y / len(x))
    return SyncModel(VERSION, means, maps, {kind: np.ones(len(MOTIONS)) for kind in WEIGHED}, 0.0)


def _versions(take: Take, kind: str, rng: np.random.Generator) -> list[np.ndarray]:
    if kind == "visemes":
        return [visemes(take.script.phones, len(take.motion) * offset.PER_FRAME)]
    return [spectrum(take.audio), *(spectrum(_recorded(take, rng)) for _ in range(COPIES - 1))]


def _recorded(take: Take, rng: np.random.Generator) -> np.ndarray:
    """The sound in another microphone's colours, with noise."""
    gains = 10 ** (rng.uniform(-COLOURS_DB, COLOURS_DB, 7) / 20)
    response = firwin2(129, [0, 200, 500, 1000, 2000, 4000, SAMPLE_RATE / 2], gains, fs=SAMPLE_RATE)
    coloured = fftconvolve(take.audio, response, "same")
    coloured = 0.5 * coloured / max(np.abs(coloured).max(), 1e-9)
    kind, snr_db = str(rng.choice(NOISES)), float(rng.uniform(*SNR_DB))
    return add_noise(coloured, kind, snr_db, rng, transcription=take.script)[0]


def _trials(
    takes: Sequence[Take], model: SyncModel, rng: np.random.Generator
) -> list[tuple[dict[str, np.ndarray], int | None]]:
    """Log likelihood ratios with the true lag in frames, None for strangers: every take shifted, then with the sound
    of the next; with the script's phones, a loop's, and none."""
    trials: list[tuple[dict[str, np.ndarray], int | None]] = []
    for k, take in enumerate(takes):
        frames = int(rng.integers(-SHIFT, SHIFT + 1))
        shift = frames * SAMPLES_PER_FRAME
        other = takes[(k + 1) % len(takes)]
        for true, audio, source in ((frames, take.audio, take), (None, other.audio, other)):
            late = moved_by(audio, shift, len(take.audio))
            for transcription in (source.script, source.heard, None):
                said = shifted(transcription, shift / SAMPLE_RATE, len(take.audio) / SAMPLE_RATE)
                found = offset.likelihoods(take.motion, take.seen, late, 0, said, model)
                if "spectrum" in found and np.isfinite(found["spectrum"]).all(axis=1).any():
                    trials.append((found, true))
    return trials


def moved_by(audio: np.ndarray, shift: int, samples: int) -> np.ndarray:
    """`samples` of the audio, late by `shift` samples, silence where it has none."""
    padded = np.pad(audio, (max(shift, 0), max(0, samples - shift - len(audio))))
    return padded[max(-shift, 0) :][:samples]


def shifted(transcription: Transcription | None, by_s: float, end_s: float) -> Transcription | None:
    """Phones late by by_s, within [0, end_s]; words stay only as the sign that there are some."""
    if transcription is None:
        return None
    late = (
        replace(p, start_s=max(0.0, p.start_s + by_s), end_s=min(end_s, p.end_s + by_s)) for p in transcription.phones
    )
    return replace(transcription, phones=tuple(p for p in late if p.end_s > p.start_s))


def _fit_weights(
    trials: Sequence[tuple[dict[str, np.ndarray], int | None]],
) -> tuple[dict[str, np.ndarray], float]:
    """Weights of at least 0 and the null that make the true lags most likely (conditional logit, L-BFGS)."""
    size, lags = len(MOTIONS), len(offset.LAGS)
    inputs = np.zeros((len(trials), lags, len(WEIGHED) * size))
    target = np.zeros((len(trials), lags + 1))
    for row, (found, true) in enumerate(trials):
        for kind, table in found.items():
            at = WEIGHED.index(kind) * size
            inputs[row, :, at : at + size] = np.nan_to_num(table)
        if true is None:
            target[row, -1] = 1
        else:
            target[row, :-1] = np.exp(-0.5 * ((offset.LAGS / offset.PER_FRAME - true) / BLUR) ** 2)
    target /= target.sum(axis=1, keepdims=True)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        weight, null = parameters[:-1], parameters[-1]
        score = np.concatenate([inputs @ weight, np.full((len(trials), 1), null + np.log(lags))], axis=1)
        highest = score.max(axis=1, keepdims=True)
        normaliser = highest + np.log(np.exp(score - highest).sum(axis=1, keepdims=True))
        value = -(target * (score - normaliser)).sum() / len(trials) + WEIGHT_DECAY * (weight**2).sum()
        pull = (np.exp(score - normaliser) - target) / len(trials)
        slope = np.einsum("nl,nlk->k", pull[:, :-1], inputs) + 2 * WEIGHT_DECAY * weight
        return value, np.append(slope, pull[:, -1].sum())

    start = np.append(np.full(inputs.shape[2], 0.1), 1.0)
    bounds = [(0.0, None)] * inputs.shape[2] + [(None, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    weight = found.x[:-1].reshape(len(WEIGHED), size)
    return dict(zip(WEIGHED, weight, strict=True)), float(found.x[-1])


def load_takes(folder: Path, cache: Path | None = None) -> list[Take]:
    """Every spoken take of a recording, its landmarks found in its picture."""
    from talkie.media import decode_flac
    from talkie.shards import open_dataset
    from talkie.speech.alignment import decode_phones

    dataset = open_dataset(folder)
    takes = []
    for record in dataset.records():
        raw = dataset.raw(record.id)
        script = raw.decode(("phones.json",)).fields["phones.json"]
        audio = decode_flac(raw.members["flac"])
        landmarks, seen = _tracked(raw.members["mp4"], cache / f"{record.id}.npz" if cache else None)
        if script.words and seen.mean() > 0.8:
            takes.append(Take(mouth_motion(landmarks), seen, audio, script, decode_phones(audio)))
    return takes


def _tracked(mp4: bytes, cache: Path | None) -> tuple[np.ndarray, np.ndarray]:
    from talkie.faces import FaceTracker
    from talkie.media import decode_mp4

    if cache is not None and cache.is_file():
        with np.load(cache) as stored:
            return stored["landmarks"], stored["seen"]
    with FaceTracker() as tracker:
        found = [tracker.track(frame) for frame in decode_mp4(mp4)]
    seen = np.array([points is not None for points in found])
    held = next((points for points in found if points is not None), np.zeros((478, 3), np.float32))
    landmarks = []
    for points in found:
        held = held if points is None else points
        landmarks.append(held)
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, landmarks=np.stack(landmarks), seen=seen)
    return np.stack(landmarks), seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("model.json"))
    parser.add_argument("--cache", type=Path, help="folder that keeps landmarks between runs")
    arguments = parser.parse_args()
    takes = [take for folder in arguments.recordings for take in load_takes(folder, arguments.cache)]
    arguments.out.write_text(encode(fit(takes)))
    print(f"{arguments.out}: fitted on {len(takes)} takes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
