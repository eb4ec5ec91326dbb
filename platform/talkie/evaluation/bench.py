"""The bench: every system trained and measured by one protocol per task, over several seeds, as one table. How the
table is written for people is in bench_pages.py."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from talkie.errors import TalkieError
from talkie.evaluation.evaluate import MODEL, ClaimResult, EvaluationReport, evaluate
from talkie.evaluation.protocols import protocol_of
from talkie.experiments import tracking
from talkie.experiments.home import Home
from talkie.experiments.promotion import BENCH_RECORD
from talkie.experiments.runs import TrainedModel, run_training
from talkie.systems import TASKS, Bar, load_system
from talkie.systems.tasks.video import VideoResult
from talkie.training import TrainConfig, TrainResult
from talkie.training.events import OnEvent

SEEDS = (0, 1, 2)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BenchClaim(_Record):
    """A claim over the seeds: it holds where it held in every one, or in the `share` of them that it asks for, at least
    `floor` and at most `ceiling`."""

    name: str
    statement: str
    values: list[float]
    unit: str
    holds: bool
    floor: float | None = None
    ceiling: float | None = None
    share: float = 1.0


class BenchRow(_Record):
    """One system in one preset. `value`, `baseline` and `control` are medians over the seeds, `spread` is the range of
    `value`; `margin` the least gain over the baseline and over the control in any seed, `asked` what its bar asks of
    both. `works`: both are reached, and claims were asked and hold. `metrics`: medians of everything that was measured
    of the model, `beside` the same of baseline and control; `per_seed`: values of `metric` by whose answers they are;
    `data`: the dataset's digest; `settings` and `corpus_clips`: how it was made, and how many clips it has; `digests`:
    of the models, by seed. `seconds`: training, median; `memory_gb`: the largest process of a run. `failed`
    says why there are no figures."""

    system: str
    task: str
    preset: str
    metric: str
    unit: str = ""
    value: float | None = None
    spread: tuple[float, float] | None = None
    baseline: float | None = None
    control: float | None = None
    margin: tuple[float, float] | None = None
    asked: tuple[float, float]
    metrics: dict[str, float] = {}
    beside: dict[str, dict[str, float]] = {}
    per_seed: dict[str, list[float]] = {}
    claims: list[BenchClaim] = []
    works: bool = False
    seconds: float | None = None
    memory_gb: float | None = None
    seeds: int
    data: str = ""
    settings: dict[str, Any] = {}
    corpus_clips: int = 0
    digests: list[str] = []
    failed: str = ""

    @property
    def figures(self) -> Figures | None:
        """The figures together, None where the system failed."""
        if self.value is None or self.spread is None or self.margin is None:
            return None
        if self.baseline is None or self.control is None or self.seconds is None:
            return None
        return Figures(self.value, self.spread, self.baseline, self.control, self.margin, self.seconds)


@dataclass(frozen=True)
class Figures:
    """The figures of a row that has them."""

    value: float
    spread: tuple[float, float]
    baseline: float
    control: float
    margin: tuple[float, float]
    seconds: float


class BenchTable(_Record):
    """What `talkie bench` measured, as docs/bench/zoo.json holds it."""

    systems: list[BenchRow]

    def merged(self, other: BenchTable) -> BenchTable:
        """This table with the rows of `other` in the place of those of the same system and preset."""
        rows = {(row.system, row.preset): row for row in (*self.systems, *other.systems)}
        return BenchTable(systems=[rows[key] for key in sorted(rows)])


def bench(
    systems: Sequence[str],
    data: Path | str,
    home: Home | Path | str | None = None,
    *,
    preset: str = "tiny",
    seeds: Sequence[int] = SEEDS,
    claims: bool = True,
    judges: Mapping[str, Any] | None = None,
    on_system: Callable[[str, int], OnEvent | None] = lambda system, seed: None,
) -> BenchTable:
    """Trains and measures each system on `data` once a seed. A finished run is not trained again: its folder tells.

    A system that fails has a row that says why; the others are still measured. Every run of a row keeps it as its
    record `bench.json`. judges: what judges videos beside the task's metrics, as arguments of `judges_of`; tasks whose
    answers are no videos go without. `on_system(slug, seed)` gives the listener of each training.
    """
    home = home if isinstance(home, Home) else Home.at(home)
    measured = _Measured(data, home, preset, tuple(seeds), claims, dict(judges or {}), on_system)
    return BenchTable(systems=[measured.row(slug) for slug in systems])


def run_name(slug: str, preset: str, seed: int) -> str:
    """The name of the bench's run of a system."""
    return f"bench-{slug}-{preset}-{seed}"


def read_table(path: Path) -> BenchTable:
    """The table of a file, empty where there is none yet."""
    return BenchTable.model_validate(json.loads(path.read_text())) if path.exists() else BenchTable(systems=[])


@dataclass(frozen=True)
class _Measured:
    """How the systems of one bench are trained and measured."""

    data: Path | str
    home: Home
    preset: str
    seeds: tuple[int, ...]
    claims: bool
    judges: Mapping[str, Any]
    on_system: Callable[[str, int], OnEvent | None]

    def row(self, slug: str) -> BenchRow:
        cls = load_system(slug)
        task, bar = TASKS[cls.card.task], cls.bar
        judges = self.judges if task.result is VideoResult else {}
        runs: list[TrainedModel] = []
        reports: list[EvaluationReport] = []
        try:
            for seed in self.seeds:
                config = TrainConfig(system=slug, preset=self.preset, seed=seed)
                name = run_name(slug, self.preset, seed)
                trained = run_training(
                    config, self.data, self.home, name, resume=True, on_event=self.on_system(slug, seed)
                )
                runs.append(trained)
                reports.append(
                    evaluate(str(trained.model), self.data, self.home, seed=seed, claims=self.claims, **judges)
                )
        except TalkieError as error:
            return BenchRow(
                system=slug,
                task=task.slug,
                preset=self.preset,
                metric=task.headline(bar.metric),
                asked=(bar.over_baseline, bar.over_control),
                seeds=len(reports),
                failed=str(error),
            )
        row = _summary(slug, self.preset, task.headline(bar.metric), bar, reports, [run.result for run in runs])
        for run in runs:
            tracking.log_json(self.home, run.run_id, row.model_dump(mode="json"), BENCH_RECORD)
        return row


def _summary(
    slug: str, preset: str, metric: str, bar: Bar, reports: Sequence[EvaluationReport], runs: Sequence[TrainResult]
) -> BenchRow:
    task = TASKS[load_system(slug).card.task]
    memory = [run.memory_gb for run in runs]
    protocol = protocol_of(task)
    values = {
        subject: [r.row(subject).measurements[metric].value for r in reports]
        for subject in (MODEL, task.baseline_name, task.control_name)
    }
    mine = values[MODEL]
    least = tuple(
        min(protocol.gain(metric, v, o) for v, o in zip(mine, values[other], strict=True))
        for other in (task.baseline_name, task.control_name)
    )
    found = [_claim([r.claims[number] for r in reports]) for number in range(len(reports[0].claims))]
    reached = least[0] >= bar.over_baseline and least[1] >= bar.over_control
    return BenchRow(
        system=slug,
        task=task.slug,
        preset=preset,
        metric=metric,
        unit=reports[0].row(MODEL).measurements[metric].unit,
        value=statistics.median(mine),
        spread=(min(mine), max(mine)),
        baseline=statistics.median(values[task.baseline_name]),
        control=statistics.median(values[task.control_name]),
        margin=(least[0], least[1]),
        asked=(bar.over_baseline, bar.over_control),
        metrics=_medians(reports, MODEL),
        beside={name: _medians(reports, name) for name in (task.baseline_name, task.control_name)},
        per_seed=values,
        claims=found,
        works=reached and bool(found) and all(claim.holds for claim in found),
        seconds=statistics.median(run.seconds for run in runs),
        memory_gb=max((m for m in memory if m is not None), default=None),
        seeds=len(reports),
        data=reports[0].data,
        settings=reports[0].settings,
        corpus_clips=reports[0].corpus_clips,
        digests=[r.digest for r in reports],
    )


def _medians(reports: Sequence[EvaluationReport], subject: str) -> dict[str, float]:
    """Of every metric that each report has."""
    found = [r.row(subject).measurements for r in reports]
    return {name: statistics.median(m[name].value for m in found) for name in found[0] if all(name in m for m in found)}


def _claim(results: Sequence[ClaimResult]) -> BenchClaim:
    first = results[0]
    return BenchClaim(
        name=first.name,
        statement=first.statement,
        values=[r.measured.value for r in results],
        unit=first.measured.unit,
        holds=sum(r.holds for r in results) >= first.share * len(results),
        floor=first.floor,
        ceiling=first.ceiling,
        share=first.share,
    )
