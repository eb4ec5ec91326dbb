"""What `talkie train --estimate` says beside what the run then takes: memory of the worker, and seconds of the steps.

    python tests/bench/bench_estimate.py

unitalker at two presets and two batch sizes, on clips of a tone, one worker with one thread. The seconds of a run are
those of its steps, as its events tell them: what Ray needs to start is the same for a run of any length. Prints one
JSON object; exits with 1 where an estimate misses by more than 25 %. Wants a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from talkie.cluster import start_ray
from talkie.training import TrainConfig, TrainEvent, train
from talkie.training.estimate import estimate

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

TARGET = 0.25
STEPS = {"micro": 300, "tiny": 60}
LOG_EVERY = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="*", default=list(STEPS))
    parser.add_argument("--batches", type=int, nargs="*", default=[4, 16])
    parser.add_argument("--frames", type=int, default=100, help="of a clip")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-estimate-") as folder, start_ray(num_cpus=2):
        from tone_clips import tone_dataset

        data = tone_dataset(Path(folder) / "tones", train=24, test=2, frames=options.frames)
        figures = [
            compared(preset, size, data, Path(folder) / f"{preset}-{size}")
            for preset in options.presets
            for size in options.batches
        ]
    passed = {
        f"{f['preset']}, batch {f['batch_size']}: {what}": abs(f[what]["off"]) <= TARGET
        for f in figures
        for what in ("memory_mb", "seconds")
    }
    print(json.dumps({"figures": figures, "targets": {"off by at most": TARGET}, "pass": passed}, indent=1))
    return 0 if all(passed.values()) else 1


def compared(preset: str, batch_size: int, data: Path, out: Path) -> dict[str, Any]:
    overrides = {"steps": STEPS[preset], "warm_up_steps": LOG_EVERY}
    config = TrainConfig(
        system="unitalker",
        preset=preset,
        overrides=overrides,
        batch_size=batch_size,
        threads=1,
        log_every=LOG_EVERY,
        checkpoint_every=100,
    )
    said = estimate(config, data)
    events: list[TrainEvent] = []
    result = train(config, data, out, on_event=events.append)
    seconds = sum(e.meters["step_s"] * LOG_EVERY for e in events if e.kind == "step")
    assert result.memory_gb is not None
    figures = {
        "preset": preset,
        "batch_size": batch_size,
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
