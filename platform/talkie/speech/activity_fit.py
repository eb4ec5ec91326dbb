"""Fits the weights of `activity` on our own voices in our own noises, where every phone's time is known.

    python -m talkie.speech.activity_fit [--seed N]

Prints the weights and the bias to put there."""

from __future__ import annotations

import argparse
import json

import numpy as np
from scipy.optimize import minimize

from talkie.clip import SAMPLE_RATE
from talkie.speech.acoustics import NOISES, add_noise, noise, reverberate, room_from_seed
from talkie.speech.activity import FPS, HOP, activity_measures
from talkie.speech.phones import SILENCE
from talkie.speech.synthesis import speak
from talkie.speech.voices import voice_from_seed

SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "She sells fresh bread and butter by the harbor every morning.",
    "A warm wind moved slowly through the open window.",
    "Please call me before you leave the building tonight.",
    "Five big boats brought pepper, fish and maple syrup.",
)
SNR_DB = (0.0, 25.0)
PAUSE_S = (0.2, 1.5)
ALONE_S = 8


def monologue(rng: np.random.Generator, sentences: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """One voice's sentences with pauses: (N,) float32 and where a phone sounds, (N / HOP,) bool."""
    voice = voice_from_seed(int(rng.integers(2**31)))
    sounds, active = [], []
    for _ in range(sentences):
        spoken = speak(SENTENCES[int(rng.integers(len(SENTENCES)))], voice)
        frames = len(spoken.audio) // HOP
        said = np.zeros(frames, bool)
        for phone in spoken.transcription.phones:
            if phone.label != SILENCE:
                said[round(phone.start_s * FPS) : round(phone.end_s * FPS)] = True
        pause = int(rng.uniform(*PAUSE_S) * FPS)
        sounds += [spoken.audio[: frames * HOP], np.zeros(pause * HOP)]
        active += [said, np.zeros(pause, bool)]
    return (rng.uniform(0.1, 0.9) * np.concatenate(sounds)).astype(np.float32), np.concatenate(active)


def fit(seed: int, monologues: int = 30) -> tuple[np.ndarray, float]:
    """Weights as `activity.WEIGHTS` and the bias: a logistic regression over all frames."""
    rng = np.random.default_rng(seed)
    inputs, targets = [], []
    for _ in range(monologues):
        audio, active = monologue(rng)
        for kind in (*NOISES, None):
            heard = audio
            if kind is not None:
                if rng.uniform() < 0.3:
                    heard = reverberate(heard, room_from_seed(int(rng.integers(2**31))))[0]
                heard, _ = add_noise(heard, kind, float(rng.uniform(*SNR_DB)), rng)
            measures = activity_measures(heard)[: len(active)]
            inputs.append(measures.reshape(len(active), -1))
            targets.append(active)
        # A noise in which nobody speaks must not be speech for being loud.
        alone = activity_measures(0.05 * noise(str(rng.choice(list(NOISES))), ALONE_S * SAMPLE_RATE, rng))
        inputs.append(alone.reshape(len(alone), -1))
        targets.append(np.zeros(len(alone), bool))
    return _logistic(np.concatenate(inputs), np.concatenate(targets).astype(float), inputs[0].shape[1])


def _logistic(x: np.ndarray, y: np.ndarray, size: int) -> tuple[np.ndarray, float]:
    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        logit = x @ parameters[:-1] + parameters[-1]
        error = 1 / (1 + np.exp(-np.clip(logit, -30, 30))) - y
        value = float((np.logaddexp(0, logit) - y * logit).mean() + 1e-4 * (parameters[:-1] ** 2).sum())
        return value, np.append(x.T @ error / len(x) + 2e-4 * parameters[:-1], error.mean())

    found = minimize(loss, np.zeros(size + 1), jac=True, method="L-BFGS-B").x
    return found[:-1], float(found[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    weights, bias = fit(parser.parse_args().seed)
    print(json.dumps({"weights": np.round(weights, 3).tolist(), "bias": round(bias, 3)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
