"""Finds models by name, alias, version or folder. How MLflow stores them is in tracking.py."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path

from talkie.errors import UnknownModel
from talkie.experiments import tracking
from talkie.experiments.home import Home
from talkie.systems import Card, System, load_weights
from talkie.systems.weights import CONFIG, DIGEST, read_card, verify_model


@dataclass(frozen=True)
class ModelHandle:
    """A model that exists. `version` and `run_id` are None for a folder outside the registry."""

    name: str
    path: Path
    system: str
    digest: str
    card: Card
    version: int | None = None
    run_id: str | None = None

    def __str__(self) -> str:
        return f"{self.name}/{self.version}" if self.version is not None else str(self.path)


def resolve_model(ref: str, home: Home | Path | str | None = None) -> ModelHandle:
    """The model that `ref` names: NAME (its newest version), NAME@ALIAS, NAME/3 (a version), or a folder.

    "@latest" is the newest version. Raises UnknownModel naming what there is, CorruptModel.
    """
    home = home if isinstance(home, Home) else Home.at(home)
    if Path(ref).is_dir() and (Path(ref) / DIGEST).is_file():
        return _handle(Path(ref).name, Path(ref).resolve())
    name, alias, number = _parse(ref)
    versions = tracking.versions_of(home, name) if home.has_records else []
    if not versions:
        raise UnknownModel(f"no model is called {ref!r}", where=home.tracking_shown, cure=_cure(name, home))
    if alias:
        number = tracking.version_of_alias(home, name, alias)
    newest = alias is None and number is None
    chosen = versions if newest else [v for v in versions if int(v.version) == number]
    if not chosen:
        raise UnknownModel(
            f"{name} has no {f'alias {alias!r}' if alias else f'version {number}'}",
            where=home.tracking_shown,
            cure=f"its versions are {', '.join(str(v.version) for v in reversed(versions))}",
        )
    found = chosen[0]
    folder = tracking.artifact_folder(home, found.source, found.tags.get("digest", ""))
    return _handle(name, folder, int(found.version), found.run_id)


def load_model(model: ModelHandle | str, home: Home | Path | str | None = None) -> System:
    """The system of a handle or reference, in eval mode. Raises UnknownModel, UnknownSystem, CorruptModel."""
    handle = resolve_model(model, home) if isinstance(model, str) else model
    return load_weights(handle.path, check=False)


def list_models(home: Home | Path | str | None = None) -> list[ModelHandle]:
    """The newest version of every registered model, by name."""
    home = home if isinstance(home, Home) else Home.at(home)
    return [resolve_model(name, home) for name in _names(home)]


@dataclass(frozen=True)
class VersionRow:
    """A version of a registered model: its aliases, the name of its run, services that were started with it, and why
    an alias was forced on it ("" where none was)."""

    name: str
    version: int
    aliases: tuple[str, ...]
    digest: str
    run_id: str
    run: str
    deployed: dict[str, str]
    forced: str


def list_versions(name: str | None = None, home: Home | Path | str | None = None) -> list[VersionRow]:
    """Every version of every model, or of one, the newest first. Raises UnknownModel."""
    home = home if isinstance(home, Home) else Home.at(home)
    names = _names(home)
    if name is not None and name not in names:
        raise UnknownModel(f"no model is called {name!r}", where=home.tracking_shown, cure=_cure(name, home))
    api, rows = tracking.client(home) if names else None, []
    for model in [name] if name is not None else names:
        aliases = api.get_registered_model(model).aliases  # type: ignore[union-attr]
        for found in tracking.versions_of(home, model):
            tags = found.tags
            forced = [v for k, v in sorted(tags.items()) if k.startswith("promotion.") and k.endswith(".forced")]
            rows.append(
                VersionRow(
                    name=model,
                    version=int(found.version),
                    aliases=tuple(sorted(a for a, number in aliases.items() if int(number) == int(found.version))),
                    digest=tags.get("digest", ""),
                    run_id=found.run_id,
                    run=api.get_run(found.run_id).info.run_name,  # type: ignore[union-attr]
                    deployed=tracking.deployments_of(tags),
                    forced="; ".join(forced),
                )
            )
    return rows


def set_alias(ref: str, alias: str, home: Home | Path | str | None = None) -> None:
    """Points `alias` of a model at the version that `ref` names."""
    home = home if isinstance(home, Home) else Home.at(home)
    handle = resolve_model(ref, home)
    if handle.version is None:
        raise UnknownModel("a folder has no aliases", where=ref, cure="name a registered model")
    tracking.client(home).set_registered_model_alias(handle.name, alias, str(handle.version))


def _parse(ref: str) -> tuple[str, str | None, int | None]:
    """Name, alias and version of a reference; "latest" is no alias but the absence of one."""
    name, _, alias = ref.partition("@")
    if alias:
        return name, None if alias == "latest" else alias, None
    name, _, number = ref.partition("/")
    return (name, None, int(number)) if number.isdigit() else (ref, None, None)


def _handle(name: str, path: Path, version: int | None = None, run_id: str | None = None) -> ModelHandle:
    digest = verify_model(path)
    system = json.loads((path / CONFIG).read_text())["system"]
    return ModelHandle(name, path, system, digest, read_card(path), version, run_id)


def _names(home: Home) -> list[str]:
    if not home.has_records:
        return []
    return sorted(m.name for m in tracking.client(home).search_registered_models())


def _cure(name: str, home: Home) -> str:
    names = _names(home)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are: {', '.join(names)}" if names else "train one with `talkie train`"
