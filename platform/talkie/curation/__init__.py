"""Curation: footage in, shards and a ledger out, on Ray."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talkie.curation.config import CurateConfig
    from talkie.curation.inspect import ClipReport, InspectReport, inspect_dataset
    from talkie.curation.pipeline import CurationEvent, CurationSummary, curate

_HOMES = {
    "ClipReport": "inspect",
    "CurateConfig": "config",
    "CurationEvent": "pipeline",
    "CurationSummary": "pipeline",
    "InspectReport": "inspect",
    "curate": "pipeline",
    "inspect_dataset": "inspect",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for, when it is: an actor of the engine needs neither torch nor the head model."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "ClipReport",
    "CurateConfig",
    "CurationEvent",
    "CurationSummary",
    "InspectReport",
    "curate",
    "inspect_dataset",
]
