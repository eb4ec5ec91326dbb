"""Measures a model on held-out identities beside the task's trivial baseline and a shuffled-audio control. Metrics are
in metrics/, the tracking of results in `talkie.experiments`."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from talkie.clip import Clip
from talkie.errors import BadInput, TooFewIdentities
from talkie.evaluation.metrics.motion import METRICS, ClipErrors, MotionMasks, clip_errors
from talkie.experiments import tracking
from talkie.experiments.home import Home
from talkie.experiments.registry import ModelHandle, load_model, resolve_model
from talkie.heads import HeadModel, builtin_head
from talkie.shards import Dataset, open_dataset
from talkie.systems import SPEECH_TO_MOTION, TASKS, Claim, Measurement, MotionResult, System, Task
from talkie.systems.task import Generator

MODEL, BASELINE, SHUFFLED = "model", SPEECH_TO_MOTION.baseline_name, SPEECH_TO_MOTION.control_name
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
    """One evaluation. `reductions`: by how much the model's LVE lies below that of the other rows, 0.25 = 25 %."""

    model: str
    digest: str
    system: str
    data: str
    split: str
    clips: int
    identities: int
    seed: int
    rows: list[Row]
    reductions: dict[str, float]
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
    on_progress: Callable[[int, int], None] | None = None,
) -> EvaluationReport:
    """Measures `model` (a reference, see `resolve_model`) on the test split of `data`.

    The baseline is fitted on the train split; the control gives the model the audio of another test clip, chosen by
    `seed`, with other words where the clips have transcripts. With `track`, the figures go to the run that made the
    model. `on_progress(done, clips)`. Raises UnknownModel, NotADataset, MissingField, TooFewIdentities, BadInput.
    """
    home = home if isinstance(home, Home) else Home.at(home)
    handle = resolve_model(model, home)
    task = TASKS[handle.card.task]
    dataset = open_dataset(data)
    _check(dataset, task)
    system = load_model(handle)
    baseline = task.baseline(dataset.clips(_baseline_fields(task), "train"))
    clips = list(dataset.clips(task.needs, "test"))
    others = other_audio(dataset, clips, seed)
    rows = _measure(task, system, baseline, clips, others, on_progress or (lambda done, total: None))
    report = EvaluationReport(
        model=str(handle),
        digest=handle.digest,
        system=handle.system,
        data=dataset.digest,
        split="test",
        clips=len(clips),
        identities=len({clip.record.identity for clip in clips}),
        seed=seed,
        rows=rows,
        reductions=_reductions(rows),
        claims=[_claim(claim, clips) for claim in system.claims()] if claims else [],
    )
    if track:
        _track(home, handle, report, dataset)
    return report


def other_audio(dataset: Dataset, clips: Sequence[Clip], seed: int) -> list[Clip]:
    """For every clip another one, chosen by seed: with other words where transcripts are there, because the same
    sentence in another voice would be no control. Raises BadInput where there is none."""
    words = {c.id: _words(dataset, c.id) for c in clips}
    generator = random.Random(seed)
    chosen = []
    for clip in clips:
        candidates = [c for c in clips if c.id != clip.id and (words[c.id] is None or words[c.id] != words[clip.id])]
        if not candidates:
            raise BadInput(
                "every test clip says the same words, which leaves no shuffled-audio control",
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
    if len(dataset.ids("test")) < MIN_CLIPS:
        raise TooFewIdentities(
            f"the test split has {len(dataset.ids('test'))} clips, measuring needs {MIN_CLIPS}",
            where=where,
            cure="add clips of more people, so that some are held out",
        )
    both = people["train"] & people["test"]
    if both:
        raise BadInput(
            f"identity {min(both)} is in the train and the test split", where=where, cure="split by identity"
        )
    dataset.require(task.needs, "test")
    dataset.require(_baseline_fields(task), "train")


def _baseline_fields(task: Task) -> tuple[str, ...]:
    return tuple(f for f in task.needs if f not in ("flac", "mp4"))


def _measure(
    task: Task,
    system: System,
    baseline: Generator,
    clips: Sequence[Clip],
    others: Sequence[Clip],
    on_progress: Callable[[int, int], None],
) -> list[Row]:
    head = builtin_head()
    masks = MotionMasks.of(head)
    errors: dict[str, list[ClipErrors]] = {MODEL: [], BASELINE: [], SHUFFLED: []}
    for done, (clip, other) in enumerate(zip(clips, others, strict=True), 1):
        request = task.request_of(clip)
        answers = {
            MODEL: system.generate(request),
            BASELINE: baseline.generate(request),
            SHUFFLED: system.generate(task.control(request, task.request_of(other))),
        }
        identity = clip.fields["head.npz"].identity
        truth = offsets(head, identity, task.truth_of(clip))
        for subject, answer in answers.items():
            errors[subject].append(clip_errors(truth, offsets(head, identity, answer), masks))
        on_progress(done, len(clips))
    return [
        Row(subject=subject, measurements={name: METRICS[name](found, masks) for name in task.metrics})
        for subject, found in errors.items()
    ]


@torch.no_grad()
def offsets(head: HeadModel, identity: np.ndarray, motion: MotionResult) -> np.ndarray:
    """A motion's coefficients on a person's head: (T, V, 3) metres from that person's neutral face, head space."""
    person = torch.as_tensor(identity, dtype=torch.float32)[None]
    expression, jaw = torch.as_tensor(motion.expression), torch.as_tensor(motion.jaw)
    moving = head.vertices(identity=person.expand(len(expression), -1), expression=expression, jaw=jaw)
    return (moving - head.vertices(identity=person)).numpy()


def _reductions(rows: Sequence[Row]) -> dict[str, float]:
    value = {row.subject: row.measurements["lve"].value for row in rows}
    return {
        f"lve below {other}": 1 - value[MODEL] / value[other] if value[other] else 0.0 for other in (BASELINE, SHUFFLED)
    }


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
    tracking.log_metrics(home, run_id, {**metrics, **{f"test/{k}": v for k, v in report.reductions.items()}})
    tracking.log_dataset(home, run_id, dataset.folder.resolve(), dataset.digest, report.clips, "evaluation")
    tracking.log_json(home, run_id, report.model_dump(mode="json"), f"evaluation-{dataset.digest[:12]}.json")
    if handle.run_id is None:
        tracking.end_run(home, run_id)
