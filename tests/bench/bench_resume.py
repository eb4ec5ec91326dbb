"""Kills training at chosen moments, resumes it, and compares samples and weights with those of a run left alone.

    python tests/bench/bench_resume.py --kills 2

Two parts: `talkie train` killed whole at random steps (bit-equal weights), and, with forked workers in the place of
Ray's, every pairing of worlds (1 to 1, 1 to 2, 2 to 1), ZeRO stages 0 to 3 and loaders 0 to 2: the same digest of the
sequence of clip ids, weights bit-equal on one worker and within 1e-6 else. Prints one JSON object; exits with 1 on a
miss.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / room) for room in ("", "training")]

STEPS = ("--set", "steps=200", "--set", "warm_up_steps=10", "--checkpoint-every", "10", "--batch-size", "4")


TOLERANCE = 1e-6
"""Absolute, of any weight: what sums over two workers may round differently."""

STAGES = (0, 1, 2, 3)
WORLDS = ((1, 1), (1, 2), (2, 1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stages", type=int, nargs="*", default=STAGES)
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="talkie-resume-") as folder:
        pairs = figures["other worlds"] = other_worlds(Path(folder), options.stages)
        if options.kills:
            figures["talkie train"] = measure(Path(folder), options.kills, random.Random(options.seed))
    passed = {
        "samples": all(pair["same_samples"] for pair in pairs),
        "bit-equal on one worker": all(p["largest_difference"] == 0 for p in pairs if p["worlds"] == [1, 1]),
        "within 1e-6 else": all(pair["largest_difference"] <= TOLERANCE for pair in pairs),
    }
    if options.kills:
        passed["talkie train bit-equal"] = figures["talkie train"]["bit_equal"]
    print(json.dumps({"figures": figures, "targets": {"largest_difference": TOLERANCE}, "pass": passed}, indent=1))
    return 0 if all(passed.values()) else 1


def other_worlds(folder: Path, stages: Sequence[int]) -> list[dict[str, Any]]:
    """unitalker, micro, without what draws or averages for each worker by itself: dropout, pivots, and heads whose
    clips are shared unevenly; at the paper's rate, 1e-4, since Adam's first steps turn the rounding of a gradient
    near zero into a share of the rate (at micro's own, 5e-3, single weights differ by up to 2.4e-6). Every other trial
    begins without loaders and goes on with two, the rest the reverse."""
    from worlds import furthest, killed, left, whole

    from tone_clips import tone_dataset

    data = tone_dataset(folder / "tones", train=9, test=2, frames=30)
    found = []
    for stage in stages:
        straight = folder / f"straight-{stage}"
        whole(settings(1, stage, 0), data, straight)
        for number, (first, second) in enumerate(WORLDS):
            out = folder / f"zero-{stage}-{first}-to-{second}"
            loaders = (0, 2) if (number + stage) % 2 else (2, 0)
            at = killed(settings(first, stage, loaders[0]), data, out, after=6)
            whole(settings(second, stage, loaders[1]), data, out, number=1)
            (samples, weights), (others, theirs) = left(out), left(straight)
            noise = max(furthest(*pair) for pair in zip(key_biases(weights), key_biases(theirs), strict=True))
            trial = {"zero_stage": stage, "worlds": [first, second], "loaders": loaders, "killed_after_step": at}
            trial |= {"same_samples": samples == others, "largest_difference": furthest(weights, theirs)}
            trial["of_key_biases"] = noise
            found.append(trial)
            print(trial, file=sys.stderr, flush=True)
    return found


def key_biases(weights: dict[str, Any]) -> list[dict[str, Any]]:
    """Takes the biases of attention's keys out of `weights`: they add the same to every score of a query, which softmax
    takes away again. Their gradient is rounding alone, and Adam makes steps of full length of it."""
    taken = []
    for name in [name for name in weights if name.endswith("qkv.bias")]:
        query, key, value = weights.pop(name).chunk(3)
        weights[f"{name} of queries"], weights[f"{name} of values"] = query, value
        taken.append({name: key})
    return taken


def settings(workers: int, stage: int, loaders: int) -> Any:
    from talkie.training import TrainConfig

    overrides: dict[str, Any] = {"steps": 40, "dropout": 0.0, "pivot_probability": 0.0, "shares": {"arkit": 1.0}}
    overrides["learning_rate"] = 1e-4
    return TrainConfig(
        system="unitalker",
        preset="micro",
        overrides=overrides,
        batch_size=4,
        threads=1,
        workers=workers,
        zero_stage=stage,
        checkpoint_every=3,
        load={"loaders": loaders},
    )


def measure(folder: Path, kills: int, rng: random.Random) -> dict[str, Any]:
    """Whole runs of the command line, Ray included."""
    talkie("record", str(folder / "stage"), "--clips", "8", "--people", "5", "--size", "64")
    straight = json.loads(talkie(*train(folder, "straight"), "--json"))["digest"]
    trials = []
    for number in range(kills):
        at = rng.randint(12, 100)
        killed_at = kill_at(folder, f"killed-{number}", at)
        resumed = json.loads(talkie(*train(folder, f"killed-{number}"), "--resume", "--json"))["digest"]
        trials.append({"killed_after_step": killed_at, "same_weights": resumed == straight})
    return {"digest": straight, "trials": trials, "bit_equal": all(t["same_weights"] for t in trials)}


def train(folder: Path, name: str) -> tuple[str, ...]:
    where = ("--data", str(folder / "stage"), "--home", str(folder / "home"), "--name", name)
    return ("train", "unitalker", *where, *STEPS)


def talkie(*words: str) -> str:
    return subprocess.run([*command(), *words], check=True, capture_output=True, text=True).stdout


def command() -> list[str]:
    return [sys.executable, "-c", "from talkie.cli import main; main()"]


def kill_at(folder: Path, name: str, step: int) -> int:
    """Trains until the log names `step` or a later one, then kills the whole process tree. Returns the last step."""
    process = subprocess.Popen([*command(), *train(folder, name)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = folder / "home" / "runs" / name / "events.jsonl"
    while process.poll() is None and last_step(log) < step:
        time.sleep(0.02)
    tree = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for one in tree:
        one.kill()
    process.wait()
    return last_step(log)


def last_step(log: Path) -> int:
    if not log.exists():
        return -1
    lines = [line for line in log.read_text().splitlines() if line.endswith("}")]
    return max((json.loads(line)["step"] for line in lines), default=-1)


if __name__ == "__main__":
    sys.exit(main())
