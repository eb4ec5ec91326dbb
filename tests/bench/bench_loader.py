"""Work item B: 2,000 samples of jpeg + json + wav in 8 tars, read by talkie and by five other loaders.

    OMP_NUM_THREADS=1 python tests/bench/bench_loader.py [--peers FOLDER] [--rounds N] [--loaders 0 1 2]

FOLDER holds a virtual environment for each peer: webdataset (with torchdata in it), litdata, streaming, energon;
without it, plain webdataset from this environment alone is the measure. All contenders live at the same time and serve
`--samples` after `--samples` in turn, so that a busy machine is busy for all; what is reported are medians over rounds
of the ratio to webdataset in the same round, in processor time (of all processes of a contender) and in wall time:
above 1 is faster. talkie reads the same tars, through a catalogue that is put beside them. Prints one JSON document;
exit code 1 where a target is missed."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from loader_work import BATCH, SAMPLES, make_samples

HERE = Path(__file__).parent
HOMES = {"webdataset": "webdataset", "torchdata": "webdataset", "litdata": "litdata", "streaming": "streaming",
         "energon": "energon"}  # fmt: skip
TARGETS = {"of webdataset": 0.95, "of the others": 1.0, "memory growth": 1.05}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=500, help="served by each in a round")
    parser.add_argument("--loaders", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", help="peers to compare with, beside webdataset")
    parser.add_argument("--speed", action="store_true", help="compare speed alone: no resume, no memory over epochs")
    options = parser.parse_args()
    names = ["webdataset", *(HOMES if options.peers else ())]
    names = [n for n in dict.fromkeys(names) if not options.only or n in (*options.only, "webdataset")]
    with tempfile.TemporaryDirectory(prefix="talkie-loaders-") as folder:
        item = Path(folder) / "item"
        make_samples(item)
        runs = {n: python_of(n, options.peers) for n in ("talkie", *names)}
        absent = {n: why for n in runs if (why := prepared(n, runs[n], item))}
        runs = {n: python for n, python in runs.items() if n not in absent}
        measured = {loaders: compared(runs, item, loaders, options) for loaders in options.loaders}
        resumed, memory = ({}, {}) if options.speed else (resume(item), memory_of_epochs(item))
    report = {"loaders": measured, "resume": resumed, "resident_mb": memory, "absent": absent, "targets": TARGETS}
    report["pass"] = judged(measured, resumed, memory)
    print(json.dumps(report, indent=1))
    return 0 if all(report["pass"].values()) else 1


def python_of(name: str, peers: Path | None) -> str:
    return sys.executable if name == "talkie" or peers is None else str(peers / HOMES[name] / "bin" / "python")


def prepared(name: str, python: str, item: Path) -> str:
    """Lets a contender lay its data out; why it cannot, or nothing."""
    command = [python, str(HERE / "loader_contenders.py"), "prepare", name, str(item)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it ended"])[-1]


@contextmanager
def contender(name: str, python: str, item: Path, loaders: int) -> Iterator[Any]:
    """ask(line) is what the contender answers to a line."""
    command = [python, str(HERE / "loader_contenders.py"), name, str(item), str(loaders)]
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True, bufsize=1
        )

        def ask(line: str) -> dict[str, Any]:
            if line:
                process.stdin.write(line + "\n")
            for answer in process.stdout:
                if answer.startswith("{"):
                    return json.loads(answer)
            complaints.seek(0)
            raise RuntimeError(f"{name} ended: {complaints.read().decode(errors='replace')[-600:]}")

        try:
            yield ask
        finally:
            process.stdin.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def compared(runs: dict[str, str], item: Path, loaders: int, options: argparse.Namespace) -> dict[str, Any]:
    """Figures of every contender: rounds of some samples each, in turn; the first round of each is not timed."""
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in runs}
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        asks: dict[str, Any] = {}
        for name, python in runs.items():
            asks[name] = stack.enter_context(contender(name, python, item, loaders))
            built = attempt(name, asks, failed, "")
            if name in asks and (warm := attempt(name, asks, failed, f"{options.samples}")):
                answers[name].append({**warm, "built_s": built["built_s"]})
        for number in range(options.rounds):
            # Whoever comes first in a round must not always be the same.
            order = list(asks)[number % len(asks) :] + list(asks)[: number % len(asks)]
            for name in order:
                if answer := attempt(name, asks, failed, f"{options.samples}"):
                    answers[name].append(answer)
    base = answers["webdataset"]
    return {name: figures(found, base) for name, found in answers.items() if name not in failed} | {"failed": failed}


def attempt(name: str, asks: dict[str, Any], failed: dict[str, str], line: str) -> dict[str, Any]:
    try:
        return asks[name](line)
    except (RuntimeError, OSError) as error:
        failed[name] = str(error).strip().splitlines()[-1]
        asks.pop(name)
        return {}


def figures(found: list[dict[str, Any]], base: list[dict[str, Any]]) -> dict[str, Any]:
    timed, against = found[1:], base[1:]
    ids = [i for answer in found for i in answer["ids"]]
    return {
        "cpu_ratio": round(median(b["cpu_s"] / t["cpu_s"] for t, b in zip(timed, against, strict=True)), 3),
        "wall_ratio": round(median(b["seconds"] / t["seconds"] for t, b in zip(timed, against, strict=True)), 3),
        "cpu_ms_a_sample": round(1000 * median(t["cpu_s"] / len(t["ids"]) for t in timed), 3),
        "samples_per_s": round(median(len(t["ids"]) / t["seconds"] for t in timed), 1),
        "first_batch_s": round(found[0]["built_s"] + found[0]["first_s"], 3),
        "resident_mb": round(found[-1]["resident_mb"], 1),
        "displacement": round(displacement(ids[:SAMPLES]), 3),
        "neighbours_kept": round(neighbours(ids[:SAMPLES]), 4),
        "distinct_in_2000": len(set(ids[:SAMPLES])),
    }


def displacement(ids: list[str]) -> float:
    """Mean absolute displacement from stored order over that of a uniform shuffle, which is a third of the length."""
    return float(np.mean(np.abs(np.array([int(i, 16) for i in ids]) - np.arange(len(ids)))) / (SAMPLES / 3))


def neighbours(ids: list[str]) -> float:
    """Mean share of the samples of a 256-sample window whose stored neighbour is in it too, less that of a uniform
    shuffle (256 / 2000)."""
    stored = [int(i, 16) for i in ids]
    shares = []
    for at in range(0, len(stored) - 255, 256):
        window = set(stored[at : at + 256])
        shares.append(sum(number + 1 in window for number in window) / 256 - 256 / SAMPLES)
    return float(np.mean(shares))


def resume(item: Path) -> dict[str, dict[str, int]]:
    """talkie stopped after 40 steps and gone on with otherwise: samples that an epoch misses or repeats, and batches
    that differ from the undisturbed ones."""
    from loader_talkie import loader

    steps, stop = SAMPLES // BATCH, 40

    def ids(first: int, last: int, loaders: int, world: int) -> list[list[str]]:
        made = [loader(item, loaders, rank, world, first, BATCH) for rank in range(world)]
        found = [[i for m in made for i in m.batch(step)["ids"]] for step in range(first, last)]
        for m in made:
            m.close()
        return found

    whole = ids(0, steps, 0, 1)
    cases = {"same world": (1, 1, 1, 1), "loaders 0 to 2": (0, 1, 2, 1), "loaders 2 to 0": (2, 1, 0, 1),
             "world 1 to 2": (1, 1, 1, 2), "world 2 to 1": (0, 2, 0, 1)}  # fmt: skip
    report = {}
    for name, (before, world, after, later) in cases.items():
        batches = ids(0, stop, before, world) + ids(stop, steps, after, later)
        flat = [i for batch in batches for i in batch]
        differ = sum(a != b for a, b in zip(batches, whole, strict=True))
        report[name] = {"repeated": len(flat) - len(set(flat)), "missing": SAMPLES - len(set(flat)), "differ": differ}
    return report


def memory_of_epochs(item: Path) -> dict[int, list[float]]:
    """Resident MB of talkie after each of three epochs, by the number of loaders."""
    found = {}
    for loaders in (0, 2):
        with contender("talkie", sys.executable, item, loaders) as ask:
            ask("")
            found[loaders] = [round(ask(f"{SAMPLES}")["resident_mb"], 1) for _ in range(3)]
    return found


def judged(
    measured: dict[int, dict[str, Any]], resumed: dict[str, dict[str, int]], memory: dict[int, list[float]]
) -> dict[str, bool]:
    """Whether the targets are met: in processor time, which other work on the machine disturbs least."""
    judged = {}
    for loaders, found in measured.items():
        ours = found["talkie"]
        judged[f"of webdataset, {loaders} loaders"] = ours["cpu_ratio"] >= TARGETS["of webdataset"]
        for name in ("litdata", "streaming", "energon"):
            if name in found:
                judged[f"of {name}, {loaders} loaders"] = ours["cpu_ratio"] >= found[name]["cpu_ratio"]
    if memory:
        judged["memory flat"] = all(mb[2] <= TARGETS["memory growth"] * mb[0] for mb in memory.values())
    if resumed:
        judged["resume"] = not any(sum(case.values()) for case in resumed.values())
    return judged


if __name__ == "__main__":
    sys.exit(main())
