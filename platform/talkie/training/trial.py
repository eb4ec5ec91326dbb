"""Some steps of every phase, by the worker that a run would have, and what they took: a program that `--estimate`
runs, in a process of its own so that its memory is a worker's. What follows for a run is in estimate.py."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch.distributed as dist
from pydantic import BaseModel

from talkie.systems import Phase, load_weights
from talkie.training.config import TrainConfig
from talkie.training.deepspeed_setup import choose_accelerator
from talkie.training.events import TrainEvent
from talkie.training.handover import Folders
from talkie.training.loading import Corpus, Loader
from talkie.training.randomness import be_deterministic
from talkie.training.saver import Saver
from talkie.training.telling import Teller
from talkie.training.worker import Worker

WARM, MEASURED = 2, 6
"""Steps of a phase before the clock counts, and steps that it is read over at least."""
SETTINGS, RESULT = "settings.json", "tried.json"
DRAWN = 3
"""Batches whose drawing is measured, each once with nothing kept in memory and once with everything."""


class Tried(BaseModel):
    """What a phase took on one worker. `step_s`: a step without the wait for its batch; `first_s`: what the first steps
    take beyond that; `save_s`: what a checkpoint holds the training up; `cold_s`, `warm_s`: drawing a worker's slice
    where nothing of it is kept in memory yet, and where all is; `clip_bytes`: what is kept of a clip; `epoch`: steps
    until every clip has come; `operations`: floating point operations of a step; `memory`: the most bytes held so far.
    """

    phase: str
    step_s: float
    first_s: float
    save_s: float
    cold_s: float
    warm_s: float
    clip_bytes: float
    epoch: float
    operations: float
    memory: float


def tried(config: TrainConfig, corpora: Sequence[Corpus], out: Path) -> list[Tried]:
    """Tries the phases of the system that lies prepared in `out`, each as it is when its optimisers all act. Wants a
    process group of one; what is written goes to `out`."""
    found = []
    for phase in load_weights(Folders(out).prepared).phases():
        if not phase.fitted:
            found.append(_tried(config, phase, corpora, out))
    return found


def _tried(config: TrainConfig, phase: Phase, corpora: Sequence[Corpus], out: Path) -> Tried:
    size = (phase.batch_size or config.batch_size) // config.workers
    # A role that acts in every second step only has to be seen in both kinds.
    period = max(spec.every for spec in phase.optimisers.values())
    optimisers = {role: replace(spec, begin=0) for role, spec in phase.optimisers.items()}
    steps = WARM + period * -(-MEASURED // period) + 1
    short = replace(phase, steps=steps, batch_size=size, patience=0, optimisers=optimisers)
    load = config.load.model_copy(update={"loaders": 0})
    alone = {"workers": 1, "min_workers": None, "batch_size": size, "load": load}
    quiet = {"log_every": 1, "checkpoint_every": steps - 1, "validate_every": 0, "samples_every": 0, "profile": False}
    config = config.model_copy(update=alone | quiet)
    drawn = _drawn(config, short, corpora, Folders(out).prepared)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        meters = _trained(config, short, corpora, Folders(out).prepared, Folders(Path(folder)))
    times = [one["step_s"] - one["data_wait_s"] for one in meters]
    step_s = statistics.mean(statistics.median(times[WARM:-1][k::period]) for k in range(period))
    return Tried(
        phase=phase.name,
        step_s=step_s,
        first_s=max(0.0, sum(times[:WARM]) - WARM * step_s),
        save_s=max(0.0, times[-1] - step_s),
        operations=meters[0].get("flops", 0.0),
        memory=meters[-1]["resident_gb"] * 2**30,
        **drawn,
    )


def _drawn(config: TrainConfig, phase: Phase, corpora: Sequence[Corpus], prepared: Path) -> dict[str, float]:
    """The fields of `Tried` that tell of drawing. The same batches come twice, since those that follow may hold clips
    that were kept, and may not."""
    system = load_weights(prepared, check=False)
    system.enter(phase.name)
    parts, each = config.accumulate, config.batch_size // config.accumulate
    found: dict[str, float] = {}
    for name, cache_mb in (("cold_s", 0), ("warm_s", config.load.cache_mb)):
        load = config.load.model_copy(update={"cache_mb": cache_mb})
        with Loader(corpora, system.eval(), phase, load, seed=config.seed, batch_size=each) as loader:
            timed(loader)
            found[name] = timed(loader) * parts
            clips = {i.split("@")[0] for step in range(DRAWN) for i in loader.ids(step)}
            found |= {"epoch": loader.epoch_steps / parts, "clip_bytes": loader.kept_bytes / len(clips)}
    return found


def timed(loader: Loader) -> float:
    """Median seconds of the first batches."""
    times = []
    for step in range(DRAWN):
        began = time.perf_counter()
        loader.batch(step)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _trained(
    config: TrainConfig, phase: Phase, corpora: Sequence[Corpus], prepared: Path, folders: Folders
) -> list[dict[str, float]]:
    """What the events of a phase's steps measured, each of one step."""
    worker = Worker(config, list(corpora), folders, steps=phase.steps)
    worker.tell = Teller(folders.events, dist.get_rank(), phase.steps)
    saver = Saver(folders.checkpoints, config.keep, lambda step: None)
    worker.train(load_weights(prepared, check=False), phase, prepared, None, saver)
    events = map(TrainEvent.model_validate_json, folders.events.read_text().splitlines())
    return [event.meters for event in events if event.kind == "step"]


def main(folder: Path) -> None:
    """`folder` holds the prepared system and SETTINGS: config and corpora. Leaves RESULT beside them."""
    settings = json.loads((folder / SETTINGS).read_text())
    config = TrainConfig.model_validate(settings["config"])
    choose_accelerator()
    be_deterministic(config.threads)
    # What a worker of Ray has imported; the rest comes with its first steps.
    import ray.train.torch  # noqa: F401

    os.environ["LOCAL_RANK"] = "0"
    backend = "cpu:gloo,cuda:nccl" if config.gpus_per_worker else "gloo"
    dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    found = tried(config, [Corpus(place, weight) for place, weight in settings["corpora"]], folder)
    (folder / RESULT).write_text(json.dumps([one.model_dump() for one in found]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
