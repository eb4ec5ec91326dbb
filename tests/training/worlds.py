"""Runs whose workers are forked processes instead of Ray's, so that a start takes a second: left alone, or killed and
gone on with by another number of workers. Shared by tests and benches; what is compared is theirs."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load_file
from toy_system import toy_registered

from talkie.shards import open_dataset
from talkie.systems import registry
from talkie.training import TrainConfig, checkpoint
from talkie.training.handover import Folders
from talkie.training.loading import Corpus
from talkie.training.run import prepare as prepare_system
from talkie.training.worker import Worker

PATIENCE_S = 240
"""A start that takes longer hangs, even on a machine that is busy with other things."""


def start(config: TrainConfig, data: Path, out: Path, number: int = 0) -> list[Any]:
    """The processes of one attempt."""
    # The server has everything imported, and no process group: what it forks starts in no time.
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload(["deepspeed", "worlds"])
    store = str(out.with_name(f"{out.name}-store-{number}"))
    found = [
        fork.Process(target=_work, args=(rank, config.workers, store, config, data, out))
        for rank in range(config.workers)
    ]
    for process in found:
        process.start()
    return found


def _work(rank: int, world: int, store: str, config: TrainConfig, data: Path, out: Path) -> None:
    os.environ["LOCAL_RANK"] = str(rank)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", store=dist.FileStore(store, world), rank=rank, world_size=world)
    with toy_registered():
        Worker(config, [Corpus(str(data))], Folders(out)).run()
    dist.destroy_process_group()


def prepare(config: TrainConfig, data: Path, out: Path) -> None:
    """What the driver does before it starts workers."""
    with toy_registered():
        cls = registry.load_system(config.system)
        out.mkdir(parents=True)
        system_config = registry.make_config(cls, config.preset, config.overrides)
        prepare_system(config, cls, system_config, [(open_dataset(data), None)], Folders(out))


def whole(config: TrainConfig, data: Path, out: Path, number: int = 0) -> None:
    """Runs, or goes on, to the end."""
    if not out.exists():
        prepare(config, data, out)
    processes = start(config, data, out, number)
    for process in processes:
        process.join(PATIENCE_S)
        process.kill()
    codes = [process.exitcode for process in processes]
    assert codes == [0] * config.workers, f"the workers ended with {codes}"


def killed(config: TrainConfig, data: Path, out: Path, after: int) -> int:
    """Begins a run and kills all its workers once a checkpoint of step `after` or later is there; returns the step of
    the newest one."""
    prepare(config, data, out)
    processes = start(config, data, out)
    end = time.monotonic() + PATIENCE_S
    while max(checkpoint.committed(Folders(out).checkpoints), default=0) < after:
        alive = [process.is_alive() for process in processes]
        assert any(alive), "the run was over before it could be killed"
        assert time.monotonic() < end, "the run does not get on"
        time.sleep(0.005)
    for process in processes:
        process.kill()
        process.join(10)
    assert not (out / "model").exists(), "the run was done before it was killed"
    return checkpoint.committed(Folders(out).checkpoints)[-1]


def left(out: Path) -> tuple[str, dict[str, torch.Tensor]]:
    """The digest of the samples of a finished run, and its weights."""
    record = sorted(Folders(out).phases.glob("*.json"))[-1]
    return json.loads(record.read_text())["samples"], load_file(out / "model" / "weights.safetensors")


def furthest(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> float:
    """The largest difference between two sets of weights."""
    assert ours.keys() == theirs.keys()
    return max(float((value.double() - theirs[name].double()).abs().max()) for name, value in ours.items())
