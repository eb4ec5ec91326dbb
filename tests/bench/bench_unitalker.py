"""Trains `unitalker` on stage shards and prints how far its lip error lies below the mean-motion baseline and the
shuffled-audio control, on identities that training never saw. Not a test: run it with
`python tests/bench/bench_unitalker.py [--data DIR | --clips N] [--claims]`; it prints JSON."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from talkie.evaluation import evaluate
from talkie.experiments import run_training
from talkie.shards import open_dataset
from talkie.stage import load_shoot, record
from talkie.training import TrainConfig, TrainEvent

TARGETS = {"lve over mean motion": 0.25, "lve over shuffled audio": 0.15}
SECONDS = 240


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        data = arguments.data or _recorded(Path(scratch) / "stage", arguments.clips, arguments.seed)
        home = Path(scratch) / "home"
        config = TrainConfig(system="unitalker", seed=arguments.seed, overrides=json.loads(arguments.overrides))
        began = time.monotonic()
        trained = run_training(config, data, home, on_event=_show)
        seconds = time.monotonic() - began
        report = evaluate("unitalker", data, home, claims=arguments.claims)
        dataset = open_dataset(data)
        figures = {
            "clips": {split: len(dataset.ids(split)) for split in ("train", "val", "test")},
            "footage_s": dataset.seconds,
            "steps": trained.result.steps,
            "seconds": {"whole": round(seconds, 1), "with Ray and preparation": round(trained.result.seconds, 1)},
            "lve_m2": {r.subject: _bounded(r.measurements["lve"]) for r in report.rows},
            "mve_m": {r.subject: r.measurements["mve"].value for r in report.rows},
            "fdd_m2": {r.subject: r.measurements["fdd"].value for r in report.rows},
            "gains": report.gains,
            "claims": {c.name: {"value": c.measured.value, "holds": c.holds} for c in report.claims},
        }
    reached = seconds <= SECONDS and all(report.gains[name] >= floor for name, floor in TARGETS.items())
    print(json.dumps({**figures, "targets": {**TARGETS, "seconds": SECONDS}, "reached": reached}, indent=1))
    return 0 if reached else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder of stage shards (default: record one)")
    parser.add_argument("--clips", type=int, default=80, help="clips to record without --data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--claims", action="store_true", help="measure the claims of the card as well")
    parser.add_argument("--overrides", default="{}", help="settings of the system, as JSON")
    return parser.parse_args()


def _recorded(out: Path, clips: int, seed: int) -> Path:
    # Speech to motion looks at no picture: the smallest one is recorded fastest.
    record(out, clips, load_shoot("speech", **{"seed": seed, "rig.size": 64}))
    return out


def _show(event: TrainEvent) -> None:
    if event.kind == "step" and event.step % 100 == 0:
        text = f"step {event.step}/{event.steps} loss {event.loss:.4f}"
        print(f"{text} {event.samples_per_s:.0f} clips/s, {event.eta_s:.0f} s left", file=sys.stderr)


def _bounded(measured: object) -> dict[str, float]:
    return {name: getattr(measured, name) for name in ("value", "low", "high")}


if __name__ == "__main__":
    sys.exit(main())
