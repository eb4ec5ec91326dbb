"""Shot boundaries on stage footage with known truth, as filmed and with transitions edited in; disturbances beside it.

    python tests/bench/bench_shots.py [--footage FOLDER] [--takes N] [--seed S]

A folder is one of `talkie record OUT --preset footage --footage`; without one, N takes are filmed first. The detector's
thresholds were set on seed 11: report on another. A hard cut counts as found one frame around its place, a transition
where both its ends lie within 2 frames and 15 % of its length. Edited are takes without a person in common; what is
edited between two takes of one person before one wall, where a wipe hardly shows, is reported and not held to the
target. Prints one JSON document; exit code 1 on a miss."""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "curation"))
from editing import TRANSITIONS, Film, blended, exposure_ramp, flash, glitch, joined, pan, shake

from talkie.clip import FPS
from talkie.curation.shots import ShotFrame, shots
from talkie.media import read_video

TARGETS = {"f1": 0.98, "ms_per_frame": 1.0, "false_boundaries_in_disturbances": 0}
LENGTHS = (5, 8, 12, 20, 30, 50)
_SMALL = (320, 180)


@dataclass(frozen=True, eq=False)
class _Take:
    """frames (T, H, W, 3) of one shot, and who is in it."""

    frames: np.ndarray
    people: frozenset[str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path)
    parser.add_argument("--takes", type=int, default=28)
    parser.add_argument("--seed", type=int, default=12)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-bench-") as temporary:
        folder = arguments.footage or _filmed(Path(temporary), arguments.takes, arguments.seed)
        report = measure(folder, np.random.default_rng(arguments.seed))
    report["targets"] = TARGETS
    report["checks"] = {
        "stage footage: F1 of the boundaries": report["stage"]["f1"] >= TARGETS["f1"],
        "edited footage: F1 of the boundaries": report["edited"]["f1"] >= TARGETS["f1"],
        "disturbances: no boundary": report["disturbances"]["false"] <= TARGETS["false_boundaries_in_disturbances"],
        "milliseconds a frame": report["ms_per_frame"] <= TARGETS["ms_per_frame"],
    }
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if all(report["checks"].values()) else 1


def _filmed(out: Path, takes: int, seed: int) -> Path:
    record = [sys.executable, "-c", "from talkie.cli import main; main()", "record", str(out)]
    options = ["--preset", "footage", "--clips", str(takes), "--seed", str(seed), "--footage"]
    subprocess.run([*record, *options], check=True, stdout=subprocess.DEVNULL)
    return out


def measure(folder: Path, rng: np.random.Generator) -> dict[str, Any]:
    films: list[tuple[str, Film]] = []
    takes: dict[bool, list[_Take]] = {True: [], False: []}
    for path in sorted(folder.rglob("*.truth.json")):
        truth = json.loads(path.read_text())
        frames = np.stack([f for _, _, f in read_video(str(path).replace(".truth.json", ".mp4"))])
        films.append((str(truth["damage"]), Film(frames, _true_cuts(truth))))
        small = np.stack([cv2.resize(f, _SMALL, interpolation=cv2.INTER_AREA) for f in frames])
        if truth["damage"] not in ("frozen", "repeated"):
            hand = truth["damage"] == "occluding_hand"
            takes[hand] += [
                _Take(small[s["start_frame"] : s["end_frame"]], frozenset(p["identity"] for p in s["people"]))
                for s in truth["shots"]
            ]
    spent = [_timed(film) for _, film in films]
    return {
        "frames": sum(len(film.frames) for _, film in films),
        "ms_per_frame": float(np.median(spent)),
        "stage": _score(films),
        "edited": _score(_edited(takes[False], takes[False], rng)),
        "edited_while_a_hand_passes": _score(_edited(takes[True], takes[False], rng)),
        "edited_within_one_scene": _score(_edited(takes[False], takes[False], rng, another=False)),
        "disturbances": _disturbed([t.frames for t in takes[False] if len(t.frames) >= 60], rng),
    }


def _true_cuts(truth: dict[str, Any]) -> tuple[int, ...]:
    """Where the picture cuts: a take that stands still or repeats shows other shots than were filmed at that time."""
    shot = np.concatenate([np.full(s["end_frame"] - s["start_frame"], k) for k, s in enumerate(truth["shots"])])
    if truth["damage"] == "frozen":
        first, end = round(truth["start_s"] * FPS), round(truth["end_s"] * FPS)
        shot[first:end] = shot[first]
    if truth["damage"] == "repeated":
        shot = shot[np.arange(len(shot)) % round(truth["period_s"] * FPS)]
    return tuple(int(k) + 1 for k in np.flatnonzero(np.diff(shot)))


def _timed(film: Film) -> float:
    begin = time.process_time()
    for _ in shots(film.stream()):
        pass
    return 1000 * (time.process_time() - begin) / len(film.frames)


def _edited(
    befores: list[_Take], afters: list[_Take], rng: np.random.Generator, *, another: bool = True
) -> Iterator[tuple[str, Film]]:
    """Every kind and length between two pairs of takes; hard cuts between others, tiny shots among them. another: the
    takes show other people before another wall; else they share somebody, and may show one person in one place."""

    def pair() -> tuple[np.ndarray, np.ndarray]:
        while True:
            before, after = befores[rng.integers(len(befores))], afters[rng.integers(len(afters))]
            if before is not after and another == before.people.isdisjoint(after.people):
                return before.frames, after.frames

    for kind, length in itertools.product(TRANSITIONS, LENGTHS):
        for _ in range(2):
            yield f"{kind}, {length} frames", blended(kind, *pair(), length)
    for _ in range(24):
        yield "cut", joined(*(take[:30] for take in pair()))
    for length in (3, 4, 6, 10) * 3:
        a, b = pair()
        tiny = np.concatenate([a[:25], b[:length], a[25:50]]) if len(a) >= 50 else None
        if tiny is not None:
            yield f"shot of {length} frames", Film(tiny, (25, 25 + length))


def _disturbed(takes: list[np.ndarray], rng: np.random.Generator) -> dict[str, Any]:
    kinds = {
        "flash": lambda t: flash(t, 30, (1.0, 0.6, 0.3, 0.1)),
        "flash of one frame": lambda t: flash(t, 30, (1.0,)),
        "exposure up": lambda t: exposure_ramp(t, 20, 15, 0.9),
        "exposure down": lambda t: exposure_ramp(t, 20, 15, -0.9),
        "exposure at once": lambda t: exposure_ramp(t, 30, 1, 0.9),
        "shake": lambda t: shake(t, rng, 6),
        "pan": lambda t: pan(t, 3.0),
        "fast pan": lambda t: pan(t, 9.0),
        "broken picture": lambda t: glitch(t, 30, rng),
        "standing still": lambda t: np.concatenate([t[:30], np.repeat(t[30:31], 20, 0), t[30:]]),
    }
    false: dict[str, int] = {}
    flagged = 0
    for kind, change in kinds.items():
        chosen = [takes[k] for k in rng.choice(len(takes), min(8, len(takes)), replace=False)]
        found = [list(shots(Film(change(take)).stream())) for take in chosen]
        false[kind] = sum(out[-1].shot for out in found)
        flagged += sum(frame.transition for out in found for frame in out)
    return {"films": 8 * len(kinds), "false": sum(false.values()), "by_kind": false, "frames_flagged": flagged}


def boundaries(out: list[ShotFrame]) -> tuple[list[int], list[tuple[int, int]]]:
    """Hard cuts and (first, end) of transitions, as positions."""
    inside = np.array([frame.transition for frame in out])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]])))
    spans = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    ends = {b for _, b in spans}
    cuts = [k for k in range(1, len(out)) if out[k].shot != out[k - 1].shot and k not in ends]
    return cuts, spans


def _score(films: Any) -> dict[str, Any]:
    right: dict[str, int] = defaultdict(int)
    missed: dict[str, int] = defaultdict(int)
    extra: dict[str, int] = defaultdict(int)
    mixed = leaked = clean = lost = 0
    for kind, film in films:
        out = list(shots(film.stream()))
        cuts, spans = boundaries(out)
        hits = sum(any(abs(c - t) <= 1 for c in cuts) for t in film.cuts)
        hits += sum(any(_agrees(span, t) for span in spans) for t in film.gradual)
        right[kind] += hits
        missed[kind] += len(film.cuts) + len(film.gradual) - hits
        extra[kind] += len(cuts) + len(spans) - hits
        truth = np.zeros(len(out), bool)
        for first, end in film.gradual:
            truth[first:end] = True
        found = np.array([frame.transition for frame in out])
        mixed, leaked = mixed + int(truth.sum()), leaked + int((truth & ~found).sum())
        clean, lost = clean + int((~truth).sum()), lost + int((~truth & found).sum())
    found_all, missed_all, extra_all = (sum(d.values()) for d in (right, missed, extra))
    return {
        "boundaries": found_all + missed_all,
        "f1": 2 * found_all / max(2 * found_all + missed_all + extra_all, 1),
        "missed": {k: v for k, v in missed.items() if v},
        "extra": {k: v for k, v in extra.items() if v},
        "mixed_frames_unflagged": leaked / mixed if mixed else 0.0,
        "clean_frames_flagged": lost / clean,
    }


def _agrees(found: tuple[int, int], truth: tuple[int, int]) -> bool:
    tolerance = 2 + 0.15 * (truth[1] - truth[0])
    return abs(found[0] - truth[0]) <= tolerance and abs(found[1] - truth[1]) <= tolerance


if __name__ == "__main__":
    sys.exit(main())
