"""A training run that is tracked: settings, metrics, lineage and the registered model. How to train is in
`talkie.training`, how to talk to MLflow in tracking.py."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass
from pathlib import Path

from talkie.errors import Preempted, TalkieError, TrackingUnreachable
from talkie.experiments import corpora, reach, tracking
from talkie.experiments.checkpoints import log_checkpoints
from talkie.experiments.environment import environment, git_revision, host_kind
from talkie.experiments.heritage import log_parent
from talkie.experiments.home import Home
from talkie.experiments.metrics import SPOOL_NAME, MetricLog
from talkie.experiments.registry import ModelHandle, resolve_model
from talkie.experiments.system_metrics import SystemMetrics
from talkie.systems import load_system, make_config
from talkie.training import Data, TrainConfig, TrainEvent, TrainResult, corpora_of, train
from talkie.training.events import OnEvent

TRACKED = "mlflow.json"
"""In a run's folder: the id of its MLflow run, so that a resumed run goes on in the same one."""
ENDED = "ended.json"
"""In a run's folder: how it ended, where MLflow could not be told."""


@dataclass(frozen=True)
class TrainedModel:
    """A finished run and the model version it left."""

    result: TrainResult
    model: ModelHandle
    run_id: str


def run_training(
    config: TrainConfig,
    data: Data,
    home: Home | Path | str | None = None,
    name: str | None = None,
    resume: bool = False,
    on_event: OnEvent | None = None,
) -> TrainedModel:
    """Trains into `home/runs/<name>` (default: the system's slug and preset), logs to MLflow, registers the model. Of a
    run that ends, or is asked to stop, the best and the last checkpoint are logged as models too.

    Training a finished run again returns its model without a second version. Raises what `talkie.training.train`
    raises; the MLflow run is then marked FAILED, or KILLED on Ctrl-C. A server of records that does not answer stops
    the run before it starts, with TrackingUnreachable; one that falls silent later costs no step: values wait on disk,
    and the error comes when the model is to be registered. The same call then goes on from there."""
    home = home if isinstance(home, Home) else Home.at(home)
    reach.ping(home)
    out = home.run(name or f"{config.system}-{config.preset}")
    with _Tracked(config, data, home, out) as tracked:

        def note(event: TrainEvent) -> None:
            tracked.note(event)
            if on_event:
                on_event(event)

        result = train(config, data, out, resume, note)
        return tracked.register(result)


class _Tracked:
    """The MLflow run around a training: opened with the first values that are sent, closed with how it ended."""

    def __init__(self, config: TrainConfig, data: Data, home: Home, out: Path):
        self.config, self.data, self.home, self.out = config, data, home, out
        self.run_id: str | None = None
        self._opening = threading.Lock()
        self._log: MetricLog | None = None
        self._machine: SystemMetrics | None = None

    def __enter__(self) -> _Tracked:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            return
        status = "FAILED" if issubclass(kind, TalkieError) else "KILLED"
        try:
            self._close()
            if self.run_id and isinstance(error, Preempted):
                log_checkpoints(self.home, self.run_id, self.out, self.config.system)
            if self.run_id and not isinstance(error, TrackingUnreachable):
                tracking.end_run(self.home, self.run_id, status)
        except TalkieError as untold:
            # What stopped the training matters more than that nobody could be told.
            if error is not None:
                error.add_note(str(untold))
            with contextlib.suppress(OSError):
                (self.out / ENDED).write_text(json.dumps({"status": status}))

    def note(self, event: TrainEvent) -> None:
        if self._log is None:
            self._log = self._new_log()
            self._machine = SystemMetrics(self._log.add, self.out)
        if values := event_values(event):
            self._log.add(values, event.step)
        for path in event.files:
            file = Path(path) if Path(path).is_absolute() else self.out / path
            self._log.add_file(file, f"samples/step-{event.step:08d}/{file.name}")

    def open(self) -> str:
        """The id of this run's MLflow run, made at the first call and found again when a run is resumed."""
        with self._opening:
            if self.run_id is None:
                path = self.out / TRACKED
                if path.exists():
                    run_id = str(json.loads(path.read_text())["run_id"])
                    tracking.reopen_run(self.home, run_id)
                    (self.out / ENDED).unlink(missing_ok=True)
                else:
                    run_id = self._start()
                    path.write_text(json.dumps({"run_id": run_id}))
                self.run_id = run_id
            return self.run_id

    def register(self, result: TrainResult) -> TrainedModel:
        self._close()
        run_id, slug = self.open(), self.config.system
        tracking.log_metrics(self.home, run_id, {"train_seconds": result.seconds}, result.steps)
        log_checkpoints(self.home, run_id, self.out, slug)
        version = tracking.register_model(self.home, run_id, result.model, slug, result.digest, result.steps)
        tracking.client(self.home).set_tag(run_id, "samples", result.samples)
        tracking.end_run(self.home, run_id)
        return TrainedModel(result, resolve_model(f"{slug}/{version}", self.home), run_id)

    def _close(self) -> None:
        if self._machine:
            self._machine.close()
        if self._log is None and (self.out / SPOOL_NAME).exists():
            self._log = self._new_log()
        if self._log:
            self._log.close()

    def _new_log(self) -> MetricLog:
        return MetricLog(self.open, lambda: tracking.plain_client(self.home), self.home, self.out / SPOOL_NAME)

    def _start(self) -> str:
        cls = load_system(self.config.system)
        system = make_config(cls, self.config.preset, self.config.overrides).model_dump(mode="json")
        params = {"train": self.config.model_dump(mode="json"), "system": system}
        machine = host_kind()
        tags = {"system": cls.card.slug, "paper": cls.card.paper, "git": git_revision() or "none"}
        tags |= {f"host.{key}": str(machine[key]) for key in ("system", "cpus", "gpus")}
        run_id = tracking.start_run(self.home, cls.card.task, self.out.name, params, tags)
        tracking.log_json(self.home, run_id, {"versions": environment(), "host": machine}, "environment.json")
        for dataset, _ in corpora_of(self.data):
            corpora.log_corpus(self.home, run_id, dataset)
        if self.config.start is not None:
            log_parent(self.home, run_id, self.config.start)
        return run_id


def event_values(event: TrainEvent) -> dict[str, float]:
    """What an event adds to the curves of its run: losses of training, or of validation, and what a step cost."""
    if not event.losses:
        return {}
    kind = "validation" if event.kind == "validation" else "loss"
    values = {f"{kind}/{name}": value for name, value in event.losses.items()}
    if kind == "loss":
        values |= {"loss": event.loss, "samples_per_s": event.samples_per_s}
    return values | {f"step/{name}": value for name, value in event.meters.items()}
