"""Kills the driver, a worker or the raylet of a curation at random moments, fills its disk, resumes it, and compares
what it leaves with the shards of a run that nobody touched.

    python tests/bench/bench_kill.py [--kills 30] [--seed 0] [--clips FOLDER]

A third of the kills each; those of the driver fall in turn at a random moment of the run and, where a moment would
hardly ever hit it, right before a random one of the file operations (sync, rename, replace, unlink) of settling and
commit. A driver is a fork of this process, which has loaded the library already, and works on a cluster that outlives
it; only where the raylet is to be killed does it start its own. The work is the real one on one-second sources, with
the recipe `permissive` without labels but the fingerprints that settling compares. The disk is a tmpfs in a mount
namespace of the driver's own, with room for a third of what a run needs at its height (it ends in the workers) and for
three quarters (it ends in the commit).

Prints JSON; exit code 1 unless all shards are byte-identical, no clip is missing or there twice, no partial file could
be seen at any time, and no process outlives what it belongs to."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import kill_checks as checks
import psutil
import ray  # noqa: F401 - loaded once, for all drivers

from talkie.cluster import ADDRESS_VARIABLE, start_ray
from talkie.curation import CurateConfig, curate
from talkie.curation.judgement.recipes import changed, load_recipe
from talkie.errors import DiskFull
from talkie.shards import Ledger, open_dataset

VICTIMS = ("driver", "worker", "raylet")
OPERATIONS = ("fsync", "rename", "replace", "unlink")
ORPHAN_GRACE_S = 30.0
CLONE_NEWNS, MS_REC_PRIVATE = 0x00020000, 0x4000 | 0x40000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).resolve().parents[3] / "shared" / "clips"
    parser.add_argument("--clips", type=Path, default=Path(os.environ.get("TALKIE_CLIPS", beside)))
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, help="begin no further trial after this long; fewer kills fail")
    parser.add_argument("--without-full-disk", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-kill-") as folder:
        bench = Bench(Path(folder), options.clips)
        try:
            full = {} if options.without_full_disk else {f"{room:.2f}": bench.full_disk(room) for room in (0.33, 0.75)}
            print(f"full disk: {full}", file=sys.stderr, flush=True)
            trials = bench.trials(options.kills, random.Random(options.seed), options.minutes)
        finally:
            bench.close()
    report = {"undisturbed_s": bench.usual_s, "clips": len(bench.ids), **summarise(trials), "full_disk": full}
    report["checks"]["enough"] = sum(report["kills"].values()) >= options.kills
    report["passed"] = all(report["checks"].values()) and all(trial["passed"] for trial in full.values())
    print(json.dumps(report, indent=1))
    return 0 if report["passed"] else 1


@dataclass
class Trial:
    """One kill, and what was seen until the next or the end. stage: what the run had begun last when it fell."""

    victim: str
    operation: int | None = None
    after_s: float = 0.0
    stage: str = ""
    landed: bool = False
    orphans: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    identical: bool | None = None
    missing: int = 0
    twice: int = 0


def summarise(trials: list[Trial]) -> dict[str, Any]:
    landed = [trial for trial in trials if trial.landed]
    ends = [trial for trial in trials if trial.identical is not None]
    figures = {
        "kills": dict(Counter(trial.victim for trial in landed)),
        "stages": dict(Counter(f"{trial.victim} in {trial.stage}" for trial in landed)),
        "commit_operations": sorted(trial.operation for trial in landed if trial.operation is not None),
        "moments_s": [round(trial.after_s, 2) for trial in landed],
        "missed_the_run": len(trials) - len(landed),
        "compared": len(ends),
        "differing": sum(not trial.identical for trial in ends),
        "missing": sum(trial.missing for trial in ends),
        "twice": sum(trial.twice for trial in ends),
        "partial": sorted({name for trial in trials for name in trial.partial}),
        "orphans": sorted({name for trial in trials for name in trial.orphans}),
    }
    zero = ("differing", "missing", "twice", "partial", "orphans")
    return {**figures, "checks": {"all_compared": bool(ends), **{name: not figures[name] for name in zero}}}


class Bench:
    """The footage, the cluster, the undisturbed run, and disturbed ones."""

    def __init__(self, folder: Path, clips: Path) -> None:
        self.folder, self.footage = folder, folder / "footage"
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        checks.film(clips / "weekly_address_a.mp4", self.footage)
        recipe = load_recipe("permissive")
        self.config = CurateConfig(
            recipe=changed(recipe, {"labels": [], "scores": [], "filters": {}, "crop": {"size": 96}})
        )
        self.cluster, address = keep_cluster(folder)
        os.environ[ADDRESS_VARIABLE] = address
        self.tops = folder / "operations"
        started = time.monotonic()
        if self.launch(folder / "straight", count=True).wait() != 0:
            self.close()
            raise SystemExit((folder / "log").read_text())
        self.usual_s = round(time.monotonic() - started, 1)
        self.operations = int(self.tops.read_text())
        self.reference = checks.visible(folder / "straight")
        self.ids = sorted(open_dataset(folder / "straight").entries)
        # Kills are spread over the last run's length: on a busy machine runs take longer or shorter than the first.
        self._recent = [self.usual_s]

    def close(self) -> None:
        os.kill(self.cluster, signal.SIGTERM)
        os.waitpid(self.cluster, 0)

    def launch(
        self, out: Path, *, own: bool = False, workers: int = 2, die_at: int | None = None, count: bool = False,
        room: int | None = None, kept: Path | None = None,
    ) -> Driver:  # fmt: skip
        """A driver. own: with a cluster of its own; die_at: killed before that file operation of the commit; count: it
        writes down how many there are; room: bytes of the tmpfs that `out` lies on, copied to `kept` at the end."""
        stage = self.folder / f"stage-{time.monotonic_ns()}"
        pid = os.fork()
        if pid:
            return Driver(pid, stage)
        code = 70
        try:
            log = os.open(self.folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.dup2(log, 1)
            os.dup2(log, 2)
            if own:
                os.environ.pop(ADDRESS_VARIABLE)
            if room is not None:
                mount_tmpfs(out.parent, room)
            operations = Operations(die_at)

            def tell(event: Any) -> None:
                stage.write_text(event.kind)
                if event.kind == "settling":
                    operations.watch()

            code = run(self.footage, out, self.config, workers, tell)
            if count:
                self.tops.write_text(str(operations.seen))
            if kept is not None:
                shutil.copytree(out, kept)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def trials(self, kills: int, rng: random.Random, minutes: float | None = None) -> list[Trial]:
        done: list[Trial] = []
        end = time.monotonic() + 60 * (minutes or 1e9)
        number = 0
        while (landed := sum(trial.landed for trial in done)) < kills and time.monotonic() < end:
            out = self.folder / f"killed-{number}"
            number += 1
            # A run that was killed is resumed, and now and then killed once more.
            for _ in range(min(rng.choice((1, 2, 3)), kills - landed)):
                landed = sum(trial.landed for trial in done)
                trial = Trial(VICTIMS[landed % 3])
                if trial.victim == "driver" and landed % 6 == 0:
                    trial.operation = rng.randrange(self.operations)
                done.append(trial)
                if self.disturb(trial, out, rng):
                    break
            self.finish(done[-1], out, rng.choice((1, 1, 2)))
            print(f"{sum(t.landed for t in done)} kills: {done[-1]}", file=sys.stderr, flush=True)
            shutil.rmtree(out)
        return done

    def disturb(self, trial: Trial, out: Path, rng: random.Random) -> bool:
        """Start, kill, wait for the end. Whether the run reached its end."""
        started = time.monotonic()
        own, workers = trial.victim == "raylet", rng.choice((1, 1, 2))
        target = rng.uniform(0.1, 1.0) * statistics.median(self._recent[-5:])
        driver = self.launch(out, own=own, workers=workers, die_at=trial.operation)
        family: list[psutil.Process] = []
        if trial.operation is None:
            while driver.poll() is None and time.monotonic() - started < target:
                time.sleep(0.02)
            victim = None
            while driver.poll() is None and (victim := self.choose(trial.victim, driver, rng)) is None:
                time.sleep(0.05)
            trial.after_s, trial.stage = time.monotonic() - started, driver.stage
            if victim is not None:
                family = checks.descendants(driver.pid)
                victim.kill()
                trial.landed = True
            trial.partial += checks.partial_files(out)
        code = driver.wait()
        if trial.operation is not None:
            trial.landed, trial.after_s, trial.stage = code == -signal.SIGKILL, time.monotonic() - started, "commit"
        if code == 0:
            self._recent.append(time.monotonic() - started)
        trial.orphans = survivors(family if own else checks.workers_of(self.cluster))
        trial.partial += checks.partial_files(out)
        return code == 0

    def choose(self, victim: str, driver: Driver, rng: random.Random) -> psutil.Process | None:
        """The process to kill, once there is one."""
        if victim == "driver":
            return psutil.Process(driver.pid)
        found = checks.raylets(driver.pid) if victim == "raylet" else checks.workers_of(self.cluster)
        return rng.choice(found) if found else None

    def finish(self, trial: Trial, out: Path, workers: int) -> None:
        """Resume to the end and compare."""
        code = self.launch(out, workers=workers).wait()
        dataset = open_dataset(out)
        ids = [clip for shard in dataset.index.shards for clip in dataset.ids_of(shard.name)]
        trial.identical = code == 0 and checks.visible(out) == self.reference and checks.ledger_is_whole(out)
        trial.missing = len(set(self.ids) - set(ids))
        trial.twice = len(ids) - len(set(ids))
        trial.partial += checks.partial_files(out) + checks.hidden_leftovers(out)

    def full_disk(self, room: float) -> dict[str, Any]:
        """The output on a disk with room for this share of what a run needs at its height, about twice its shards;
        then with room."""
        size = 2 * sum(path.stat().st_size for path in (self.folder / "straight").iterdir())
        out, kept = self.folder / f"full-{room}" / "out", self.folder / f"kept-{room}"
        out.parent.mkdir()
        code = self.launch(out, own=True, room=int(room * size), kept=kept).wait()
        partial, lines = checks.partial_files(kept), len(Ledger(kept).entries())
        resumed = self.launch(kept).wait()
        identical = checks.visible(kept) == self.reference and checks.ledger_is_whole(kept)
        figures = {"typed": code == 2, "partial": partial, "ledger_lines_before": lines, "identical": identical}
        return {**figures, "passed": code == 2 and not partial and resumed == 0 and identical}


def run(footage: Path, out: Path, config: CurateConfig, workers: int, tell: Callable[[Any], None]) -> int:
    """The exit code that the command line would give."""
    try:
        curate([footage], out, config, workers=workers, on_event=tell)
    except DiskFull:
        return 2
    return 0


@dataclass
class Driver:
    """A forked driver; its stage is the newest event it told."""

    pid: int
    _stage: Path
    code: int | None = None

    @property
    def stage(self) -> str:
        return (self._stage.read_text() or "work") if self._stage.exists() else "start"

    def poll(self) -> int | None:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def wait(self) -> int:
        while (code := self.poll()) is None:
            time.sleep(0.02)
        return code


class Operations:
    """Counts a process's file operations from `watch` on, and kills it right before one of them."""

    def __init__(self, die_at: int | None) -> None:
        self.seen, self._die_at = 0, die_at

    def watch(self) -> None:
        for name in OPERATIONS:
            setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **named: Any) -> Any:
            if self.seen == self._die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.seen += 1
            return operation(*values, **named)

        return call


def keep_cluster(folder: Path) -> tuple[int, str]:
    """The process id and the address of a cluster that lives until its process gets a SIGTERM."""
    told = folder / "address"
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            with start_ray(num_cpus=2) as cluster:
                told.with_suffix(".new").write_text(cluster.address)
                told.with_suffix(".new").rename(told)
                while True:
                    time.sleep(1)
        finally:
            os._exit(0)
    while not told.exists():
        time.sleep(0.1)
    return pid, told.read_text()


def mount_tmpfs(folder: Path, size: int) -> None:
    """A small disk that only this process and those it starts see."""
    libc = ctypes.CDLL(None, use_errno=True)
    for failed in (
        libc.unshare(CLONE_NEWNS),
        libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None),
        libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, f"size={size}".encode()),
    ):
        if failed:
            raise OSError(ctypes.get_errno(), "no disk can be mounted here", str(folder))


def survivors(processes: list[psutil.Process]) -> list[str]:
    """Names of those that are still there after a while."""
    _, alive = psutil.wait_procs(processes, timeout=ORPHAN_GRACE_S)
    return [process.name() for process in alive if process.status() != psutil.STATUS_ZOMBIE]


if __name__ == "__main__":
    sys.exit(main())
