"""Measures a model on held-out clips beside its task's trivial baseline and a control that hears or sees somebody
else. How a task is measured is in protocols/, the tracking of results in `talkie.experiments`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from talkie.clip import Clip
from talkie.errors import BadInput, TooFewIdentities
from talkie.evaluation.judges import Judges, Kept, judges_of
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
    """Whose answers, every metric of them, and for metrics that could not be measured, why."""

    subject: str
    measurements: dict[str, Measurement]
    unmeasured: dict[str, str] = {}


class ClaimResult(_Report):
    """A claim of the card, measured; `share`: of the seeds in which it has to hold."""

    name: str
    statement: str
    measured: Measurement
    floor: float | None
    ceiling: float | None
    holds: bool
    share: float = 1.0


class EvaluationReport(_Report):
    """One evaluation: the rows of the model, the task's baseline and its control.

    `metric`: the one that ranks, the task's first unless the system's bar names another. `gains`: by how much the
    model's is better than another row's: of an error the share by which it is smaller (0.25 = 25 %), of a figure that
    should be large the difference. `person`: whose model it is, of tasks whose held-out part is later in time.
    `settings` and `corpus_clips`: how the data were made, as their index says, and how many clips they are.
    """

    model: str
    digest: str
    system: str
    data: str
    settings: dict[str, Any] = {}
    corpus_clips: int = 0
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
    probes: bool = False,
    probe_data: Path | str | None = None,
    networks: Mapping[str, Sequence[Path]] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> EvaluationReport:
    """Measures `model` (a reference, see `resolve_model`) on the test split of `data`.

    The baseline is fitted on the train split; the control gives the model what drives another test clip, chosen by
    `seed`, with other words where the clips have transcripts. A task of one person is measured on the later clips of
    `person`, by default whoever has the most. With `track`, the figures go to the run that made the model. `probes`,
    `probe_data`, `networks`: what judges videos beside the task's metrics, as `judges_of` says; a probe whose figure
    the system's bar names learns from the train split of `data`.
    `on_progress(done, clips)`. Raises UnknownModel, NotADataset, MissingField, TooFewIdentities, BadInput.
    """
    home = home if isinstance(home, Home) else Home.at(home)
    handle = resolve_model(model, home)
    task = TASKS[handle.card.task]
    protocol = protocol_of(task)
    dataset = held_out(task, data, person)
    system, baseline = load_model(handle), baseline_of(task, dataset)
    metric = task.headline(system.bar.metric)
    judges = judges_of(task, probes=probes, probe_data=probe_data, networks=networks, ranking=metric, ranked=dataset)
    clips = list(_clips(dataset, task, (*protocol.wants, *judges.wants), system if claims else None))
    pool = clips if task.held_out == "identity" else [*clips, *dataset.clips(task.needs, "train")]
    others = other_clips(dataset, clips, pool, seed)
    asking = _Asking(task, protocol, judges, metric)
    rows = asking.measure(system, baseline, clips, others, on_progress or (lambda done, total: None))
    report = EvaluationReport(
        model=str(handle),
        digest=handle.digest,
        system=handle.system,
        data=dataset.digest,
        settings=dataset.index.settings,
        corpus_clips=len(dataset),
        split="test",
        clips=len(clips),
        identities=len({clip.record.identity for clip in clips}),
        seed=seed,
        metric=metric,
        person=dataset.person if task.held_out == "time" else None,
        rows=rows,
        gains=_gains(task, protocol, metric, rows),
        claims=[_claim(claim, clips) for claim in system.claims()] if claims else [],
    )
    if track:
        _track(home, handle, report, dataset)
    return report


def held_out(task: Task, data: Path | str, person: str | None = None) -> Dataset:
    """The data that a task is measured on: checked, and of one person where the task is. Raises NotADataset,
    MissingField, TooFewIdentities, BadInput."""
    dataset = open_dataset(data)
    if task.held_out == "time":
        dataset = of_person(dataset, person or dataset.person or main_person(dataset))
    _check(dataset, task)
    return dataset


def baseline_of(task: Task, dataset: Dataset) -> Generator:
    """The task's trivial answer, fitted on the train split."""
    return task.baseline(dataset.clips(_baseline_fields(task), "train"))


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


def _clips(dataset: Dataset, task: Task, wants: Sequence[str], claiming: System | None) -> Iterable[Clip]:
    """The test clips with what is asked about, read beside it where it is there, and needed by the claims."""
    ids = dataset.ids("test")
    shared = set.intersection(*(set(dataset.entries[i].members) for i in ids))
    also = [*wants, *(claiming.card.needs if claiming else ()), *(claiming.card.wants if claiming else ())]
    fields = dict.fromkeys((*task.needs, *(f for f in also if f in shared and f != "json")))
    return dataset.clips(tuple(fields), "test")


@dataclass(frozen=True)
class _Asking:
    """Asks model, baseline and control about every clip, and measures what they answer; `metric` must be among it."""

    task: Task
    protocol: Protocol
    judges: Judges
    metric: str

    def measure(
        self,
        system: Generator,
        baseline: Generator,
        clips: Sequence[Clip],
        others: Sequence[Clip],
        on_progress: Callable[[int, int], None],
    ) -> list[Row]:
        task = self.task
        scores: dict[str, list[Scores]] = {MODEL: [], task.baseline_name: [], task.control_name: []}
        judged: dict[str, list[list[Kept]]] = {subject: [] for subject in scores}
        for done, (clip, other) in enumerate(zip(clips, others, strict=True), 1):
            request = task.request_of(clip)
            answers = {
                MODEL: system.generate(request),
                task.baseline_name: baseline.generate(request),
                task.control_name: system.generate(task.control(request, task.request_of(other))),
            }
            truth = self.protocol.comparable(task.truth_of(clip), answers[MODEL])
            for subject, answer in answers.items():
                scores[subject].append(self.protocol.score(clip, truth, answer))
                judged[subject].append(self.judges.score(clip, truth, answer))
            on_progress(done, len(clips))
        return [self._row(subject, scores[subject], judged[subject]) for subject in scores]

    def _row(self, subject: str, scores: Sequence[Scores], judged: Sequence[Sequence[Kept]]) -> Row:
        found: dict[str, Measurement] = {}
        missing: dict[str, str] = {}
        for name in (*self.task.metrics, *self.task.also):
            try:
                found[name] = self.protocol.measure(name, scores)
            except BadInput as error:
                if name == self.metric:
                    raise
                missing[name] = str(error)
        more, unjudged = self.judges.measure(judged)
        if self.metric in unjudged:
            raise BadInput(unjudged[self.metric], where=self.metric)
        return Row(subject=subject, measurements=found | more, unmeasured=missing | unjudged)


def _gains(task: Task, protocol: Protocol, metric: str, rows: Sequence[Row]) -> dict[str, float]:
    value = {row.subject: row.measurements[metric].value for row in rows}
    others = (task.baseline_name, task.control_name)
    return {f"{metric} over {other}": protocol.gain(metric, value[MODEL], value[other]) for other in others}


def _claim(claim: Claim, clips: Sequence[Clip]) -> ClaimResult:
    measured = claim.measure(clips)
    return ClaimResult(
        name=claim.name,
        statement=claim.statement,
        measured=measured,
        floor=claim.floor,
        ceiling=claim.ceiling,
        holds=claim.holds(measured),
        share=claim.share,
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
