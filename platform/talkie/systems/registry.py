"""Finds systems through the entry point group `talkie.systems` and builds them from a preset and overrides."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Any

from pydantic import ValidationError

from talkie.errors import BadConfig, UnknownSystem
from talkie.systems.contract import System, SystemConfig

GROUP = "talkie.systems"


def system_names() -> tuple[str, ...]:
    """Slugs of the installed systems, sorted. Imports none of them."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def systems() -> dict[str, type[System]]:
    """Every installed system class by slug."""
    return {slug: load_system(slug) for slug in system_names()}


def load_system(slug: str) -> type[System]:
    """The class of a system. Raises UnknownSystem naming the nearest one that exists."""
    for point in entry_points(group=GROUP):
        if point.name == slug:
            return point.load()
    raise UnknownSystem(f"no system is called {slug!r}", cure=_nearest(slug, system_names()))


def make_config(system: type[System], preset: str, overrides: dict[str, Any]) -> SystemConfig:
    """A preset of a system with some settings replaced. Raises BadConfig naming the setting and the cure."""
    if preset not in system.presets:
        raise BadConfig(f"{system.card.slug} has no preset {preset!r}", cure=_nearest(preset, system.presets))
    values = {**system.presets[preset].model_dump(), **overrides}
    try:
        return system.Config.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "config"
        cure = _nearest(name, system.Config.model_fields) if first["type"] == "extra_forbidden" else None
        raise BadConfig(f"{name}: {first['msg']}", where=system.card.slug, cure=cure) from error


def build_system(slug: str, config: dict[str, Any], constants: dict[str, Any]) -> System:
    """A system with the shapes it had when `config` and `constants` were stored; its weights are not loaded."""
    cls = load_system(slug)
    system = cls(cls.Config.model_validate(config))
    system.restore(constants)
    return system


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names) or 'none'}"
