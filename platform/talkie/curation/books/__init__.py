"""The books of a curated folder: what is known, dead letters and their replay, lineage, licences, takedown, metrics."""

from talkie.curation.books.lineage import LabelLineage, LicenceFinding, labels_lineage, licence_findings
from talkie.curation.books.replay import (
    Replay,
    exception_text,
    plan_replay,
    replay_candidates,
    replay_command,
    standing,
)
from talkie.curation.books.takedown import Takedown, finish_takedown, plan_takedown, takedown
from talkie.curation.books.tombstones import Tombstones

__all__ = [
    "LabelLineage",
    "LicenceFinding",
    "Replay",
    "Takedown",
    "Tombstones",
    "exception_text",
    "finish_takedown",
    "labels_lineage",
    "licence_findings",
    "plan_replay",
    "plan_takedown",
    "replay_candidates",
    "replay_command",
    "standing",
    "takedown",
]
