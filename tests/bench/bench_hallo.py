"""What speech could tell Hallo at most, on held-out people: how much of the lips' opening and of the head's turning its
hearing explains, and how far right speech could lower the lips' error at t = 600.

    python tests/bench/bench_hallo.py --model RUN/model --data SHARDS

The model is one of `talkie bench hallo`, on the shards it was benched on. By least squares on held-out clips: the share
of each motion that a linear reader of the hearing, fitted to training clips, explains; and the error under noise less,
and plus, what openings and widths of lips explain of their latents, as if speech told them exactly. Prints one JSON
object; exits with 1 where a ratio that was measured is below what the bound allows.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

from talkie.clip import Clip, Split
from talkie.faces.lips import aperture
from talkie.shards import open_dataset
from talkie.systems import load_weights
from talkie.systems.tasks.checks import clip_audio
from talkie_zoo.blocks.face_track import STILL
from talkie_zoo.speech_to_video import hallo_claims as claims
from talkie_zoo.speech_to_video.hallo import Hallo
from talkie_zoo.speech_to_video.hallo_examples import seen
from talkie_zoo.speech_to_video.hallo_networks import inputs_of

NEEDS = ("mp4", "flac", "landmarks.npy", "phones.json")
RIDGE = 3000.0
NOSE = (1, 2, 4, 19, 94, 98, 327)
"""Tip and base of the nose: where they lie between the eyes tells how a head nods and turns."""
CORNERS = 61, 291
MOTIONS = "turn", "nod", "opening"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    system = load_weights(options.model)
    assert isinstance(system, Hallo)
    data = open_dataset(options.data)
    splits: tuple[Split, ...] = ("train", "test")
    learnt, held = (sorted(data.clips(NEEDS, split), key=lambda clip: clip.id) for split in splits)
    told = dict(zip(MOTIONS, explained(system, learnt, held), strict=True))
    lips = bounds(system, held)
    share = told["opening"]
    gain, without = share * lips["openings and widths explain"], lips["error without speech"]
    lips["least ratio, of what is heard"] = (without - gain) / (without + gain)
    allowed = lips["ratio"] >= lips["least ratio"]
    print(json.dumps({"figures": {"share explained": told, "lips at t = 600": lips}, "pass": allowed}, indent=1))
    return 0 if allowed else 1


def motions(system: Hallo, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    """What is heard around each frame (T, span L C), and turn, nod and opening (T, 3), each about its clip's mean."""
    c = system.config
    points = seen(clip, c.size, c.face_share, c.steady).points
    stacked = system.hearing.stacked(inputs_of(system.hearing, clip_audio(clip), len(points)), len(points))
    heard = system.audio_projection.windows(stacked, range(len(points))).flatten(1).numpy()
    head = points[:, STILL].mean(1) - points[:, NOSE].mean(1)
    moved = np.concatenate([head, aperture(points)[:, None]], 1)
    return heard - heard.mean(0), moved - moved.mean(0)


def explained(system: Hallo, learnt: list[Clip], held: list[Clip]) -> list[float]:
    """Share of the variance of each motion within held-out clips that a ridge on training clips explains."""
    (x, y), (u, v) = (
        (np.concatenate(rows) for rows in zip(*(motions(system, clip) for clip in clips), strict=True))
        for clips in (learnt, held)
    )
    scale = x.std(0) + 1e-6
    x, u = x / scale, u / scale
    weights = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y)
    return [float(share) for share in 1 - np.square(v - u @ weights).sum(0) / np.square(v).sum(0)]


def bounds(system: Hallo, held: list[Clip]) -> dict[str, float]:
    """Errors of a lip cell under noise at t = 600, in squares of the code's deviation, means over held-out clips, and
    ratios of right to other speech: measured, and least. What speech tells is at most what openings and widths of lips
    explain of their cells beyond eyes and nose; right speech takes that from the error without speech, other speech
    adds as much."""
    # One clip at a time: the claims look at the first few, this at all that are long enough.
    pairs = [(clip, take) for clip in held for take in claims.takes(system, [clip])]
    told, unheard, right, wrong = [], [], [], []
    for number, (clip, take) in enumerate(pairs):
        place, other = take.places["lip"], pairs[number - 1][1].stacked
        told.append(_told(system, clip, take))
        unheard.append(claims.error_at(system, take, take.stacked, "lip", unheard=True) / float(place.sum()))
        right.append(claims.error_at(system, take, take.stacked, "lip") / float(place.sum()))
        wrong.append(claims.error_at(system, take, other, "lip") / float(place.sum()))
    gain, without = float(np.mean(told)), float(np.mean(unheard))
    return {
        "openings and widths explain": gain,
        "error without speech": without,
        "ratio": float(np.mean(right) / np.mean(wrong)),
        "least ratio": (without - gain) / (without + gain),
    }


def _told(system: Hallo, clip: Clip, take: claims.Take) -> float:
    """Mean square of the lips' code that openings and widths explain beyond where eyes and nose are, in one clip."""
    c = system.config
    points = seen(clip, c.size, c.face_share, c.steady).points
    code = (
        ((take.latents - take.where.latent) / system.spread)[:, :, take.places["lip"] > 0].flatten(1).double().numpy()
    )
    still = points[:, STILL].reshape(len(points), -1)
    width = np.linalg.norm(points[:, CORNERS[0]] - points[:, CORNERS[1]], axis=1)
    return _left(still, code) - _left(np.c_[still, take.aperture, width], code)


def _left(known: np.ndarray, code: np.ndarray) -> float:
    """Mean square of what a linear reader of some columns (T, K) leaves of (T, D)."""
    columns = np.c_[known, np.ones(len(known))]
    return float(np.square(code - columns @ np.linalg.lstsq(columns, code, rcond=None)[0]).mean())


if __name__ == "__main__":
    sys.exit(main())
