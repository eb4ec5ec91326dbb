"""The entry of training: checks everything a user can get wrong, prepares the system, starts the workers on Ray and
returns the finished model. What a worker does is in worker.py."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from talkie.cluster import Cluster, start_ray
from talkie.errors import BadConfig, BadInput, NotADataset, RunFailed, SettingsConflict, TooFewIdentities
from talkie.shards import Dataset, open_dataset
from talkie.systems import System, SystemConfig, load_system, make_config, save_system
from talkie.systems.weights import verify_model
from talkie.training import checkpoint
from talkie.training.config import TrainConfig
from talkie.training.data import training_clips
from talkie.training.events import OnEvent, TrainEvent, followed, raise_error
from talkie.training.worker import Folders, work

RECORD = "run.json"
RESULT = "result.json"
MIN_IDENTITIES = 2


class TrainResult(BaseModel):
    """A finished run. `samples`: digest of the sequence of clip ids trained on; `data`: digest of the shards."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Path
    digest: str
    steps: int
    seconds: float
    samples: str
    data: str
    losses: dict[str, float]


def train(
    config: TrainConfig, data: Path, out: Path, resume: bool = False, on_event: OnEvent | None = None
) -> TrainResult:
    """Trains a system on the train split of `data` and leaves the model in `out/model`.

    A run with these settings that is finished already is returned as it is; an unfinished one goes on from its last
    committed checkpoint with `resume`. On one worker the weights are bit-equal to those of an uninterrupted run.

    Raises UnknownSystem, BadConfig, NotADataset, MissingField, TooFewIdentities, CorruptShard, SettingsConflict and
    BadInput before Ray starts; CorruptCheckpoint, NonFiniteLoss and RunFailed from the workers.
    """
    data, out = Path(data).resolve(), Path(out).resolve()
    system = load_system(config.system)
    system_config = make_config(system, config.preset, config.overrides)
    dataset = open_dataset(data)
    _check_data(dataset, system)
    folders = Folders(out)
    finished = _enter(out, _record(config, system_config, dataset), resume)
    if finished is not None:
        return finished
    # Before Ray: a corrupt checkpoint or shard is the user's to mend.
    checkpoint.latest(folders.checkpoints)
    checkpoint.clear_pending(folders.checkpoints)
    began = time.monotonic()
    if not folders.prepared.exists():
        _prepare(config, system, system_config, dataset, folders)
    last = _run_workers(config, data, folders, on_event or (lambda event: None))
    return _finish(folders, dataset, time.monotonic() - began, last)


def _check_data(dataset: Dataset, system: type[System]) -> None:
    if not dataset.ids("train"):
        raise NotADataset("no clip of the train split", where=dataset.where, cure="add clips of more people")
    dataset.require(system.card.needs, "train")
    people = {dataset.entries[i].identity for i in dataset.ids("train")}
    if len(people) < MIN_IDENTITIES:
        raise TooFewIdentities(
            f"the train split has {len(people)} identity, training needs {MIN_IDENTITIES}",
            where=dataset.where,
            cure="add clips of more people",
        )


def _record(config: TrainConfig, system_config: SystemConfig, dataset: Dataset) -> dict[str, Any]:
    """What makes two runs the same run."""
    return {
        "train": config.model_dump(mode="json"),
        "system": system_config.model_dump(mode="json"),
        "data": dataset.digest,
    }


def _enter(out: Path, record: dict[str, Any], resume: bool) -> TrainResult | None:
    """Claims `out` for this run, or returns its result if it is finished."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        path = out / RECORD
        if not path.exists():
            if any(out.iterdir()):
                raise BadInput("the folder is not empty and holds no run", where=str(out), cure="choose another one")
            _write(path, json.dumps(record, indent=1, sort_keys=True))
            return None
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror}", where=str(out), cure="choose another folder") from error
    known = json.loads(path.read_text())
    if known != record:
        raise SettingsConflict(
            f"holds a run with other settings ({', '.join(_differences(known, record))})",
            where=str(out),
            cure="choose another output folder or use the same settings",
        )
    if (out / RESULT).exists():
        result = TrainResult.model_validate_json((out / RESULT).read_text())
        verify_model(result.model)
        return result
    if not resume and checkpoint.committed(Folders(out).checkpoints):
        raise SettingsConflict("holds an unfinished run", where=str(out), cure="add --resume to go on with it")
    return None


def _differences(known: dict[str, Any], record: dict[str, Any]) -> list[str]:
    names = []
    for section, value in record.items():
        other = known.get(section)
        if isinstance(value, dict) and isinstance(other, dict):
            keys = value.keys() | other.keys()
            names += [f"{section}.{k}" for k in sorted(keys) if value.get(k) != other.get(k)]
        elif value != other:
            names.append(section)
    return names


def _prepare(
    config: TrainConfig, cls: type[System], system_config: SystemConfig, dataset: Dataset, folders: Folders
) -> None:
    """Builds the system from the training clips once, so that every worker starts from the same bytes."""
    with _threads(config.threads):
        torch.manual_seed(config.seed)
        system = cls(system_config)
        system.prepare(training_clips(dataset, cls))
    save_system(system, folders.prepared)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Sums over other numbers of threads round differently: the same run must not depend on who starts it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _run_workers(config: TrainConfig, data: Path, folders: Folders, on_event: OnEvent) -> TrainEvent | None:
    """Trains on Ray, telling `on_event`; returns the last event with losses."""
    seen: list[TrainEvent] = []

    def note(event: TrainEvent) -> None:
        seen.append(event)
        if event.kind != "error":
            on_event(event)

    failure: Exception | None = None
    with start_ray() as cluster, followed(folders.events, note):
        _check_cluster(config, cluster)
        try:
            _fit(config, data, folders)
        except Exception as error:
            failure = error
    for event in seen:
        if event.kind == "error":
            raise_error(event)
    if failure is not None:
        raise RunFailed(
            f"the workers stopped: {str(failure).strip().splitlines()[-1]}",
            where=str(folders.out),
            cure="look at the log of Ray, then go on with --resume",
        ) from failure
    return next((e for e in reversed(seen) if e.losses), None)


def _check_cluster(config: TrainConfig, cluster: Cluster) -> None:
    if config.workers > cluster.cpus:
        raise BadConfig(f"{config.workers} workers on a cluster of {cluster.cpus} CPUs", cure="ask for fewer workers")


def _fit(config: TrainConfig, data: Path, folders: Folders) -> None:
    os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    storage = folders.out / "ray"
    trainer = TorchTrainer(
        work,
        train_loop_config={"config": config.model_dump_json(), "data": str(data), "out": str(folders.out)},
        torch_config=TorchConfig(backend="gloo"),
        scaling_config=ScalingConfig(num_workers=config.workers),
        # A restart is the user's decision: --resume goes on exactly, a retry loop would hide the cause.
        run_config=RunConfig(
            name=f"train-{os.getpid()}",
            storage_path=str(storage),
            failure_config=FailureConfig(max_failures=0),
        ),
    )
    trainer.fit()
    shutil.rmtree(storage, ignore_errors=True)


def _finish(folders: Folders, dataset: Dataset, seconds: float, last: TrainEvent | None) -> TrainResult:
    newest = checkpoint.latest(folders.checkpoints)
    if newest is None:
        raise RunFailed("the workers ended without a checkpoint", where=str(folders.out), cure="train again")
    state = json.loads((newest / "state.json").read_text())
    result = TrainResult(
        model=folders.model,
        digest=verify_model(folders.model),
        steps=state["step"],
        seconds=seconds,
        samples=state["samples"],
        data=dataset.digest,
        losses=last.losses if last else {},
    )
    _write(folders.out / RESULT, result.model_dump_json(indent=1))
    return result


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    os.replace(temporary, path)
