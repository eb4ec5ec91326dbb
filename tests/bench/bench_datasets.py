"""Measures how fast adapters walk: records per second and memory over a tree of many small files.

    python tests/bench/bench_datasets.py [--files 40000]

A VoxCeleb2 tree of hard links is walked whole and a tenth of it; memory must not grow with the number of files.
Prints one JSON document; exit code 1 where a figure is missed."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from talkie.media import encode_mp4
from talkie_datasets.base import Skipped
from talkie_datasets.voxceleb2 import VoxCeleb2

TARGETS = {"records_per_s": 1000.0, "memory_growth_mb": 0.1}
PER_VIDEO, VIDEOS_PER_PERSON = 10, 10
LINKS = 20_000
"""Names per inode; file systems allow some 65,000."""


def plant(root: Path, count: int) -> None:
    """`count` utterances, people by people."""
    frames = np.zeros((5, 64, 64, 3), np.uint8)
    sample = encode_mp4(frames, audio=np.zeros(3200, np.float32))
    source = root / "sample.mp4"
    for number in range(count):
        if number % LINKS == 0:
            source = root / f"sample{number}.mp4"
            source.write_bytes(sample)
        video, utterance = divmod(number, PER_VIDEO)
        folder = root / "dev" / "mp4" / f"id{video // VIDEOS_PER_PERSON:05d}" / f"video{video:06d}"
        folder.mkdir(parents=True, exist_ok=True)
        os.link(source, folder / f"{utterance:05d}.mp4")


def walk(root: Path, count: int) -> float:
    """Seconds that the first `count` records take."""
    start = time.perf_counter()
    for number, item in enumerate(VoxCeleb2().records(root), 1):
        assert not isinstance(item, Skipped), item
        if number == count:
            break
    return time.perf_counter() - start


def held(root: Path, count: int) -> float:
    """MB that a walk holds at its `count`-th record.

    pathlib interns the parts of every path, and the interpreter's table of interned strings never shrinks: that
    table is not the walk's and is left out."""
    tracemalloc.start()
    for number, _ in enumerate(VoxCeleb2().records(root), 1):
        if number == count:
            break
    others = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, pathlib.__file__)])
    tracemalloc.stop()
    return sum(trace.size for trace in others.traces) / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=40_000)
    count = parser.parse_args().files
    with tempfile.TemporaryDirectory(prefix="talkie-bench-") as folder:
        plant(Path(folder), count)
        seconds = walk(Path(folder), count)
        few, many = held(Path(folder), count // 10), held(Path(folder), count)
    figures = {"records_per_s": count / seconds, "memory_mb": many, "memory_growth_mb": many - few}
    passed = {
        "records_per_s": figures["records_per_s"] >= TARGETS["records_per_s"],
        "memory_growth_mb": figures["memory_growth_mb"] <= TARGETS["memory_growth_mb"],
    }
    figures = {name: round(value, 3) for name, value in figures.items()}
    print(json.dumps({"files": count, "figures": figures, "targets": TARGETS, "passed": passed}, indent=2))
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
