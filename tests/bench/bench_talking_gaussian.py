"""How TalkingGaussian compares with its twins (one branch, painting in place of moving, frames drawn uniformly) as the
mouth's branch is trained longer, as both are, and as more or fewer of the frames come from the window of its
incremental sampling, on later takes and on those that were learnt.

    python tests/bench/bench_talking_gaussian.py [--data DIR] [--mouth 300] [--both 600 1200] [--every 1 4] [--seed 0]
    python tests/bench/bench_talking_gaussian.py --data DIR --models RUN/model RUN/model

Each run is `tiny` with as many steps of the mouth's run or of both, or with one frame in so many of the face's run
from the window, or a model that was trained before; 10 minutes or more on one core. Prints one JSON object; exits with
1 where a twin that paints is as sharp as its model.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from talkie.clip import Clip, Split
from talkie.shards import open_dataset
from talkie.shards.person import main_person, of_person
from talkie.stage import load_shoot, record
from talkie.systems import load_weights
from talkie.training import TrainConfig, train
from talkie_zoo.avatars import talking_gaussian_claims as claims
from talkie_zoo.avatars.talking_gaussian import TalkingGaussian
from talkie_zoo.avatars.talking_gaussian_config import TINY, BranchConfig

SPLITS: tuple[Split, ...] = ("test", "train")
TAKES = 96
LEARNT = 19
"""Takes of training that are looked at, about as many as are held out."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of stage shards of one person (default: record one)")
    parser.add_argument(
        "--mouth", type=int, nargs="*", default=[300, TINY.mouth.steps], help="steps of the mouth's run"
    )
    parser.add_argument("--both", type=int, nargs="*", default=[600], help="steps of the mouth's run and of the face's")
    parser.add_argument("--every", type=int, nargs="*", default=[1, 4], help="frames of which one is of the window")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=Path, nargs="+", help="models trained on --data, in the place of new ones")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-gaussians-") as scratch:
        data = options.data or recorded(Path(scratch) / "stage")
        models = options.models or trained(data, Path(scratch), options)
        held, learnt = takes(data)
        rows = []
        for model in models:
            rows.append(compared(model, held, learnt))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    passed = all(row["later takes"]["sharper than paint"] > 0 for row in rows)
    print(json.dumps({"figures": rows, "targets": {"sharper than paint": 0.0}, "pass": passed}, indent=1))
    return 0 if passed else 1


def recorded(out: Path) -> Path:
    shoot = load_shoot("speech", **{"seed": 21, "cast.people": 1, "sensors": ["mask"], "rig.size": 128})
    record(out, TAKES, shoot)
    return out


def trained(data: Path, scratch: Path, options: argparse.Namespace) -> Iterator[Path]:
    """`tiny` with other lengths of its runs, as much of them at rest, and with other shares of the window."""
    settings: list[dict[str, Any]] = [{"mouth": lasting(TINY.mouth, steps)} for steps in options.mouth]
    settings += [{"mouth": lasting(TINY.mouth, steps), "face": lasting(TINY.face, steps)} for steps in options.both]
    settings += [{"lips_every": every} for every in options.every]
    for number, overrides in enumerate(settings):
        config = TrainConfig(system="talking_gaussian", seed=options.seed, overrides=overrides)
        yield train(config, str(data), scratch / str(number)).model


def lasting(branch: BranchConfig, steps: int) -> dict[str, Any]:
    """A branch whose run has so many steps."""
    return {**branch.model_dump(), "steps": steps, "still": round(steps * branch.still / branch.steps)}


def takes(data: Path) -> tuple[list[Clip], list[Clip]]:
    """All held-out takes of the person, and some of training."""
    whole = open_dataset(data)
    mine = of_person(whole, main_person(whole))
    held, learnt = (sorted(mine.clips(TalkingGaussian.card.needs, split), key=lambda clip: clip.id) for split in SPLITS)
    return held, learnt[:LEARNT]


def compared(model: Path, held: list[Clip], learnt: list[Clip]) -> dict[str, Any]:
    """How the lower lip follows; gradient energy gained over the twin that paints; errors of the other twins over the
    model's, minus 1."""
    system = load_weights(model)
    assert isinstance(system, TalkingGaussian)
    found: dict[str, Any] = {
        "steps of the mouth's run": system.config.mouth.steps,
        "steps of the face's run": system.config.face.steps,
        "one frame of the window in": system.config.lips_every,
    }
    for name, clips in (("later takes", held), ("learnt takes", learnt)):
        inside = claims.excess_inside(system, "whole", clips)
        found[name] = {
            "lip correlation": round(claims.lip_correlation(system, False, clips).value, 4),
            "sharper than paint": round(claims.energy_gain(system, clips).value, 4),
            "one branch": round(inside.value, 4),
            "one branch, with pixels in part lip": float(inside.protocol["with pixels in part lip"]),
            "uniform": round(claims.excess_wide(system, "uniform", clips).value, 4),
        }
    return found


if __name__ == "__main__":
    sys.exit(main())
