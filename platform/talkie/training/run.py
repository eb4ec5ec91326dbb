"""The entry of training: checks everything a user can get wrong, prepares the system, starts the workers and returns
the finished model. What a worker does is in worker.py, how Ray starts it in launch.py."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from talkie.errors import BadConfig, BadInput, NotADataset, RunFailed, SettingsConflict, TooFewIdentities
from talkie.shards import Dataset, open_dataset
from talkie.shards.person import main_person, of_person
from talkie.systems import System, SystemConfig, load_system, load_weights, make_config, save_system
from talkie.systems.weights import verify_model
from talkie.training import checkpoint
from talkie.training.clock import RunClock
from talkie.training.config import TrainConfig, identity_of
from talkie.training.deepspeed_setup import check_machine, check_phase
from talkie.training.events import OnEvent, TrainEvent
from talkie.training.handover import Folders, Position, standing
from talkie.training.launch import run_workers
from talkie.training.loading import Corpus, TrainingClips
from talkie.training.validation import BEST

RECORD = "run.json"
RESULT = "result.json"
MIN_IDENTITIES = 2

Data = Path | str | Sequence[Path | str | Corpus]
"""Shards to train on: a folder or address, or several of them, with their weights where they are mixed by weight."""


class TrainResult(BaseModel):
    """A finished run. `seconds`: by the clock, those before an interruption up to its last checkpoint; `samples`:
    digest of the sequence of clip ids trained on; `data`: digest of the shards; `memory_gb`: the most that the first
    worker held resident; `validation`: what the last validation was made on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Path
    digest: str
    steps: int
    seconds: float
    samples: str
    data: str
    losses: dict[str, float]
    memory_gb: float | None = None
    validation: str = ""


def train(
    config: TrainConfig, data: Data, out: Path, resume: bool = False, on_event: OnEvent | None = None
) -> TrainResult:
    """Trains a system on the train split of `data` and leaves the model in `out/model`. A system of one person is
    trained on the earlier takes of whom the data name ("shards#person=NAME"), else of whoever has the most.

    A run with these settings that is finished already is returned as it is; an unfinished one goes on from its last
    sound checkpoint with `resume`, also on another number of workers or at another ZeRO stage. On one worker the
    weights are bit-equal to those of an uninterrupted run; on others they agree as far as sums over workers round,
    where a system's losses are means over clips and draw nothing (dropout draws for each worker by itself).

    Raises UnknownSystem, BadConfig, NotADataset, MissingField, TooFewIdentities, CorruptShard, SettingsConflict and
    BadInput before Ray starts, and of `config.start` UnknownModel and CorruptModel; NonFiniteLoss, DiskFull and
    RunFailed from the workers.
    """
    out = Path(out).resolve()
    check_machine(config)
    system = load_system(config.system)
    system_config = make_config(system, config.preset, config.overrides)
    corpora = corpora_for(system, data)
    datasets = [opened for opened, _ in corpora]
    _check_data(datasets, system)
    folders = Folders(out)
    finished = _enter(out, _record(config, system_config, datasets), resume)
    if finished is not None:
        return finished
    checkpoint.clear_pending(folders.checkpoints)
    clock = RunClock(folders.clock)
    if not folders.prepared.exists():
        prepare(config, system, system_config, corpora, folders)
    prepared = load_weights(folders.prepared)
    phases = prepared.phases()
    for phase in phases:
        check_phase(prepared, phase, config, config.workers)
    last: TrainEvent | None = None
    validations: list[str] = []

    def note(event: TrainEvent) -> None:
        if event.kind in ("checkpoint", "phase"):
            clock.keep()
        if event.kind == "validation":
            validations[:] = [event.message.removesuffix(BEST)]
        if on_event:
            on_event(event)

    if phases:
        places = [(dataset.address, weight) for dataset, weight in corpora]
        last = run_workers(config, places, folders, note)
    else:
        save_system(prepared, folders.model)
    position = standing(folders, phases)[0]
    result = _result(folders, position, digest_of(datasets), clock.seconds, last)
    result = result.model_copy(update={"validation": "".join(validations)})
    _write(folders.out / RESULT, result.model_dump_json(indent=1))
    return result


def corpora_of(data: Data) -> list[tuple[Dataset, float | None]]:
    """Opens the corpora, each with its weight. Raises NotADataset."""
    places = [data] if isinstance(data, (Path, str)) else list(data)
    given = [place if isinstance(place, Corpus) else Corpus(place) for place in places]
    return [(_open(corpus.dataset), corpus.weight) for corpus in given]


def corpora_for(system: type[System], data: Data) -> list[tuple[Dataset, float | None]]:
    """The corpora as that system is trained on them: of one person's where it is a system of one person."""
    corpora = corpora_of(data)
    if system.card.scope != "person":
        return corpora
    return [(of_person(whole, whole.person or main_person(whole)), weight) for whole, weight in corpora]


def digest_of(datasets: Sequence[Dataset]) -> str:
    """The digest of one corpus, or of the digests of several."""
    digests = [dataset.digest for dataset in datasets]
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _open(place: Dataset | Path | str) -> Dataset:
    if isinstance(place, Dataset):
        return place
    return open_dataset(place if isinstance(place, str) and "://" in place else Path(place).resolve())


def _check_data(datasets: Sequence[Dataset], system: type[System]) -> None:
    people: set[str] = set()
    for dataset in datasets:
        if not dataset.ids("train"):
            raise NotADataset("no clip of the train split", where=dataset.where, cure="add clips of more people")
        dataset.require(system.card.needs, "train")
        people |= {dataset.entries[i].identity for i in dataset.ids("train")}
    if len(people) < MIN_IDENTITIES and system.card.scope == "corpus":
        raise TooFewIdentities(
            f"the train split has {len(people)} identity, training needs {MIN_IDENTITIES}",
            where=datasets[0].where,
            cure="add clips of more people",
        )


def _record(config: TrainConfig, system_config: SystemConfig, datasets: Sequence[Dataset]) -> dict[str, Any]:
    """What makes two runs the same run."""
    record = {
        "train": identity_of(config),
        "system": system_config.model_dump(mode="json"),
        "data": digest_of(datasets),
    }
    return record if config.start is None else {**record, "start": verify_model(config.start)}


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
    begun = checkpoint.committed(Folders(out).checkpoints) or Folders(out).phases.exists()
    if not resume and begun:
        raise SettingsConflict("holds an unfinished run", where=str(out), cure="add --resume to go on with it")
    return None


def _differences(known: dict[str, Any], record: dict[str, Any]) -> list[str]:
    names = []
    for section in known | record:
        value, other = record.get(section), known.get(section)
        if isinstance(value, dict) and isinstance(other, dict):
            keys = value.keys() | other.keys()
            names += [f"{section}.{k}" for k in sorted(keys) if value.get(k) != other.get(k)]
        elif value != other:
            names.append(section)
    return names


def prepare(
    config: TrainConfig,
    cls: type[System],
    system_config: SystemConfig,
    corpora: Sequence[tuple[Dataset, float | None]],
    folders: Folders,
) -> None:
    """Builds the system from the training clips once, so that every worker starts from the same bytes; one that begins
    with a model takes over what that knows."""
    clips = TrainingClips([Corpus(dataset, weight) for dataset, weight in corpora], cls, config.load)
    with _threads(config.threads):
        torch.manual_seed(config.seed)
        system = cls(system_config)
        system.prepare(clips)
        if config.start is not None:
            system.inherit(_trained(config.start, cls))
    save_system(system, folders.prepared)


def _trained(folder: Path, cls: type[System]) -> System:
    trained = load_weights(folder)
    if not isinstance(trained, cls):
        raise BadConfig(
            f"a model of {trained.card.slug} cannot be trained on as {cls.card.slug}",
            where=str(folder),
            cure=f"name a model of {cls.card.slug}",
        )
    return trained


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Sums over other numbers of threads round differently: the same run must not depend on who starts it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _result(folders: Folders, position: Position, data: str, seconds: float, last: TrainEvent | None) -> TrainResult:
    if not folders.model.is_dir():
        raise RunFailed("the workers ended without a model", where=str(folders.out), cure="train again")
    return TrainResult(
        model=folders.model,
        digest=verify_model(folders.model),
        steps=position.total,
        seconds=seconds,
        samples=position.samples,
        data=data,
        losses=last.losses if last else {},
        memory_gb=last.meters.get("resident_gb") if last else None,
    )


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    os.replace(temporary, path)
