"""What a folder of shards holds: every clip, every dead letter, every drop. Reads only, and of the shards little: the
catalogues say nearly all, the ledger names the sources."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from talkie.clip import FPS
from talkie.shards import Dataset, Ledger, LedgerEntry, open_dataset
from talkie.shards.catalog import ClipEntry


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
    # A clip under two names is one of the copies of a source: the newest line that made it says which.
    names: dict[str, str] = {}
    dead, drops = list[LedgerEntry](), list[LedgerEntry]()
    for entry in Ledger(folder).newest():
        if entry.status == "done":
            names |= dict.fromkeys(entry.clips, entry.name)
        else:
            (dead if entry.status == "dead" else drops).append(entry)
    sources = _Sources(dataset, names)
    clips = [_report(clip, entry, sources.name(clip, entry)) for clip, entry in dataset.entries.items()]
    for entries in (dead, drops):
        entries.sort(key=lambda entry: (entry.uri, entry.start_s or 0.0))
    return InspectReport(
        folder=str(folder),
        digest=dataset.digest,
        shards=len(dataset.index.shards),
        seconds=dataset.seconds,
        clips=clips,
        dead=dead,
        drops=drops,
        score_meaning=_meanings(dataset),
    )


def _report(clip: str, entry: ClipEntry, source: str) -> ClipReport:
    return ClipReport(
        id=clip,
        source=source,
        start_s=entry.start_s,
        seconds=entry.frames / FPS,
        frames=entry.frames,
        identity=entry.identity,
        split=entry.split,
        fields=[name for name in entry.members if name != "json"],
        scores=entry.scores,
        labels=entry.labels,
    )


class _Sources:
    """Names of sources: the ledger's, else from the record of one clip of each."""

    def __init__(self, dataset: Dataset, names: dict[str, str]) -> None:
        self._dataset, self._names = dataset, names
        self._by_source: dict[str, str] = {}

    def name(self, clip: str, entry: ClipEntry) -> str:
        if clip in self._names:
            return self._names[clip]
        if entry.source not in self._by_source:
            self._by_source[entry.source] = self._dataset.raw(clip).record.source.name
        return self._by_source[entry.source]


def _meanings(dataset: Dataset) -> dict[str, str]:
    """The meaning of every score, from as few records as name them all."""
    found: dict[str, str] = {}
    for clip, entry in dataset.entries.items():
        if entry.scores.keys() - found.keys():
            # A score without a meaning is not looked for again.
            found = dict.fromkeys(entry.scores, "") | dataset.raw(clip).record.score_meaning | found
    return {name: meaning for name, meaning in found.items() if meaning}
