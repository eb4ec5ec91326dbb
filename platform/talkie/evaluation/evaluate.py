"""Measures a model on held-out clips beside its task's trivial baseline and a control that hears or sees somebody
else. How a task is measured is in protocols/, the tracking of results in `talkie.experiments`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from talkie.clip import Clip
from talkie.errors import BadInput, TooFewIdentities
from talkie.evaluation.protocols import Protocol, Scores, protocol_of
from talkie.experiments import tracking
from talkie.experiments.home import Home
from talkie.experiments.registry import ModelHandle, load_model, resolve_model
from talkie.shards import Dataset, open_dataset
from talkie.shards.person import main_person, of_person
from talkie.systems import TASKS, Claim, Measurement, System, Task
from talkie.systems.task import Generator

MODEL = "model"
MIN_CLIPS = 2


class _Report(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Row(_Report):
    """Whose answers, and every metric of them."""

    subject: str
    measurements: dict[str, Measurement]


class ClaimResult(_Report):
    """A claim of the card, measured."""

    name: str
    statement: str
    measured: Measurement
    floor: float | None
    ceiling: float | None
    holds: bool


class EvaluationReport(_Report):
    """One evaluation: the rows of the model, the task's baseline and its control.

    `gains`: by how much the model's first metric is better than another row's: of an error the share by which it is
    smaller (0.25 = 25 %), of a figure that should be large the difference. `person`: whose model it is, of tasks whose
    held-out part is later in time. `metric`: the one that ranks.
    """

    model: str
    digest: str
    system: str
    data: str
    split: str
    clips: int
    identities: int
    seed: int
    metric: str
    person: str | None = None
    rows: list[Row]
    gains: dict[str, float]
    claims: list[ClaimResult] = []

    def row(self, subject: str) -> Row:
        return next(r for r in self.rows if r.subject == subject)


def evaluate(
    model: str,
    data: Path | str,
    home: Home | Path | str | None = None,
    *,
    seed: int = 0,
    claims: bool = False,
    track: bool = True,
    person: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> EvaluationReport:
    """Measures `model` (a reference, see `resolve_model`) on the test split of `data`.

    The baseline is fitted on the train split; the control gives the model what drives another test clip, chosen by
    `seed`, with other words where the clips have transcripts. A task of one person is measured on the later clips of
    `person`, by default whoever has the most. With `track`, the figures go to the run that made the model.
    `on_progress(done, clips)`. Raises UnknownModel, NotADataset, MissingField, TooFewIdentities, BadInput.
    """
    home = home if isinstance(home, Home) else Home.at(home)
    handle = resolve_model(model, home)
    task = TASKS[handle.card.task]
    protocol = protocol_of(task)
    dataset = open_dataset(data)
    if task.held_out == "time":
        person = person or dataset.person or main_person(dataset)
        dataset = of_person(dataset, person)
    _check(dataset, task)
    system = load_model(handle)
    baseline = task.baseline(dataset.clips(_baseline_fields(task), "train"))
    clips = list(_clips(dataset, task, protocol, system if claims else None))
    pool = clips if task.held_out == "identity" else [*clips, *dataset.clips(task.needs, "train")]
    others = other_clips(dataset, clips, pool, seed)
    rows = _measure(task, protocol, system, baseline, clips, others, on_progress or (lambda done, total: None))
    report = EvaluationReport(
        model=str(handle),
        digest=handle.digest,
        system=handle.system,
        data=dataset.digest,
        split="test",
        clips=len(clips),
        identities=len({clip.record.identity for clip in clips}),
        seed=seed,
        metric=task.metrics[0],
        person=person,
        rows=rows,
        gains=_gains(task, protocol, rows),
        claims=[_claim(claim, clips) for claim in system.claims()] if claims else [],
    )
    if track:
        _track(home, handle, report, dataset)
    return report


def other_clips(dataset: Dataset, clips: Sequence[Clip], pool: Sequence[Clip], seed: int) -> list[Clip]:
    """For every clip another one of `pool`, chosen by seed: with other words where transcripts are there, because
    the same sentence by another person would be no control. Raises BadInput where there is none."""
    words = {c.id: _words(dataset, c.id) for c in (*clips, *pool)}
    generator = random.Random(seed)
    chosen = []
    for clip in clips:
        candidates = [c for c in pool if c.id != clip.id and (words[c.id] is None or words[c.id] != words[clip.id])]
        if not candidates:
            raise BadInput(
                "every test clip says the same words, which leaves nothing to exchange for a control",
                where=dataset.where,
                cure="add test clips with other words",
            )
        chosen.append(generator.choice(candidates))
    return chosen


def _words(dataset: Dataset, clip_id: str) -> str | None:
    members = dataset.raw(clip_id).members
    return members["txt"].decode().strip().lower() if "txt" in members else None


def _check(dataset: Dataset, task: Task) -> None:
    where = dataset.where
    people = {split: {dataset.entries[i].identity for i in dataset.ids(split)} for split in ("train", "test")}
    if not people["train"]:
        raise TooFewIdentities("no clip of the train split to fit the baseline on", where=where, cure="add clips")
    if task.held_out == "identity" and len(dataset.ids("test")) < MIN_CLIPS:
        raise TooFewIdentities(
            f"the test split has {len(dataset.ids('test'))} clips, measuring needs {MIN_CLIPS}",
            where=where,
            cure="add clips of more people, so that some are held out",
        )
    both = people["train"] & people["test"]
    if both and task.held_out == "identity":
        raise BadInput(
            f"identity {min(both)} is in the train and the test split", where=where, cure="split by identity"
        )
    dataset.require(task.needs, "test")
    dataset.require(_baseline_fields(task), "train")


def _baseline_fields(task: Task) -> tuple[str, ...]:
    """Speech trains no trivial answer; pictures do where the answer is made of them."""
    return tuple(f for f in task.needs if f != "flac" and (f != "mp4" or task.held_out == "time"))


def _clips(dataset: Dataset, task: Task, protocol: Protocol, claiming: System | None) -> Iterable[Clip]:
    """The test clips with what is asked about, read beside it where it is there, and needed by the claims."""
    ids = dataset.ids("test")
    shared = set.intersection(*(set(dataset.entries[i].members) for i in ids))
    also = [*protocol.wants, *(claiming.card.needs if claiming else ()), *(claiming.card.wants if claiming else ())]
    fields = dict.fromkeys((*task.needs, *(f for f in also if f in shared and f != "json")))
    return dataset.clips(tuple(fields), "test")


def _measure(
    task: Task,
    protocol: Protocol,
    system: System,
    baseline: Generator,
    clips: Sequence[Clip],
    others: Sequence[Clip],
    on_progress: Callable[[int, int], None],
) -> list[Row]:
    scores: dict[str, list[Scores]] = {MODEL: [], task.baseline_name: [], task.control_name: []}
    for done, (clip, other) in enumerate(zip(clips, others, strict=True), 1):
        request = task.request_of(clip)
        answers = {
            MODEL: system.generate(request),
            task.baseline_name: baseline.generate(request),
            task.control_name: system.generate(task.control(request, task.request_of(other))),
        }
        truth = task.truth_of(clip)
        for subject, answer in answers.items():
            scores[subject].append(protocol.score(clip, truth, answer))
        on_progress(done, len(clips))
    return [
        Row(subject=subject, measurements={name: protocol.measure(name, found) for name in task.metrics})
        for subject, found in scores.items()
    ]


def _gains(task: Task, protocol: Protocol, rows: Sequence[Row]) -> dict[str, float]:
    first = task.metrics[0]
    value = {row.subject: row.measurements[first].value for row in rows}
    others = (task.baseline_name, task.control_name)
    return {f"{first} over {other}": protocol.gain(first, value[MODEL], value[other]) for other in others}


def _claim(claim: Claim, clips: Sequence[Clip]) -> ClaimResult:
    measured = claim.measure(clips)
    return ClaimResult(
        name=claim.name,
        statement=claim.statement,
        measured=measured,
        floor=claim.floor,
        ceiling=claim.ceiling,
        holds=claim.holds(measured),
    )


def _track(home: Home, handle: ModelHandle, report: EvaluationReport, dataset: Dataset) -> None:
    params = {"model": report.model, "seed": report.seed}
    run_id = handle.run_id or tracking.start_run(home, report.system, f"evaluate {handle.name}", params, {})
    metrics = {
        f"{report.split}/{row.subject}/{name}": m.value for row in report.rows for name, m in row.measurements.items()
    }
    tracking.log_metrics(home, run_id, {**metrics, **{f"test/{k}": v for k, v in report.gains.items()}})
    tracking.log_dataset(home, run_id, dataset.address, dataset.digest, report.clips, "evaluation")
    tracking.log_json(home, run_id, report.model_dump(mode="json"), f"evaluation-{dataset.digest[:12]}.json")
    if handle.run_id is None:
        tracking.end_run(home, run_id)
