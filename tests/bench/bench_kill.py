"""Kills the driver, a worker or the raylet of `talkie curate` at random moments, fills its disk, resumes it, and
compares what it leaves with the shards of a run that nobody touched.

    python tests/bench/bench_kill.py [--kills 30] [--seed 0] [--clips FOLDER]

Prints JSON; exit code 1 unless all shards are byte-identical, no clip is missing or there twice, no partial file could
be seen at any time, and nothing of Ray outlives its driver. The full disk is a small tmpfs in a user namespace."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import psutil

from talkie.errors import NotADataset
from talkie.media import encode_mp4, read_audio, read_video
from talkie.shards import Ledger, open_dataset

SOURCES, FRAMES, SIZE = 6, 33, 192
VICTIMS = ("driver", "worker", "raylet")
CURATE = "from talkie.cli import main; main()"
ORPHAN_GRACE_S = 20.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).resolve().parents[3] / "shared" / "clips"
    parser.add_argument("--clips", type=Path, default=Path(os.environ.get("TALKIE_CLIPS", beside)))
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without-full-disk", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-kill-") as folder:
        bench = Bench(Path(folder), options.clips)
        trials = bench.trials(options.kills, random.Random(options.seed))
        full = None if options.without_full_disk else bench.full_disk()
    report = {"undisturbed_s": bench.usual_s, "clips": len(bench.ids), **summarise(trials), "full_disk": full}
    report["passed"] = all(report["checks"].values()) and (full is None or full["skipped"] or full["passed"])
    print(json.dumps(report, indent=1))
    return 0 if report["passed"] else 1


@dataclass
class Trial:
    """One kill, and what was seen until the next or the end."""

    victim: str
    after_s: float
    landed: bool = False
    orphans: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    identical: bool | None = None
    missing: int = 0
    twice: int = 0


def summarise(trials: list[Trial]) -> dict[str, Any]:
    ends = [trial for trial in trials if trial.identical is not None]
    figures = {
        "kills": {victim: sum(t.landed and t.victim == victim for t in trials) for victim in VICTIMS},
        "moments_s": [round(t.after_s, 2) for t in trials if t.landed],
        "missed_the_run": sum(not t.landed for t in trials),
        "compared": len(ends),
        "differing": sum(not t.identical for t in ends),
        "missing": sum(t.missing for t in ends),
        "twice": sum(t.twice for t in ends),
        "partial": sorted({name for t in trials for name in t.partial}),
        "orphans": sorted({name for t in trials for name in t.orphans}),
    }
    zero = ("differing", "missing", "twice", "partial", "orphans")
    return {**figures, "checks": {"all_compared": bool(ends), **{name: not figures[name] for name in zero}}}


class Bench:
    """The footage, the undisturbed run, and disturbed ones."""

    def __init__(self, folder: Path, clips: Path) -> None:
        self.folder, self.footage = folder, folder / "footage"
        film(clips / "weekly_address_a.mp4", self.footage)
        started = time.monotonic()
        assert self.launch(folder / "straight").wait() == 0
        self.usual_s = round(time.monotonic() - started, 1)
        self.reference = visible(folder / "straight")
        self.ids = sorted(open_dataset(folder / "straight").entries)
        # Kills are spread over the last run's length: on a busy machine runs take longer or shorter than the first.
        self._recent = [self.usual_s]

    def launch(self, out: Path, prefix: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        words = ["curate", str(self.footage), "--out", str(out), "--workers", "2", "--size", "128", "--json"]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen([*prefix, sys.executable, "-c", CURATE, *words], stdout=log, stderr=log)

    def trials(self, kills: int, rng: random.Random) -> list[Trial]:
        done: list[Trial] = []
        number = 0
        while sum(trial.landed for trial in done) < kills:
            out = self.folder / f"killed-{number}"
            number += 1
            # A run that was killed is resumed, and now and then killed once more.
            for _ in range(rng.choice((1, 2, 3))):
                trial = Trial(VICTIMS[sum(t.landed for t in done) % 3], 0.0)
                done.append(trial)
                if self.disturb(trial, out, rng):
                    break
            self.finish(done[-1], out)
            print(f"{sum(t.landed for t in done)} kills: {done[-1]}", file=sys.stderr, flush=True)
            shutil.rmtree(out)
        return done

    def disturb(self, trial: Trial, out: Path, rng: random.Random) -> bool:
        """Start, kill, wait for the end. Whether the run reached its end."""
        started = time.monotonic()
        driver = self.launch(out)
        target = rng.uniform(0.1, 1.0) * statistics.median(self._recent[-5:])
        while driver.poll() is None and time.monotonic() - started < target:
            time.sleep(0.02)
        family = descendants(driver.pid)
        victim = None
        while driver.poll() is None and (victim := choose(trial.victim, driver.pid, rng)) is None:
            time.sleep(0.05)
        trial.after_s = time.monotonic() - started
        if victim is not None:
            family = descendants(driver.pid)
            victim.kill()
            trial.landed = True
        trial.partial += partial_files(out)
        code = driver.wait()
        if code == 0:
            self._recent.append(time.monotonic() - started)
        _, alive = psutil.wait_procs(family, timeout=ORPHAN_GRACE_S)
        trial.orphans = [p.name() for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        trial.partial += partial_files(out)
        return code == 0

    def finish(self, trial: Trial, out: Path) -> None:
        """Resume to the end and compare."""
        code = self.launch(out).wait()
        ids = [entry for shard in open_dataset(out).index.shards for entry in open_dataset(out).ids_of(shard.name)]
        trial.identical = code == 0 and visible(out) == self.reference and ledger_is_whole(out)
        trial.missing = len(set(self.ids) - set(ids))
        trial.twice = len(ids) - len(set(ids))
        trial.partial += partial_files(out) + hidden_leftovers(out)

    def full_disk(self) -> dict[str, Any]:
        """The output on a tmpfs that has room for half of the shards; then with room."""
        size = sum(path.stat().st_size for path in (self.folder / "straight").iterdir())
        out = self.folder / "full" / "out"
        out.parent.mkdir()
        kept = self.folder / "kept"
        script = f'mount -t tmpfs -o size={size // 2} none "$0" && shift; "$@"; code=$?; cp -a "$0" {kept}; exit $code'
        prefix = ("unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script, str(out.parent), "mounted")
        if subprocess.run([*prefix[:4], "true"], check=False, capture_output=True).returncode:
            return {"skipped": "no user namespaces here", "passed": False}
        code = self.launch(out, prefix).wait()
        told = "the disk is full" in (self.folder / "log").read_text(errors="replace")
        partial = partial_files(kept / "out")
        ledger = len(Ledger(kept / "out").entries())
        resumed = self.launch(kept / "out").wait()
        identical = visible(kept / "out") == self.reference
        figures = {"exit_code": code, "typed": told, "partial": partial, "ledger_lines_before": ledger}
        passed = code == 2 and told and not partial and resumed == 0 and identical
        return {"skipped": "", **figures, "resumed": resumed == 0, "identical": identical, "passed": passed}


def film(clip: Path, folder: Path) -> None:
    """Short pieces of one clip."""
    folder.mkdir()
    frames = [
        cv2.resize(frame, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        for _, _, frame in islice(read_video(clip), SOURCES * FRAMES)
    ]
    sound = read_audio(clip)
    assert sound is not None
    for number in range(SOURCES):
        first, end = number * FRAMES, (number + 1) * FRAMES
        (folder / f"{number}.mp4").write_bytes(encode_mp4(frames[first:end], audio=sound[first * 640 : end * 640]))


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def choose(victim: str, driver: int, rng: random.Random) -> psutil.Process | None:
    """The process to kill, once there is one."""
    is_victim: dict[str, Callable[[str], bool]] = {
        "worker": lambda name: name.startswith("ray::EngineActor"),
        "raylet": lambda name: name.split(" ")[0].endswith("/raylet"),
    }
    if victim == "driver":
        return psutil.Process(driver)
    found = []
    for process in descendants(driver):
        try:
            found += [process] if is_victim[victim](" ".join(process.cmdline())) else []
        except psutil.Error:
            continue
    return rng.choice(found) if found else None


def visible(out: Path) -> dict[str, str]:
    """Digests of what a reader of the folder sees, without the ledger, whose order is that of the work."""
    files = sorted(p for p in out.iterdir() if not p.name.startswith(".") and p.name != "ledger.jsonl")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def partial_files(out: Path) -> list[str]:
    """Shards that are not what their names say, and an index whose shards do not verify."""
    if not out.is_dir():
        return []
    shards = [name for name in out.glob("talkie-*.tar") if not name.name.startswith(".")]
    wrong = [path.name for path in shards if not digest_of(path).startswith(path.stem.rsplit("-", 1)[1])]
    # Nothing is committed yet, or it is replaced while it is read.
    with contextlib.suppress(NotADataset, FileNotFoundError):
        open_dataset(out).verify()
    return wrong


def digest_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return path.stem.rsplit("-", 1)[1]


def hidden_leftovers(out: Path) -> list[str]:
    return [path.name for path in out.iterdir() if path.name.startswith(".")]


def ledger_is_whole(out: Path) -> bool:
    """Every source is done, once, in its newest attempt."""
    latest = Ledger(out).latest()
    return len(latest) == SOURCES and all(
        [e.status for e in entries].count("done") == 1 and entries[-1].status == "done" for entries in latest.values()
    )


if __name__ == "__main__":
    sys.exit(main())
