"""What was trained on a corpus: runs with their checkpoints, registered models with their aliases. Which corpora are
meant, and why, is not known here; trace.py asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from talkie.experiments import tracking
from talkie.experiments.corpora import folder_of
from talkie.experiments.home import Home

_PAGE = 1000


@dataclass(frozen=True)
class Corpus:
    """A corpus as a run records it: digest, address, clips that were read, and what for: "training" or "evaluation"."""

    digest: str
    uri: str
    clips: int
    context: str

    @property
    def folder(self) -> Path | None:
        return folder_of(self.uri)


@dataclass(frozen=True)
class Version:
    """A registered model that a run made: NAME/VERSION, its aliases, its digest, and the services that were started
    with it: address to time."""

    label: str
    aliases: tuple[str, ...]
    digest: str
    deployed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A run as MLflow has it."""

    run_id: str
    name: str
    status: str
    tags: dict[str, str]
    corpora: tuple[Corpus, ...]
    versions: tuple[Version, ...] = ()

    def read(self, context: str = "training") -> tuple[Corpus, ...]:
        return tuple(corpus for corpus in self.corpora if corpus.context == context)


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
    deployed: dict[str, dict[str, str]] = field(default_factory=dict)


Meant = Callable[[str, Path | None], bool]
"""Whether a corpus is meant, by its digest and the folder that it was read from."""


def trained_on(home: Home | Path | str | None, meant: Meant) -> list[TrainedOn]:
    """Every run that read such a corpus, tracked or not, by name. Reads only; a home without records has none."""
    home = home if isinstance(home, Home) else Home.at(home)
    tracked = []
    for run in runs(home):
        corpus = next((c for c in run.read() if meant(c.digest, c.folder)), None)
        if corpus is not None:
            tracked.append(_use(home, run, corpus))
    known = {use.name for use in tracked}
    return sorted(tracked + [use for use in _folders(home, meant) if use.name not in known], key=lambda u: u.name)


def runs(home: Home) -> Iterator[Run]:
    """Every run that read a corpus, one page in memory at a time."""
    if not home.has_records:
        return
    api = tracking.client(home)
    versions = _versions(home)
    for experiment in api.search_experiments():
        token = None
        while True:
            page = api.search_runs([experiment.experiment_id], max_results=_PAGE, page_token=token)
            for found in page:
                if corpora := _corpora(found):
                    yield _run(found, corpora, versions)
            token = page.token
            if not token:
                break


def run_of(home: Home, run_id: str) -> Run:
    """One run."""
    found = tracking.client(home).get_run(run_id)
    return _run(found, _corpora(found), _versions(home))


def _run(found: Any, corpora: tuple[Corpus, ...], versions: dict[str, list[Version]]) -> Run:
    info = found.info
    return Run(
        run_id=info.run_id,
        name=info.run_name,
        status=info.status,
        tags=dict(found.data.tags),
        corpora=corpora,
        versions=tuple(sorted(versions.get(info.run_id, []), key=lambda v: v.label)),
    )


def _use(home: Home, run: Run, corpus: Corpus) -> TrainedOn:
    return TrainedOn(
        run_id=run.run_id,
        name=run.name,
        status=run.status,
        data=corpus.digest,
        folder=corpus.folder,
        checkpoints=_checkpoints(home.run(run.name)),
        models=tuple(version.label for version in run.versions),
        aliases={version.label: version.aliases for version in run.versions if version.aliases},
        digests={version.label: version.digest for version in run.versions},
        deployed={version.label: version.deployed for version in run.versions if version.deployed},
    )


def _versions(home: Home) -> dict[str, list[Version]]:
    """Registered versions by the run that made them. A search does not tell aliases: the model does."""
    api, found = tracking.client(home), dict[str, list[Version]]()
    for model in api.search_registered_models():
        aliases: dict[str, list[str]] = {}
        for alias, number in api.get_registered_model(model.name).aliases.items():
            aliases.setdefault(str(number), []).append(alias)
        for version in tracking.versions_of(home, model.name):
            tags = version.tags
            made = Version(
                f"{model.name}/{version.version}",
                tuple(sorted(aliases.get(str(version.version), ()))),
                tags.get("digest", ""),
                tracking.deployments_of(tags),
            )
            found.setdefault(version.run_id, []).append(made)
    return found


def _corpora(run: Any) -> tuple[Corpus, ...]:
    """What its data set inputs say; inputs that are not talkie's are left out."""
    found = []
    for used in run.inputs.dataset_inputs if run.inputs else []:
        context = next((tag.value for tag in used.tags if tag.key == "mlflow.data.context"), "")
        try:
            uri = str(json.loads(used.dataset.source)["uri"])
            profile = json.loads(used.dataset.profile)
            found.append(Corpus(str(profile["digest"]), uri, int(profile["clips"]), context))
        except (ValueError, KeyError, TypeError):
            continue
    return tuple(sorted(found, key=lambda c: (c.context, c.uri, c.digest)))


def _folders(home: Home, meant: Meant) -> list[TrainedOn]:
    """Run folders by their own record: training that MLflow did not see, or whose record was lost."""
    found = []
    for folder in home.runs:
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
