"""Curation: footage in, shards and a ledger out, on Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talkie.late import late

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


# An actor of the engine needs neither torch nor the head model.
__getattr__ = late(__name__, _HOMES)

__all__ = [
    "ClipReport",
    "CurateConfig",
    "CurationEvent",
    "CurationSummary",
    "InspectReport",
    "curate",
    "inspect_dataset",
]
