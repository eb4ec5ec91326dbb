"""The one place that talks to MLflow: runs, metrics in batches, the data set of a run, artifacts and model versions.
What a run consists of is decided in runs.py."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from talkie.errors import BadInput
from talkie.experiments.home import Home

METRICS_PER_CALL = 500
"""MLflow takes at most 1000 metrics in one call."""
PARAM_CHARACTERS = 500
VERSIONED = ("talkie", "torch", "numpy", "ray", "deepspeed", "mlflow", "webdataset", "safetensors")


@lru_cache(maxsize=8)
def client(home: Home) -> Any:
    """The MLflow client of a home; makes the database at first use. Raises BadInput where it cannot be written."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    from mlflow import MlflowClient

    # The schema migrations of a new database would otherwise fill the terminal.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        home.artifacts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"cannot be written: {error.strerror}", where=str(home.path), cure="choose another --home"
        ) from error
    return MlflowClient(tracking_uri=home.tracking_uri, registry_uri=home.tracking_uri)


def start_run(home: Home, experiment: str, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> str:
    """Opens a run in an experiment (made at first use) and returns its id. Nested params become dotted names."""
    from mlflow.entities import Param, RunTag

    api = client(home)
    known = api.get_experiment_by_name(experiment)
    location = (home.artifacts / experiment).as_uri()
    experiment_id = known.experiment_id if known else api.create_experiment(experiment, artifact_location=location)
    run_id = api.create_run(experiment_id, run_name=name).info.run_id
    flat = [Param(k, v[:PARAM_CHARACTERS]) for k, v in flatten(params).items()]
    versions = [RunTag(f"version.{k}", v) for k, v in environment().items()]
    api.log_batch(run_id, params=flat, tags=[RunTag(k, v) for k, v in tags.items()] + versions)
    return run_id


def reopen_run(home: Home, run_id: str) -> None:
    client(home).set_terminated(run_id, status="RUNNING")


def end_run(home: Home, run_id: str, status: str = "FINISHED") -> None:
    """Closes a run as FINISHED, FAILED or KILLED."""
    client(home).set_terminated(run_id, status=status)


def log_metrics(home: Home, run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
    with MetricLog(home, run_id) as log:
        log.add(metrics, step)


class MetricLog:
    """Collects metrics and writes them in batches: one call per value would be slower than the training."""

    def __init__(self, home: Home, run_id: str):
        self._home, self._run_id = home, run_id
        self._waiting: list[Any] = []

    def __enter__(self) -> MetricLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def add(self, metrics: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._waiting += [Metric(_metric_name(k), float(v), now, step) for k, v in metrics.items()]
        if len(self._waiting) >= METRICS_PER_CALL:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            client(self._home).log_batch(self._run_id, metrics=self._waiting)
            self._waiting = []


def log_dataset(home: Home, run_id: str, folder: Path, digest: str, clips: int, context: str) -> None:
    """Records which shards a run read: MLflow's data set input, and the full digest as a tag (its field is short)."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"uri": folder.as_uri()})
    profile = json.dumps({"clips": clips, "digest": digest})
    dataset = Dataset(
        name=folder.name or "shards",
        digest=digest[:32],
        source_type="local",
        source=source,
        profile=profile,
    )
    tags = [InputTag("mlflow.data.context", context)]
    client(home).log_inputs(run_id, datasets=[DatasetInput(dataset=dataset, tags=tags)])
    client(home).set_tag(run_id, f"data.{context}", digest)


def log_json(home: Home, run_id: str, value: dict[str, Any], name: str) -> None:
    client(home).log_dict(run_id, value, name)


def register_model(home: Home, run_id: str, folder: Path, name: str, digest: str) -> int:
    """Stores a model folder as an artifact of a run and registers it as the next version of `name`. A folder with this
    digest that the run has registered already is not registered twice."""
    from mlflow.exceptions import MlflowException

    api = client(home)
    try:
        api.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for known in versions_of(home, name):
        if known.run_id == run_id and known.tags.get("digest") == digest:
            return int(known.version)
    api.log_artifacts(run_id, str(folder), artifact_path="model")
    source = f"{api.get_run(run_id).info.artifact_uri}/model"
    made = api.create_model_version(name, source=source, run_id=run_id, tags={"digest": digest})
    return int(made.version)


def versions_of(home: Home, name: str) -> list[Any]:
    """Registered versions of a model, newest first; none for an unknown name."""
    quoted = name.replace("'", "")
    found = client(home).search_model_versions(f"name='{quoted}'")
    return sorted(found, key=lambda v: -int(v.version))


def version_of_alias(home: Home, name: str, alias: str) -> int | None:
    """The version that an alias of a model points at, None for an unknown alias."""
    aliases = client(home).get_registered_model(name).aliases
    return int(aliases[alias]) if alias in aliases else None


def artifact_folder(source: str) -> Path:
    """The local folder of a model version's source (a file URI or a path)."""
    parsed = urlparse(source)
    return Path(unquote(parsed.path)) if parsed.scheme == "file" else Path(source)


def flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted names: {"a": {"b": 1}} -> {"a.b": "1"}."""
    flat: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value)
    return flat


def environment() -> dict[str, str]:
    """Versions of what a result depends on."""
    found = {}
    for package in VERSIONED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _metric_name(name: str) -> str:
    # MLflow allows letters, digits, and _-./ and spaces only.
    return "".join(c if c.isalnum() or c in "_-./ " else "_" for c in name)
