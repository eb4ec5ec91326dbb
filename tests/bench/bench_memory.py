"""Memory of a whole curation over 20, 200 and 2,000 sources: flat, and under the limit that is given.

    python tests/bench/bench_memory.py [--sources 20 200 2000] [--limit-mib 3072]

Only the worker's inside is replaced: for each source it holds 128 MiB for half a second and stages a clip of the size
of a real one (five seconds, 400 KB in twelve members). Discovery, engine, staging, commit and ledger are the real ones.
What counts is what driver, Ray and workers hold together, the highest of a run: proportional sets, in which a page that
several share counts once. They are looked at four times a second, so that what each unit holds is seen: a height that
lasts shorter would show in a long run, where one of many looks falls on it, and not in a short one, which would tell of
the looks and not of the memory. For each kind of process its own highest sum is told as well.

Prints JSON; exit code 1 where the largest run's peak is over 1.1 times the smallest's, of all together or of the
driver, or any is over the limit."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

FRAMES = 125
MEMBERS = {
    "mp4": 150_000,
    "flac": 90_000,
    "landmarks.npy": 60_000,
    "head.npz": 40_000,
    "phones.json": 4_000,
    "txt": 80,
    "gaze.npz": 3_000,
    "action_units.npz": 12_000,
    "pose.npz": 6_000,
    "hands.npz": 6_000,
    "prosody.npz": 8_000,
    "speaking.npz": 2_000,
}
HELD = 128 * 2**20
HELD_S = 0.5
LOOK_S = 0.25
FLAT = 1.10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, nargs="+", default=[20, 200, 2000])
    parser.add_argument("--limit-mib", type=int, default=3072)
    parser.add_argument("--one", type=Path, help="a folder: the run of that alone, as this program calls itself")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one, options.sources[0], options.limit_mib * 2**20)))
        return 0
    runs = [alone(count, options.limit_mib) for count in options.sources]
    peaks = [run["peak_mib"] for run in runs]
    report: dict[str, Any] = {"limit_mib": options.limit_mib, "runs": runs, "ratio": round(peaks[-1] / peaks[0], 3)}
    report["driver_ratio"] = round(runs[-1]["by_process_mib"]["driver"] / runs[0]["by_process_mib"]["driver"], 3)
    report["checks"] = {
        "flat": report["ratio"] <= FLAT,
        "driver_flat": report["driver_ratio"] <= FLAT,
        "under_limit": max(peaks) <= options.limit_mib,
        "all_done": all(run["clips"] == run["sources"] for run in runs),
    }
    print(json.dumps(report, indent=1))
    return 0 if all(report["checks"].values()) else 1


def alone(count: int, limit_mib: int) -> dict[str, Any]:
    """One run in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="talkie-memory-") as folder:
        words = ["--sources", str(count), "--limit-mib", str(limit_mib), "--one", folder]
        told = subprocess.run([sys.executable, __file__, *words], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(told)


def one(folder: Path, count: int, limit: int) -> dict[str, Any]:
    from ray import cloudpickle

    from talkie.curation import curate, pipeline

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    vars(pipeline)["CuratorFactory"] = FakeFactory
    footage = folder / "footage"
    footage.mkdir()
    for number in range(count):
        (footage / f"{number:05}.mp4").write_bytes(random.Random(number).randbytes(2000))
    with Watch() as watch:
        summary = curate([footage], folder / "out", workers=2, memory_bytes=limit, on_event=watch.hear)
    return {
        "sources": count,
        "clips": summary.clips_total,
        "dead": summary.dead,
        "wall_s": round(summary.wall_s, 1),
        "settling_s": round(watch.settling_s, 1),
        "peak_mib": round(watch.peak / 2**20),
        "by_process_mib": watch.by_name(),
    }


class FakeFactory:
    """In the place of CuratorFactory: takes the same settings, needs no model."""

    def __init__(self, config: Any, out: str, settings_digest: str) -> None:
        self.config, self.out, self.settings_digest = config, out, settings_digest

    def __call__(self) -> FakeWorker:
        return FakeWorker(self.out, self.settings_digest)


class FakeWorker:
    def __init__(self, out: str, digest: str) -> None:
        from talkie.curation.staging import Staging

        self.staging, self.digest = Staging(Path(out), digest), digest

    def work(self, unit: Any) -> Any:
        from talkie.clip import ClipRecord, Source, clip_id
        from talkie.curation.engine import Brief
        from talkie.curation.process import Outcome
        from talkie.curation.worker import note
        from talkie.shards import LedgerEntry, RawClip

        # In one piece: a copy of it would be twice as much for a moment.
        held = bytearray(b"f") * HELD
        time.sleep(HELD_S)
        source = unit.payload
        span = Source(uri=source.uri, name=source.name, sha256=source.sha256, start_s=0.0, end_s=FRAMES / 25)
        record = ClipRecord(
            id=clip_id(source.sha256, 0.0, FRAMES / 25), source=span, frames=FRAMES, identity=source.key, split="train"
        )
        noise = random.Random(source.sha256)
        clip = RawClip(record, {name: noise.randbytes(size) for name, size in MEMBERS.items()})
        entry = LedgerEntry(
            sha256=source.key,
            name=source.name,
            uri=source.uri,
            status="done",
            clips=[record.id],
            settings=self.digest,
            versions={"held": hashlib.sha256(held[:64]).hexdigest()},
        )
        outcome = Outcome([clip], [entry], FRAMES / 25)
        self.staging.put(source.key, outcome)
        return Brief(note(outcome))


class Watch:
    """Most that this process and all below it held, together and by kind of process; how long settling took."""

    def __enter__(self) -> Watch:
        self.peak, self.settling_s, self._settling = 0, 0.0, 0.0
        self._most: dict[str, int] = {}
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        me, now = psutil.Process(os.getpid()), dict[str, int]()
        for process in [me, *me.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                name = "driver" if process == me else process.name()
                now[name] = now.get(name, 0) + process.memory_full_info().pss
        with self._lock:
            self.peak = max(self.peak, sum(now.values()))
            self._most = {name: max(now.get(name, 0), self._most.get(name, 0)) for name in now | self._most}

    def hear(self, event: Any) -> None:
        """Ray ends before settling begins: what the driver shared with it counts as the driver's alone from there on,
        which a short run would be over with between two looks."""
        if event.kind in ("settling", "settled"):
            self._look()
        if event.kind == "settling":
            self._settling = time.monotonic()
        if event.kind == "settled":
            self.settling_s = time.monotonic() - self._settling

    def by_name(self) -> dict[str, int]:
        return {name: round(size / 2**20) for name, size in sorted(self._most.items(), key=lambda i: -i[1])}


if __name__ == "__main__":
    sys.exit(main())
