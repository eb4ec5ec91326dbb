"""What was trained on a corpus: runs with their checkpoints, registered models with their aliases. Which corpora are
meant, and why, is not known here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse

from talkie.experiments import tracking
from talkie.experiments.home import Home

_PAGE = 1000


@dataclass(frozen=True)
class TrainedOn:
    """One use of a corpus: the MLflow run (None for a folder of checkpoints that MLflow knows nothing of), the corpus
    digest, where it lay, what came of it: checkpoint folders, and models as NAME/VERSION with the aliases of each and
    its digest."""

    run_id: str | None
    name: str
    status: str
    data: str
    folder: Path | None
    checkpoints: tuple[Path, ...] = ()
    models: tuple[str, ...] = ()
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


Meant = Callable[[str, Path | None], bool]
"""Whether a corpus is meant, by its digest and the folder that it was read from."""


def trained_on(home: Home | Path | str | None, meant: Meant) -> list[TrainedOn]:
    """Every run that read such a corpus, tracked or not, by name. Reads only; a home without records has none."""
    home = home if isinstance(home, Home) else Home.at(home)
    tracked = _tracked(home, meant) if (home.path / "mlflow.db").is_file() else []
    known = {use.name for use in tracked}
    return sorted(tracked + [use for use in _folders(home, meant) if use.name not in known], key=lambda u: u.name)


def _tracked(home: Home, meant: Meant) -> list[TrainedOn]:
    api = tracking.client(home)
    versions = _versions(home)
    found = []
    for experiment in api.search_experiments():
        token = None
        while True:
            page = api.search_runs([experiment.experiment_id], max_results=_PAGE, page_token=token)
            for run in page:
                data, folder = run.data.tags.get("data.training", ""), _folder(run)
                if data and meant(data, folder):
                    found.append(_use(home, run, data, folder, versions.get(run.info.run_id, [])))
            token = page.token
            if not token:
                break
    return found


def _use(home: Home, run, data: str, folder: Path | None, versions: list) -> TrainedOn:  # type: ignore[no-untyped-def, type-arg]
    models = {f"{version.name}/{version.version}": version for version in versions}
    return TrainedOn(
        run_id=run.info.run_id,
        name=run.info.run_name,
        status=run.info.status,
        data=data,
        folder=folder,
        checkpoints=_checkpoints(home.run(run.info.run_name)),
        models=tuple(sorted(models)),
        aliases={name: tuple(sorted(version.aliases)) for name, version in models.items() if version.aliases},
        digests={name: version.tags.get("digest", "") for name, version in models.items()},
    )


def _versions(home: Home) -> dict[str, list]:  # type: ignore[type-arg]
    """Registered versions by the run that made them. A search does not tell aliases: each version is asked for its."""
    api, found = tracking.client(home), dict[str, list]()  # type: ignore[type-arg]
    for model in api.search_registered_models():
        for version in tracking.versions_of(home, model.name):
            whole = api.get_model_version(model.name, version.version)
            found.setdefault(version.run_id, []).append(whole)
    return found


def _folder(run) -> Path | None:  # type: ignore[no-untyped-def]
    """Where a run read its shards, as its data set input says."""
    for used in run.inputs.dataset_inputs if run.inputs else []:
        try:
            uri = urlparse(str(json.loads(used.dataset.source)["uri"]))
        except (ValueError, KeyError, TypeError):
            continue
        if uri.scheme == "file":
            return Path(unquote(uri.path))
    return None


def _folders(home: Home, meant: Meant) -> list[TrainedOn]:
    """Run folders by their own record: training that MLflow did not see, or whose record was lost."""
    root, found = home.path / "runs", []
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        try:
            data = str(json.loads((folder / "run.json").read_text())["data"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if meant(data, None):
            found.append(TrainedOn(None, folder.name, "UNTRACKED", data, None, _checkpoints(folder)))
    return found


def _checkpoints(run: Path) -> tuple[Path, ...]:
    root = run / "checkpoints"
    return tuple(sorted(p for p in root.glob("step-*") if p.is_dir())) if root.is_dir() else ()
