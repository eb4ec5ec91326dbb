"""What a folder of shards holds: every clip, every dead letter, every drop. Reads only."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from talkie.clip import FPS
from talkie.shards import Ledger, LedgerEntry, open_dataset


class ClipReport(BaseModel):
    """One clip as `talkie inspect` lists it; `fields` are its members without `json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    source: str
    start_s: float
    seconds: float
    frames: int
    identity: str
    split: str
    fields: list[str]
    scores: dict[str, float]
    labels: dict[str, str]


class InspectReport(BaseModel):
    """A folder: its corpus digest, clips in stored order, the newest dead letters and drops of each source, and
    what the scores mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    digest: str
    shards: int
    seconds: float
    clips: list[ClipReport]
    dead: list[LedgerEntry]
    drops: list[LedgerEntry]
    score_meaning: dict[str, str]


def inspect_dataset(folder: str | Path) -> InspectReport:
    """Report on any committed folder, curated or recorded; without a ledger there are no dead letters.

    Raises NotADataset, CorruptShard.
    """
    folder = Path(folder)
    dataset = open_dataset(folder)
    records = dataset.records()
    clips = [
        ClipReport(
            id=record.id,
            source=record.source.name,
            start_s=record.source.start_s,
            seconds=record.seconds,
            frames=record.frames,
            identity=record.identity,
            split=record.split,
            fields=[name for name in dataset.entries[record.id].members if name != "json"],
            scores=record.scores,
            labels=record.labels,
        )
        for record in records
    ]
    entries = [entry for attempt in Ledger(folder).latest().values() for entry in attempt]
    entries.sort(key=lambda entry: (entry.uri, entry.start_s or 0.0))
    return InspectReport(
        folder=str(folder),
        digest=dataset.digest,
        shards=len(dataset.index.shards),
        seconds=sum(record.frames for record in records) / FPS,
        clips=clips,
        dead=[entry for entry in entries if entry.status == "dead"],
        drops=[entry for entry in entries if entry.status == "drop"],
        score_meaning={name: text for record in records for name, text in record.score_meaning.items()},
    )
