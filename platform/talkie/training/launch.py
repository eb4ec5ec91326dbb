"""Starts the workers of a run on Ray Train and follows what they tell. What a worker does is in worker.py."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from talkie.cluster import Cluster, start_ray
from talkie.errors import BadConfig, RunFailed
from talkie.training.config import TrainConfig
from talkie.training.events import OnEvent, TrainEvent, followed, raise_error
from talkie.training.handover import Folders
from talkie.training.worker import work

FITTING_S = 24 * 3600
"""How long workers wait for each other: a fitted phase is rank 0's alone and may take hours."""


def run_workers(
    config: TrainConfig, corpora: Sequence[tuple[str, float | None]], folders: Folders, on_event: OnEvent
) -> TrainEvent | None:
    """Trains on Ray, telling `on_event`; returns the last event with losses."""
    seen: list[TrainEvent] = []

    def note(event: TrainEvent) -> None:
        seen.append(event)
        if event.kind in ("warning", "skip"):
            print(f"warning: {event.message}", file=sys.stderr, flush=True)
        if event.kind != "error":
            on_event(event)

    failure: Exception | None = None
    folders.stop.unlink(missing_ok=True)
    with start_ray() as cluster, followed(folders.events, note), _stopped_by_sigterm(folders):
        _check_cluster(config, cluster)
        try:
            _fit(config, corpora, folders)
        except Exception as error:
            failure = error
    folders.stop.unlink(missing_ok=True)
    for event in reversed(seen):
        if event.kind == "error":
            raise_error(event)
    if failure is not None:
        raise RunFailed(
            f"the workers stopped: {str(failure).strip().splitlines()[-1]}",
            where=str(folders.out),
            cure="look at the log of Ray, then go on with --resume",
        ) from failure
    return next((e for e in reversed(seen) if e.kind == "step" and e.losses), None)


@contextmanager
def _stopped_by_sigterm(folders: Folders) -> Iterator[None]:
    """SIGTERM asks the workers, by a file that they look for after every step, to save and end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: folders.stop.touch())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _check_cluster(config: TrainConfig, cluster: Cluster) -> None:
    least = config.min_workers or config.workers
    if least > cluster.cpus:
        raise BadConfig(f"{least} workers on a cluster of {cluster.cpus} CPUs", cure="ask for fewer workers")
    if config.gpus_per_worker and least > cluster.gpus:
        raise BadConfig(f"{least} workers on a cluster of {cluster.gpus} GPUs", cure="ask for fewer workers")


def _fit(config: TrainConfig, corpora: Sequence[tuple[str, float | None]], folders: Folders) -> None:
    os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    storage = folders.out / "ray"
    backend = "cpu:gloo,cuda:nccl" if config.gpus_per_worker else "gloo"
    trainer = TorchTrainer(
        work,
        train_loop_config={
            "config": config.model_dump_json(),
            "corpora": json.dumps(list(corpora)),
            "out": str(folders.out),
            "attempt": secrets.token_hex(8),
        },
        torch_config=TorchConfig(backend=backend, timeout_s=FITTING_S),
        # Between two sizes Ray Train takes what the cluster has at the start, after a failure, and once a minute.
        scaling_config=ScalingConfig(
            num_workers=(config.min_workers, config.workers) if config.min_workers else config.workers,  # type: ignore[arg-type]
            use_gpu=config.gpus_per_worker > 0,
        ),
        run_config=RunConfig(
            name=f"train-{os.getpid()}",
            storage_path=str(storage),
            # Workers find by themselves where the run stands: a restart costs the steps since the last checkpoint.
            failure_config=FailureConfig(max_failures=config.restarts),
        ),
    )
    trainer.fit()
    shutil.rmtree(storage, ignore_errors=True)
