"""What `talkie train --estimate` says beside what the run then takes: memory of the worker, and seconds of the steps.

    python tests/bench/bench_estimate.py [--data SHARDS]

unitalker at two presets and a sweep of batch sizes, facestab at two; on stage shards that it films first, or on those
that are named; one worker with one thread. The seconds of a run are those of its steps, as its events tell them: what
Ray needs to start is the same for a run of any length. Prints one JSON object; exits with 1 where an estimate misses by
more than 25 %. Wants a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from talkie.cluster import start_ray
from talkie.training import TrainConfig, TrainEvent, train
from talkie.training.estimate import estimate

TARGET = 0.25
LOG_EVERY = 10


@dataclass(frozen=True)
class Case:
    """A run, cut to so many steps that it lasts a minute at most."""

    system: str
    preset: str
    batch_size: int
    overrides: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.system} {self.preset}, batch {self.batch_size}"


CASES = (
    Case("unitalker", "micro", 4, {"steps": 300, "warm_up_steps": 20}),
    Case("unitalker", "tiny", 4, {"steps": 60, "warm_up_steps": 20}),
    Case("unitalker", "tiny", 8, {"steps": 60, "warm_up_steps": 20}),
    Case("unitalker", "tiny", 16, {"steps": 60, "warm_up_steps": 20}),
    Case("facestab", "tiny", 6, {"steps": 120, "batch": 6}),
    Case("facestab", "tiny", 12, {"steps": 80, "batch": 12}),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="shards to train on; default: filmed for this")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-estimate-") as folder:
        data = options.data or filmed(Path(folder) / "stage")
        cases = [case for case in CASES if options.only in case.name]
        said = [estimate(config_of(case), data) for case in cases]
        with start_ray(num_cpus=2):
            figures = [
                compared(c, s, data, Path(folder) / str(n)) for n, (c, s) in enumerate(zip(cases, said, strict=True))
            ]
    passed = {
        f"{f['case']}: {what}": abs(f[what]["off"]) <= TARGET for f in figures for what in ("memory_mb", "seconds")
    }
    print(json.dumps({"figures": figures, "targets": {"off by at most": TARGET}, "pass": passed}, indent=1))
    return 0 if all(passed.values()) else 1


def filmed(folder: Path) -> Path:
    words = ("record", str(folder), "--clips", "12", "--people", "6", "--size", "64")
    talkie = [sys.executable, "-c", "from talkie.cli import main; main()"]
    subprocess.run([*talkie, *words], check=True, capture_output=True)
    return folder


def config_of(case: Case) -> TrainConfig:
    return TrainConfig(
        system=case.system,
        preset=case.preset,
        overrides=case.overrides,
        batch_size=case.batch_size,
        threads=1,
        log_every=LOG_EVERY,
        checkpoint_every=100,
    )


def compared(case: Case, said: Any, data: Path, out: Path) -> dict[str, Any]:
    events: list[TrainEvent] = []
    result = train(config_of(case), data, out, on_event=events.append)
    seconds = sum(e.meters["step_s"] * LOG_EVERY for e in events if e.kind == "step")
    assert result.memory_gb is not None
    figures = {
        "case": case.name,
        "memory_mb": beside(said.memory_mb, result.memory_gb * 1024),
        "seconds": beside(said.seconds, seconds),
        "seconds of the whole run, starts included": round(result.seconds, 1),
    }
    print(figures, file=sys.stderr, flush=True)
    return figures


def beside(estimated: float, measured: float) -> dict[str, float]:
    off = estimated / measured - 1
    return {"estimated": round(estimated, 2), "measured": round(measured, 2), "off": round(off, 3)}


if __name__ == "__main__":
    sys.exit(main())
