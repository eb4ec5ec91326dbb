"""Networks that judge video answers beside a task's protocol: the stage's probes, and published networks from files.
How a figure is made is in probes/metrics.py and published.py; who answers, in evaluate.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation.metrics import METRICS
from talkie.evaluation.probes import PROBES, Probe, load_probe, metrics
from talkie.evaluation.published import FILES, Published, load_published
from talkie.shards import Dataset
from talkie.systems import Measurement, Task
from talkie.systems.tasks.video import VideoResult

Kept = Mapping[str, Any]
"""What was kept of a clip by published metric; BadInput in a value's place says why there is none."""


class Judge(Protocol):
    """One or several networks with the published metrics that they measure."""

    @property
    def metrics(self) -> tuple[str, ...]: ...

    def name(self, metric: str) -> str: ...

    def score(self, clip: Clip, truth: VideoResult, answer: VideoResult) -> Kept: ...

    def figure(self, metric: str, clips: Sequence[Kept], left_out: str) -> Measurement: ...


@dataclass(frozen=True)
class Probed:
    """The stage's probes as a judge."""

    probes: Mapping[str, Probe]
    metrics: tuple[str, ...]

    def name(self, metric: str) -> str:
        return metrics.stage_name(metric, self.probes)

    def score(self, clip: Clip, truth: VideoResult, answer: VideoResult) -> Kept:
        return metrics.score_each(clip, answer, self.probes, self.metrics)

    def figure(self, metric: str, clips: Sequence[Kept], left_out: str) -> Measurement:
        return metrics.figure(metric, clips, self.probes, left_out)


class Judges:
    """All judges of one evaluation. Only answers that are videos have any."""

    def __init__(self, judges: Sequence[Judge] = ()):
        self._judges = tuple(judges)
        self.wants: tuple[str, ...] = metrics.FIELDS if judges else ()

    def score(self, clip: Clip, truth: VideoResult, answer: VideoResult) -> list[Kept]:
        """What each judge keeps of one clip."""
        return [judge.score(clip, truth, answer) for judge in self._judges]

    def measure(self, clips: Sequence[Sequence[Kept]]) -> tuple[dict[str, Measurement], dict[str, str]]:
        """Figures by their names ("stage_lse_c"), and for those that cannot be given, why."""
        found: dict[str, Measurement] = {}
        missing: dict[str, str] = {}
        for number, judge in enumerate(self._judges):
            for metric in judge.metrics:
                name = judge.name(metric)
                values = [clip[number][metric] for clip in clips]
                reasons = [str(value) for value in values if isinstance(value, BadInput)]
                kept = [clip[number] for clip in clips if not isinstance(clip[number][metric], BadInput)]
                if not kept:
                    missing[name] = reasons[0]
                    continue
                said = f"{len(reasons)} clips left out, the first: {reasons[0]}" if reasons else ""
                try:
                    found[name] = judge.figure(metric, kept, said)
                except BadInput as error:
                    missing[name] = str(error)
        return found, missing


def judges_of(
    task: Task,
    *,
    probes: bool = False,
    probe_data: Dataset | Path | str | None = None,
    networks: Mapping[str, Sequence[Path]] | None = None,
    ranking: str = "",
    ranked: Dataset | None = None,
    cache: Path | None = None,
    load: Callable[..., Probe] = load_probe,
) -> Judges:
    """The judges of a task's answers. probes: all that measure something of this task, trained at first use on
    `probe_data` or the stage's own shoot. networks: published ones, by the names and files that published.py lists.
    ranking: the metric that ranks the answers; where it is a probe's ("stage_opening_correlation"), that probe is there
    also unasked, and learns from the train split of `ranked`, the data that answers are measured on.

    Raises BadInput where answers are no videos, or for an unknown network or file."""
    deciding = metrics.metric_of(ranking)
    if not probes and not networks and not deciding:
        return Judges()
    if task.result is not VideoResult:
        raise BadInput(
            f"{task.slug} answers with {task.result.__name__}, and networks judge videos",
            where=task.slug,
            cure="leave out --probes and --network",
        )
    found: list[Judge] = [_published(task, name, files) for name, files in (networks or {}).items()]
    if deciding:
        probe = metrics.PROBE_OF[deciding]
        found.append(Probed({probe: load(probe, ranked, cache)}, (deciding,)))
    if probes:
        chosen = tuple(
            metric for metric in metrics.PROBE_OF if task.slug in METRICS[metric].tasks and metric != deciding
        )
        needed = {metrics.PROBE_OF[metric] for metric in chosen}
        trained = {name: load(name, probe_data, cache) for name in PROBES if name in needed}
        found.append(Probed(trained, chosen))
    return Judges(found)


def _published(task: Task, name: str, files: Sequence[Path]) -> Published:
    if name not in FILES:
        raise BadInput(f"no network {name!r}", where="--network", cure=f"there are {', '.join(sorted(FILES))}")
    judge = load_published(name, files)
    judge.metrics = tuple(metric for metric in judge.metrics if task.slug in METRICS[metric].tasks)
    if not judge.metrics:
        raise BadInput(f"{name} measures nothing of {task.slug}", where="--network", cure="leave it out")
    return judge
