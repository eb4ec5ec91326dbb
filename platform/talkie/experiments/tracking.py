"""The one place that talks to MLflow: runs, their corpora, files and model versions. Metrics are in metrics.py, how a
model is packed in flavor.py; what a run consists of is decided in runs.py."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from talkie.errors import BadInput
from talkie.experiments.environment import environment
from talkie.experiments.home import Home
from talkie.experiments.metrics import MetricLog, send_file
from talkie.experiments.reach import asked, ping, quick_http
from talkie.storage import is_remote, shown

PARAM_CHARACTERS = 500
_DEPLOYED = "deployed."
"""Tags of a model version that begin so name a service that was started with it, and say when."""
_DIGEST_CHARACTERS = 32
"""MLflow keeps at most 36 characters in its own field; the whole digest is in the profile."""


_TAKEN, _TRIES = ("UNIQUE constraint", "duplicate key", "Duplicate entry"), 5
"""What SQLite, PostgreSQL and MySQL say of a row that somebody has just added, and how often it is tried."""


class _Patient:
    """An MLflow client that asks again while its server is out of reach, and then raises a typed error."""

    def __init__(self, home: Home, api: Any):
        self._home, self._api = home, api

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._api, name)

        def patiently(*args: Any, **values: Any) -> Any:
            return asked(self._home, lambda: call(*args, **values))

        return patiently


def client(home: Home) -> Any:
    """The MLflow client of a home; makes the database at first use. Every call is asked again while the server does
    not answer, and then raises TrackingUnreachable. Raises BadInput where the home cannot be written."""
    return _Patient(home, plain_client(home))


@lru_cache(maxsize=8)
def plain_client(home: Home) -> Any:
    """The same without patience: each call is tried once, and raises what MLflow raises."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    quick_http()
    ping(home)
    from mlflow import MlflowClient

    # The schema migrations of a new database would otherwise fill the terminal.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Its own report of a lost connection is a traceback; ours is one line.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    try:
        home.artifacts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"cannot be written: {error.strerror}", where=str(home.path), cure="choose another --home"
        ) from error
    return asked(home, lambda: MlflowClient(tracking_uri=home.tracking_uri, registry_uri=home.tracking_uri))


def start_run(home: Home, experiment: str, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> str:
    """Opens a run in an experiment (made at first use) and returns its id. Nested params become dotted names; whole
    they are the artifact config.json."""
    from mlflow.entities import Param, RunTag

    api = client(home)
    run_id = str(api.create_run(_experiment(home, experiment), run_name=name).info.run_id)
    flat = [Param(k, v[:PARAM_CHARACTERS]) for k, v in flatten(params).items()]
    versions = [RunTag(f"version.{k}", v) for k, v in environment().items()]
    api.log_batch(run_id, params=flat, tags=[RunTag(k, v) for k, v in tags.items()] + versions)
    if params:
        api.log_dict(run_id, json.loads(json.dumps(params, default=str)), "config.json")
    return run_id


def _experiment(home: Home, name: str) -> str:
    from mlflow.exceptions import MlflowException

    api = client(home)
    known = api.get_experiment_by_name(name)
    if known is None:
        try:
            return str(api.create_experiment(name, artifact_location=home.artifact_location(name)))
        except MlflowException as error:
            # Somebody else of the team was a moment sooner.
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            known = api.get_experiment_by_name(name)
    return str(known.experiment_id)


def reopen_run(home: Home, run_id: str) -> None:
    client(home).set_terminated(run_id, status="RUNNING")


def end_run(home: Home, run_id: str, status: str = "FINISHED") -> None:
    """Closes a run as FINISHED, FAILED or KILLED."""
    client(home).set_terminated(run_id, status=status)


def log_metrics(home: Home, run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
    """Writes a few values before it returns; a run that goes on takes a MetricLog."""
    with MetricLog(lambda: run_id, lambda: plain_client(home), home) as log:
        log.add(metrics, step)


def _log_input(api: Any, run_id: str, given: Any) -> None:
    """MLflow looks for a data set and then adds it: of two runs that begin at once with one corpus, as the trials of a
    sweep do, the second meets the database's own check and finds the data set when it looks again."""
    from mlflow.exceptions import MlflowException

    for attempt in range(1, _TRIES + 1):
        try:
            api.log_inputs(run_id, datasets=[given])
            return
        except MlflowException as error:
            if attempt == _TRIES or not any(word in str(error) for word in _TAKEN):
                raise


def log_dataset(home: Home, run_id: str, place: Path | str, digest: str, clips: int, context: str) -> None:
    """Records which shards a run read: MLflow's data set input with the place (a folder or an address), and the
    digests of all corpora of this context as one tag, in the order in which they were told."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    uri = shown(str(place)) if is_remote(place) else Path(place).resolve().as_uri()
    dataset = Dataset(
        name=uri.rstrip("/").rpartition("/")[2] or "shards",
        digest=digest[:_DIGEST_CHARACTERS],
        source_type="talkie" if is_remote(place) else "local",
        source=json.dumps({"uri": uri}),
        profile=json.dumps({"clips": clips, "digest": digest}),
    )
    api, tag = client(home), f"data.{context}"
    _log_input(api, run_id, DatasetInput(dataset=dataset, tags=[InputTag("mlflow.data.context", context)]))
    before = api.get_run(run_id).data.tags.get(tag, "").split()
    api.set_tag(run_id, tag, " ".join(dict.fromkeys([*before, digest])))


def log_json(home: Home, run_id: str, value: Any, name: str) -> None:
    client(home).log_dict(run_id, value, name)


def log_file(home: Home, run_id: str, path: Path, name: str) -> None:
    """Stores a file of a run, such as a sample picture, clip or curve, under `name` ("samples/step-100/clip.mp4")."""
    if not Path(path).is_file():
        raise BadInput("no such file", where=str(path), cure="name an existing file")
    send_file(client(home), run_id, Path(path), name)


def read_artifacts(home: Home, run_id: str, folder: str | None = None, like: str = "") -> dict[str, bytes]:
    """Files of a run whose path begins with `like`, by their path."""
    api, found = client(home), {}
    with tempfile.TemporaryDirectory(prefix="talkie-artifacts-") as temporary:
        for item in api.list_artifacts(run_id, folder):
            if not item.is_dir and item.path.startswith(like):
                found[item.path] = Path(api.download_artifacts(run_id, item.path, temporary)).read_bytes()
    return found


def register_model(home: Home, run_id: str, folder: Path, name: str, digest: str, step: int = 0) -> int:
    """Logs a model folder as a model of a run and registers it as the next version of `name`. A folder with this
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
    model = log_model(home, run_id, folder, name, step, {"digest": digest})
    # As a tag too: MLflow's databases do not give the model's id back.
    tags = {"digest": digest, "logged_model": model.model_id}
    made = api.create_model_version(
        name, source=model.artifact_location, run_id=run_id, tags=tags, model_id=model.model_id
    )
    return int(made.version)


def log_model(
    home: Home, run_id: str, folder: Path, name: str, step: int = 0, tags: Mapping[str, str] | None = None
) -> Any:
    """A model folder as a logged model of a run, with what `mlflow.pyfunc` needs to load it; returns MLflow's entity.

    For the finished model, and for any checkpoint that was exported as one."""
    from mlflow.entities import LoggedModelOutput

    from talkie.experiments.flavor import write_flavor

    api = client(home)
    experiment = api.get_run(run_id).info.experiment_id
    values = {k: str(v) for k, v in {**(tags or {}), "step": step}.items()}
    model = api.create_logged_model(experiment, name=name, source_run_id=run_id, tags=values, model_type="talkie")
    with tempfile.TemporaryDirectory(prefix="talkie-model-") as temporary:
        staged = Path(temporary) / "model"
        # Hard links where the disk allows: weights may be gigabytes.
        shutil.copytree(folder, staged, copy_function=_linked)
        write_flavor(staged, model.model_id, run_id)
        api.log_model_artifacts(model.model_id, str(staged))
    api.finalize_logged_model(model.model_id, "READY")
    api.log_outputs(run_id, models=[LoggedModelOutput(model.model_id, step)])
    return model


def _linked(source: str, target: str) -> None:
    # Into a temporary folder on another disk, a link cannot be made.
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def versions_of(home: Home, name: str) -> list[Any]:
    """Registered versions of a model, newest first; none for an unknown name."""
    quoted = name.replace("'", "")
    found = client(home).search_model_versions(f"name='{quoted}'")
    return sorted(found, key=lambda v: -int(v.version))


def version_of_alias(home: Home, name: str, alias: str) -> int | None:
    """The version that an alias of a model points at, None for an unknown alias."""
    aliases = client(home).get_registered_model(name).aliases
    return int(aliases[alias]) if alias in aliases else None


def artifact_folder(home: Home, source: str, digest: str = "") -> Path:
    """The local folder of a model version's source; one that lies elsewhere is brought once, by its digest."""
    parsed = urlparse(source)
    if parsed.scheme == "file" or not parsed.scheme:
        return Path(unquote(parsed.path)) if parsed.scheme else Path(source)
    from mlflow.artifacts import download_artifacts

    # A tag comes from the server: only a plain word may become a name here.
    kept = home.path / "models" / (digest if digest.isalnum() else hashlib.sha256(source.encode()).hexdigest())
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".incoming-") as temporary:
            arrived = asked(
                home, lambda: download_artifacts(source, dst_path=temporary, tracking_uri=home.tracking_uri)
            )
            if not kept.is_dir():
                os.replace(arrived, kept)
    return kept


def deployment_tag(url: str, since: str) -> tuple[str, str]:
    """Key and value of the tag of a service: a key may hold neither // nor brackets."""
    return _DEPLOYED + "".join(c if c.isalnum() or c in ".:-" else "_" for c in urlparse(url).netloc), f"{since} {url}"


def deployments_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Address to time of every service that was started with a version, by the version's tags."""
    pairs = (value.split(" ", 1) for key, value in tags.items() if key.startswith(_DEPLOYED) and " " in value)
    return {url: since for since, url in pairs}


def flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted names: {"a": {"b": 1}} -> {"a.b": "1"}."""
    flat: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value)
    return flat
