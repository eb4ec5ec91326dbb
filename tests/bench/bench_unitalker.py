"""What UniTalker's card claims and no single model can show: that training on several conventions at once helps the
smallest one, and that a model helps to learn a convention it never saw.

    python tests/bench/bench_unitalker.py [--data DIR] [--seeds 3]

Each comparison trains both sides for as many steps on the same clips of the convention in question, and measures lip
error over that of a face at rest on held-out people. Prints one JSON object; exits with 1 on a miss.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from talkie.shards import Dataset, open_dataset
from talkie.shards.edit import subset
from talkie.stage import load_shoot, record
from talkie.systems import load_weights
from talkie.training import TrainConfig, train
from talkie_zoo.blocks.batches import assigned
from talkie_zoo.speech_to_motion.unitalker_claims import error_against_rest

JOINT = {"arkit": 0.1, "vertices": 0.6, "landmarks": 0.3}
"""Shares of a corpus whose smallest convention is a tenth of it."""
BEFORE, NEW = {"arkit": 0.6, "landmarks": 0.4}, {"arkit": 0.0, "landmarks": 0.0, "vertices": 1.0}
TARGETS = {"joint gain": 0.05, "transfer gain": 0.05}
"""By what share of itself the error has to fall: 5 %, as the card asks of joint training; of two seeds in three."""
NEW_STEPS = 120


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of stage shards (default: record one)")
    parser.add_argument("--clips", type=int, default=120, help="clips to record without --data")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-unitalker-") as scratch:
        data = open_dataset(options.data or recorded(Path(scratch) / "stage", options.clips))
        runs = [measure(data, Path(scratch) / str(seed), seed) for seed in range(options.seeds)]
    gains = {
        "joint gain": [1 - run["joint"] / run["alone"] for run in runs],
        "transfer gain": [1 - run["begun with a model"] / run["from nothing"] for run in runs],
    }
    need = -(-2 * options.seeds // 3)
    passed = {name: sum(gain >= TARGETS[name] for gain in found) >= need for name, found in gains.items()}
    figures = {"lve over rest, by seed": runs, "gains": gains} | {
        f"median {name}": statistics.median(found) for name, found in gains.items()
    }
    print(json.dumps({"figures": figures, "targets": TARGETS, "pass": passed}, indent=1))
    return 0 if all(passed.values()) else 1


def recorded(out: Path, clips: int) -> Path:
    # Speech to motion looks at no picture: the smallest one is recorded fastest.
    record(out, clips, load_shoot("speech", **{"seed": 3, "rig.size": 64}))
    return out


def measure(data: Dataset, out: Path, seed: int) -> dict[str, Any]:
    """Errors of the four models of a seed, and how many clips taught the convention in question."""
    test = list(data.clips(("flac", "head.npz"), "test"))

    def trained(name: str, clips: Dataset, overrides: dict[str, Any], start: Path | None = None) -> Path:
        config = TrainConfig(system="unitalker", seed=seed, overrides=overrides, start=start)
        result = train(config, clips.address, out / name)
        print(f"seed {seed}: {name}: {result.seconds:.0f} s", file=sys.stderr, flush=True)
        return result.model

    def error(model: Path, convention: Any) -> float:
        return error_against_rest(load_weights(model), convention, test).value  # type: ignore[arg-type]

    fewest = min(JOINT, key=lambda name: JOINT[name])
    taught = {i for i in data.ids("train") if assigned(i, JOINT) == fewest}
    part = subset(data, out / "part", keep=lambda clip, entry: clip in taught)
    joint = trained("joint", data, {"shares": JOINT})
    alone = trained("alone", part, {"shares": {fewest: 1.0}})
    before = trained("before", data, {"shares": BEFORE})
    short = {"steps": NEW_STEPS, "warm_up_steps": 0}
    tuned = trained("begun with a model", part, {"shares": NEW, **short}, before)
    fresh = trained("from nothing", part, {"shares": {"arkit": 0.001, "vertices": 1.0}, **short})
    return {
        "clips": len(taught),
        "joint": error(joint, fewest),
        "alone": error(alone, fewest),
        "begun with a model": error(tuned, "vertices"),
        "from nothing": error(fresh, "vertices"),
    }


if __name__ == "__main__":
    sys.exit(main())
