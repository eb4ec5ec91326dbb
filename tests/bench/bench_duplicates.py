"""How well copies of a clip are told from other takes of the same person and sentence, and what it costs for many.

    OMP_NUM_THREADS=1 python tests/bench/bench_duplicates.py [--footage FOLDER] [--takes N] [--many N] [--seed N]

Each take is filmed twice (same person, sentence and place, acted anew) and the first is copied: encoded coarsely,
scaled to two thirds, cropped by 5 %, with other colours and a noisier, softer sound, and cut at both ends. All go
through files and are tracked anew. Prints one JSON document; exit code 1 where a target is missed. Limits were
chosen on seed 51."""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkie.clip import FPS, SAMPLES_PER_FRAME
from talkie.curation.judgement.duplicates import Fingerprint, find_duplicates
from talkie.curation.judgement.duplicates.fingerprint import coefficients, moving_bits, sound_words
from talkie.curation.judgement.duplicates.matching import same_sound, wrong_bits
from talkie.faces import FaceTracker, Recipe, crop_frame, face_box, smooth_boxes
from talkie.media import encode_mp4, fit_audio, read_audio, read_video
from talkie.stage.footage import film_footage
from talkie.stage.shoot import parse_shoot

CROP = Recipe()
SEED = 52
TARGETS = {"recall": 0.9, "precision": 0.9, "hundredth": 1.0, "growth": 2.6}
"""growth: CPU time of twice the clips, in times."""
COPIES = ("reencoded", "scaled", "cropped", "coloured", "trimmed")


def film(folder: Path, takes: int, seed: int) -> None:
    """Files NN_take0.mp4, NN_take1.mp4 and NN_COPY.mp4; those that are there are left alone."""
    footage = {"damage": [], "people": [1, 1], "shots": [1, 1]}
    shoot = parse_shoot({"name": "copies", "seed": seed, "cast": {"people": 6}, "footage": footage}, "bench")
    for number in range(takes):
        for take in (0, 1):
            path = folder / f"{number:02d}_take{take}.mp4"
            if not path.exists():
                # A number beyond the cast's repeats person and sentence; the acting is drawn from the number itself.
                path.write_bytes(film_footage(shoot, 24, number + 24 * take, "take")[0]["take.mp4"])
        if not all((folder / f"{number:02d}_{kind}.mp4").exists() for kind in COPIES):
            copy(folder, f"{number:02d}", np.random.default_rng((seed, number)))


def copy(folder: Path, name: str, rng: np.random.Generator) -> None:
    source = folder / f"{name}_take0.mp4"
    frames = np.stack([frame for _, _, frame in read_video(source, FPS)])
    sound = read_audio(source)
    assert sound is not None
    audio = fit_audio(sound, len(frames))[0]
    height, width = frames.shape[1:3]
    dy, dx = (2 * round(0.0125 * side) for side in (height, width))
    small = (2 * round(width / 3), 2 * round(height / 3))
    tinted = np.clip((frames / 255) ** 1.2 * [1.1, 1.0, 0.85] * 255, 0, 255).astype(np.uint8)
    quiet = (0.5 * audio + rng.normal(0, 0.003, len(audio))).astype(np.float32)
    start = int(rng.integers(7, 18))
    made = {
        "reencoded": (frames, audio, 34),
        "scaled": (np.stack([cv2.resize(f, small, interpolation=cv2.INTER_AREA) for f in frames]), audio, 23),
        "cropped": (np.ascontiguousarray(frames[:, dy : height - dy, dx : width - dx]), audio, 23),
        "coloured": (tinted, quiet, 23),
        "trimmed": (frames[start:-5], audio[start * SAMPLES_PER_FRAME : -5 * SAMPLES_PER_FRAME], 26),
    }
    for kind, (pictures, heard, crf) in made.items():
        (folder / f"{name}_{kind}.mp4").write_bytes(encode_mp4(pictures, FPS, crf=crf, audio=heard))


def fingerprint(path: Path) -> Fingerprint:
    frames, points = [], []
    with FaceTracker() as tracker:
        for _, _, frame in read_video(path, FPS):
            found = tracker.track(frame)
            if found is None and not points:
                continue
            frames.append(frame)
            points.append(points[-1] if found is None else found)
    boxes = smooth_boxes(face_box(np.stack(points), CROP), CROP, FPS)
    values = [coefficients(crop_frame(f, box, CROP.size)) for f, box in zip(frames, boxes, strict=True)]
    sound = read_audio(path)
    words = None if sound is None else sound_words(sound)
    return Fingerprint(path.stem, moving_bits(np.stack(values)), words, len(values))


def cached(path: Path) -> Fingerprint:
    """From NAME.npz beside the file where an earlier run left it."""
    beside = path.with_suffix(".npz")
    if not beside.exists():
        made = fingerprint(path)
        np.savez(beside, picture=made.picture, sound=made.sound)
    with np.load(beside) as arrays:
        return Fingerprint(path.stem, arrays["picture"], arrays["sound"], len(arrays["picture"]))


def least_wrong(a: np.ndarray, b: np.ndarray, measure: Any = wrong_bits) -> float:
    """The smallest share of wrong bits over all shifts at which half of the shorter one is compared."""
    most = max(len(a), len(b)) - min(len(a), len(b)) // 2
    found = []
    for shift in range(-most, most + 1):
        start, end = max(0, shift), min(len(a), len(b) + shift)
        if end - start >= min(len(a), len(b)) / 2:
            found.append(measure(a[start:end], b[start - shift : end - shift]))
    return min(found)


def told_apart(prints: list[Fingerprint]) -> dict[str, Any]:
    of_source = {p.id: p.id[:2] + ("-other" if p.id.endswith("take1") else "") for p in prints}
    wanted = {pair for pair in itertools.combinations(sorted(of_source), 2) if of_source[pair[0]] == of_source[pair[1]]}
    groups = find_duplicates(prints)
    found = {pair for group in groups for pair in itertools.combinations(group.ids, 2)}
    by_id = {p.id: p for p in prints}
    numbers = sorted({p.id[:2] for p in prints})
    picture: dict[str, list[float]] = {}
    sound: dict[str, list[float]] = {}
    for number, kind in itertools.product(numbers, (*COPIES, "take1")):
        a, b = by_id[f"{number}_take0"], by_id[f"{number}_{kind}"]
        picture.setdefault(kind, []).append(round(least_wrong(a.picture, b.picture), 3))
        assert a.sound is not None
        assert b.sound is not None
        sound.setdefault(kind, []).append(round(least_wrong(a.sound, b.sound, same_sound), 3))
    return {
        "clips": len(prints),
        "pairs that are copies": len(wanted),
        "recall": round(len(wanted & found) / len(wanted), 4),
        "precision": round(len(wanted & found) / max(len(found), 1), 4),
        "wrong bits of the picture": {kind: [min(v), max(v)] for kind, v in picture.items()},
        "wrong bits of the sound": {kind: [min(v), max(v)] for kind, v in sound.items()},
    }


def walk(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Words whose bits hold on for some frames, as a face's do."""
    steps = np.cumsum(rng.normal(size=(frames, 64)), 0)
    steps -= np.stack([np.convolve(c, np.ones(25) / 25, "same") for c in steps.T], 1)
    return np.packbits(steps > np.median(steps, 0), axis=1, bitorder="little").view("<u8").ravel()


def crowd(count: int) -> dict[str, Any]:
    """Clips of 5 s that have nothing in common, and a copy of each hundredth: found, CPU seconds, memory."""
    rng = np.random.default_rng(SEED)
    base = [walk(125, rng) for _ in range(300)]
    clips = [Fingerprint(f"{i:06d}", base[i % 300] ^ rng.integers(0, 2**63, dtype=np.uint64)) for i in range(count)]
    flips = [np.packbits(rng.random((118, 64)) < 0.1, axis=1).view("<u8").ravel() for _ in range(20)]
    copies = [Fingerprint(f"copy{i:06d}", clips[i].picture[7:] ^ flips[i % 20]) for i in range(0, count, 100)]
    start = time.process_time()
    groups = find_duplicates([*clips, *copies])
    seconds = time.process_time() - start
    right = {(f"{i:06d}", f"copy{i:06d}") for i in range(0, count, 100)}
    return {
        "clips": count,
        "found": len(right & {group.ids for group in groups}) / len(right),
        "groups beyond": len(groups) - len(right & {group.ids for group in groups}),
        "cpu_s": round(seconds, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, help="folder that keeps what is filmed and what was read off it")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--takes", type=int, default=4)
    parser.add_argument("--many", type=int, default=20_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-copies-") as home:
        folder = args.footage or Path(home)
        folder.mkdir(parents=True, exist_ok=True)
        film(folder, args.takes, args.seed)
        stage = told_apart([cached(path) for path in sorted(folder.glob("*_*.mp4"))])
    few, many = crowd(args.many // 2), crowd(args.many)
    growth = many["cpu_s"] / max(few["cpu_s"], 1e-3)
    passed = {
        "recall": stage["recall"] >= TARGETS["recall"],
        "precision": stage["precision"] >= TARGETS["precision"],
        "every hundredth found": many["found"] >= TARGETS["hundredth"] and not many["groups beyond"],
        "growth": growth <= TARGETS["growth"],
    }
    result = {"stage": stage, "crowd": [few, many], "growth": round(growth, 2), "targets": TARGETS, "pass": passed}
    print(json.dumps(result, indent=2))
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
