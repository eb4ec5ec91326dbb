"""Curation: footage in, shards and a ledger out, on Ray."""

from talkie.curation.config import CurateConfig
from talkie.curation.inspect import ClipReport, InspectReport, inspect_dataset
from talkie.curation.pipeline import CurationEvent, CurationSummary, curate

__all__ = [
    "ClipReport",
    "CurateConfig",
    "CurationEvent",
    "CurationSummary",
    "InspectReport",
    "curate",
    "inspect_dataset",
]
