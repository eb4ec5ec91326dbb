"""How the books of a large corpus behave: the ledger at millions of lines, report and takedown at thousands of clips.

    python tests/bench/bench_books.py [--lines 1000000] [--clips 20000]

Prints one JSON object with figures, targets and whether they were reached; exits 1 on a miss. Times are of the
process, so that other work on the machine does not count, but for an append, which waits for the disk; memory is the
process's growth while a question is answered."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from talkie.clip import ClipRecord, Source
from talkie.curation.books import takedown
from talkie.curation.report import write_report
from talkie.media import encode_mp4
from talkie.shards import Ledger, LedgerEntry, RawClip, commit, open_dataset, segments

TARGETS = {
    "append_ms": 50.0,
    "closings_s_per_million": 0.5,
    "dead_letters_us": 40.0,
    "question_mb_per_million": 40.0,
    "report_s": 120.0,
    "report_mb": 15.0,
    "report_grows_mb": 500.0,
    "takedown_s": 60.0,
}
"""A question about few sources is one pass over nine bytes a line; one about dead letters pays for those it returns. A
takedown reads every catalogue and rewrites one shard."""


class Growth:
    """The most that this process's memory has grown by since the block began, in MB."""

    def __enter__(self) -> Growth:
        self._process, self._over = psutil.Process(), threading.Event()
        self._before = self._most = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self._most = max(self._most, self._process.memory_info().rss)

    @property
    def mb(self) -> float:
        return (self._most - self._before) / 1e6


def fill(folder: Path, lines: int, per_file: int = 100_000) -> None:
    """A ledger of that many lines in Parquet: nine sources in ten done, the tenth dead, a drop before every fourth."""
    rest = f'"name": "take.mp4", "settings": "{"5" * 64}", "step": "track", "versions": {{"av": "18", "talkie": "0.1"}}'
    for number in range(lines // per_file):
        rows: list[segments.Row] = []
        for i in range(number * per_file, (number + 1) * per_file):
            kind, cause = ("drop", "no_face") if i % 4 == 1 else ("dead", "not_media") if i % 10 == 0 else ("done", "")
            source = i - (kind != "drop" and i % 4 == 2)
            key = key_of(source)
            said = f'"cause": "{cause}", ' if cause else ""
            line = f'{{{said}{rest}, "sha256": "{key}", "status": "{kind}", "uri": "/in/{source}.mp4"}}'
            rows.append((key, kind != "drop", kind, cause, line))
        segments.write(segments.path_of(folder, number), rows)


def key_of(source: int) -> str:
    """A digest-like key, without the time that a digest takes."""
    return f"{source * 11400714819323198485 % 2**64:016x}" * 4


def ledger_figures(folder: Path, lines: int) -> dict[str, float]:
    fill(folder, lines)
    ledger = Ledger(folder)
    appended = []
    for i in range(20):
        start = time.perf_counter()
        ledger.append(LedgerEntry(sha256=f"{i}", name="n", uri="u", status="done"))
        appended.append(time.perf_counter() - start)
    keys = {key_of(i) for i in range(3, lines, lines // 50)}
    with Growth() as growth:
        start = time.process_time()
        found = ledger.closings(keys)
        closings = time.process_time() - start
    assert found
    start = time.process_time()
    dropped = sum(1 for _ in ledger.newest("dead"))
    drops = time.process_time() - start
    millions = lines / 1e6
    return {
        "append_ms": 1000 * statistics.median(appended),
        "closings_s_per_million": closings / millions,
        "dead_letters_us": 1e6 * drops / dropped,
        "question_mb_per_million": growth.mb / millions,
        "dead_letters": dropped,
        "ledger_mb": sum(p.stat().st_size for p in segments.paths(folder)) / 1e6,
    }


def corpus(folder: Path, clips: int) -> None:
    """Tiny clips of 500 people from a source for every five."""
    video = encode_mp4(np.stack([np.full((64, 64, 3), 9 * t, np.uint8) for t in range(25)]))
    draw = np.random.default_rng(0)

    def clip(i: int) -> RawClip:
        source = Source(
            uri=f"/in/{i // 5}.mp4", name=f"{i // 5}.mp4", sha256=f"{i // 5:064x}", start_s=i % 5, end_s=i % 5 + 1
        )
        record = ClipRecord(
            id=f"{i * 11400714819323198485 % 2**64:016x}", source=source, frames=25, identity=f"person {i // 5 % 500}",
            split="train", scores={"face_px": float(draw.normal(180, 40)), "yaw_deg": float(draw.normal(0, 12))},
        )  # fmt: skip
        return RawClip(record, {"mp4": video})

    commit(folder, (clip(i) for i in range(clips)), settings={"tool": "bench"}, max_shard_bytes=32 * 2**20)


def corpus_figures(folder: Path, clips: int) -> dict[str, float]:
    corpus(folder, clips)
    with Growth() as growth:
        start = time.process_time()
        summary = write_report(folder, folder.parent / "report.html")
        report = time.process_time() - start
    start = time.process_time()
    gone = takedown(folder, "/in/7.mp4", max_shard_bytes=32 * 2**20)
    took = time.process_time() - start
    assert len(gone.found.clips) == 5
    assert len(gone.rewritten) == 1
    return {
        "report_s": report,
        "report_mb": summary.bytes / 1e6,
        "report_grows_mb": growth.mb,
        "takedown_s": took,
        "shards": len(open_dataset(folder).index.shards),
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--clips", type=int, default=20_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        (root / "ledger").mkdir()
        figures = ledger_figures(root / "ledger", asked.lines) | corpus_figures(root / "corpus", asked.clips)
    passed = {name: figures[name] <= most for name, most in TARGETS.items()}
    rounded = {name: round(value, 3) for name, value in figures.items()}
    print(
        json.dumps({"lines": asked.lines, "clips": asked.clips, "figures": rounded, "targets": TARGETS, "pass": passed})
    )
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
