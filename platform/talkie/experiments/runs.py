"""A training run that is tracked: settings, metrics, lineage and the registered model. How to train is in
`talkie.training`, how to talk to MLflow in tracking.py."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from talkie.errors import TalkieError
from talkie.experiments import tracking
from talkie.experiments.home import Home
from talkie.experiments.registry import ModelHandle, resolve_model
from talkie.shards import open_dataset
from talkie.systems import load_system, make_config
from talkie.training import TrainConfig, TrainEvent, TrainResult, train
from talkie.training.events import OnEvent

TRACKED = "mlflow.json"
"""In a run's folder: the id of its MLflow run, so that a resumed run goes on in the same one."""


@dataclass(frozen=True)
class TrainedModel:
    """A finished run and the model version it left."""

    result: TrainResult
    model: ModelHandle
    run_id: str


def run_training(
    config: TrainConfig,
    data: Path,
    home: Home | Path | str | None = None,
    name: str | None = None,
    resume: bool = False,
    on_event: OnEvent | None = None,
) -> TrainedModel:
    """Trains into `home/runs/<name>` (default: the system's slug and preset), logs to MLflow, registers the model.

    Training a finished run again returns its model without a second version. Raises what `talkie.training.train`
    raises; the MLflow run is then marked FAILED, or KILLED on Ctrl-C.
    """
    home = home if isinstance(home, Home) else Home.at(home)
    out = home.run(name or f"{config.system}-{config.preset}")
    with _Tracked(config, Path(data), home, out) as tracked:

        def note(event: TrainEvent) -> None:
            tracked.note(event)
            if on_event:
                on_event(event)

        result = train(config, Path(data), out, resume, note)
        return tracked.register(result)


class _Tracked:
    """The MLflow run around a training: opened at the first event, closed with how it ended."""

    def __init__(self, config: TrainConfig, data: Path, home: Home, out: Path):
        self.config, self.data, self.home, self.out = config, data, home, out
        self.run_id: str | None = None
        self._log: tracking.MetricLog | None = None

    def __enter__(self) -> _Tracked:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._log:
            self._log.flush()
        if self.run_id and kind:
            status = "FAILED" if issubclass(kind, TalkieError) else "KILLED"
            tracking.end_run(self.home, self.run_id, status)

    def note(self, event: TrainEvent) -> None:
        if self._log is None:
            self._log = tracking.MetricLog(self.home, self.open())
        if event.losses:
            values = {f"loss/{k}": v for k, v in event.losses.items()}
            self._log.add({**values, "loss": event.loss, "samples_per_s": event.samples_per_s}, event.step)

    def open(self) -> str:
        """The id of this run's MLflow run, made at the first call and found again when a run is resumed."""
        if self.run_id is None:
            path = self.out / TRACKED
            if path.exists():
                self.run_id = str(json.loads(path.read_text())["run_id"])
                tracking.reopen_run(self.home, self.run_id)
            else:
                self.run_id = self._start()
                path.write_text(json.dumps({"run_id": self.run_id}))
        return self.run_id

    def register(self, result: TrainResult) -> TrainedModel:
        run_id, slug = self.open(), self.config.system
        tracking.log_metrics(self.home, run_id, {"train_seconds": result.seconds}, result.steps)
        version = tracking.register_model(self.home, run_id, result.model, slug, result.digest)
        tracking.client(self.home).set_tag(run_id, "samples", result.samples)
        tracking.end_run(self.home, run_id)
        return TrainedModel(result, resolve_model(f"{slug}/{version}", self.home), run_id)

    def _start(self) -> str:
        cls = load_system(self.config.system)
        dataset = open_dataset(self.data)
        system = make_config(cls, self.config.preset, self.config.overrides).model_dump(mode="json")
        params = {"train": self.config.model_dump(mode="json"), "system": system}
        tags = {"system": cls.card.slug, "paper": cls.card.paper, "git": git_revision() or "none"}
        run_id = tracking.start_run(self.home, cls.card.task, self.out.name, params, tags)
        clips = len(dataset.ids("train"))
        tracking.log_dataset(self.home, run_id, self.data.resolve(), dataset.digest, clips, "training")
        return run_id


def git_revision() -> str | None:
    """The commit of the checkout that this package runs from, with "+" where files differ; None outside one."""
    here = Path(__file__).parent
    git = ["git", "-C", str(here)]
    try:
        # An installed package may lie inside somebody else's repository: only a tracked file counts.
        subprocess.run([*git, "ls-files", "--error-unmatch", __file__], check=True, capture_output=True)
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        dirty = subprocess.run([*git, "status", "--porcelain", "-uno"], check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{head}+" if dirty else head
