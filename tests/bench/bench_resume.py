"""Kills `talkie train` at random steps, resumes it, and compares the final weights with those of a run left alone.

    python tests/bench/bench_resume.py --kills 2

Prints JSON and exits with 1 unless every digest is the same.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

STEPS = ("--set", "steps=50", "--set", "warm_up_steps=10", "--checkpoint-every", "10", "--batch-size", "4")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-resume-") as folder:
        figures = measure(Path(folder), options.kills, random.Random(options.seed))
    print(json.dumps(figures, indent=1))
    return 0 if figures["bit_equal"] else 1


def measure(folder: Path, kills: int, rng: random.Random) -> dict[str, object]:
    talkie("record", str(folder / "stage"), "--clips", "8", "--people", "5", "--size", "64")
    straight = json.loads(talkie(*train(folder, "straight"), "--json"))["digest"]
    trials = []
    for number in range(kills):
        at = rng.randint(12, 55)
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
