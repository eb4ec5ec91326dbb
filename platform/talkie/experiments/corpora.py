"""What a run keeps of the corpora it read: a table with a row a clip, by corpus digest, so that a model's lineage can
be told after its corpus has changed or gone. It names no person, no source and no place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from talkie.clip import FPS, ClipRecord, Split
from talkie.curation.books.lineage import LabelLineage, LineageCount, records
from talkie.errors import TalkieError
from talkie.experiments import tracking
from talkie.experiments.home import Home
from talkie.shards import Dataset
from talkie.shards.atomic import write_atomically
from talkie.storage import is_remote

FORMAT = b"talkie-corpus/1"
FOLDER = "corpora"
TRAINED: Split = "train"
"""The split that training reads."""
_FIELDS = (
    ("clip", pa.string()), ("shard", pa.string()), ("split", pa.string()), ("licence", pa.string()),
    ("consent", pa.string()), ("source", pa.int32()), ("identity", pa.int32()), ("frames", pa.int64()),
)  # fmt: skip
"""source, identity: numbers that mean nothing outside the table, so that both can be counted and neither found."""


@dataclass(frozen=True)
class Snapshot:
    """A state of a corpus. table: a row a clip, with the columns above; shards: name to SHA-256; labels: which tool,
    under which licence, made which label of how many clips."""

    digest: str
    table: pa.Table
    shards: dict[str, str] = field(default_factory=dict)
    labels: tuple[LabelLineage, ...] = ()

    def of_split(self, split: str = TRAINED) -> Snapshot:
        """The same with the clips of one split alone; labels stay those of the whole."""
        return Snapshot(self.digest, self.table.filter(pc.equal(self.table["split"], split)), self.shards, self.labels)

    @property
    def clips(self) -> list[str]:
        return list(self.table["clip"].to_pylist())

    @property
    def seconds(self) -> float:
        return float(pc.sum(self.table["frames"]).as_py() or 0) / FPS

    def count(self, column: str) -> dict[str, int]:
        """Clips of each value, the most frequent first."""
        counts = Counter(self.table[column].to_pylist())
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def distinct(self, column: str) -> int:
        return len(pc.unique(self.table[column]))


def snapshot(dataset: Dataset) -> Snapshot:
    """Reads every record once. Raises CorruptShard."""
    rows: dict[str, list[Any]] = {name: [] for name, _ in _FIELDS}
    sources, people, count = dict[str, int](), dict[str, int](), LineageCount()
    for record in _records(dataset):
        count.add(record)
        entry = dataset.entries[record.id]
        values = (
            record.id, entry.shard, record.split, record.licence, record.consent,
            sources.setdefault(record.source.sha256, len(sources)),
            people.setdefault(record.identity, len(people)), record.frames,
        )  # fmt: skip
        for (name, _), value in zip(_FIELDS, values, strict=True):
            rows[name].append(value)
    shards = {shard.name: shard.sha256 for shard in dataset.index.shards}
    return Snapshot(dataset.digest, pa.table(rows, schema=pa.schema(_FIELDS)), shards, tuple(count.table()))


def _records(dataset: Dataset) -> Iterable[ClipRecord]:
    if is_remote(dataset.address):
        # A request for each clip would take longer than bringing the shards, which training needs anyway.
        return (clip.record for clip in dataset.clips(()))
    return records(dataset)


def log_corpus(home: Home, run_id: str, dataset: Dataset, context: str = "training") -> None:
    """Records a corpus as an input of a run, and its table as an artifact of it. The table of a state is made once."""
    kept = home.path / FOLDER / f"{dataset.digest}.parquet"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, encode(snapshot(dataset)))
    clips = len(dataset.ids(TRAINED)) if context == "training" else len(dataset)
    tracking.log_dataset(home, run_id, dataset.address, dataset.digest, clips, context)
    tracking.log_file(home, run_id, kept, f"{FOLDER}/{kept.name}")


def find_snapshot(home: Home, digest: str, run_id: str | None) -> Snapshot | None:
    """The table of a state, from this home or from the run that read it; None where nobody kept one."""
    kept = home.path / FOLDER / f"{digest}.parquet"
    if kept.is_file():
        return decode(kept.read_bytes())
    if run_id is None:
        return None
    try:
        found = tracking.read_artifacts(home, run_id, FOLDER, f"{FOLDER}/{digest}")
    except OSError:
        return None
    return decode(next(iter(found.values()))) if found else None


def encode(state: Snapshot) -> bytes:
    """Parquet bytes; equal for equal states under one version of the library."""
    notes = {"digest": state.digest, "shards": state.shards, "labels": [vars(row) for row in state.labels]}
    table = state.table.replace_schema_metadata({b"format": FORMAT, b"notes": json.dumps(notes).encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def decode(data: bytes) -> Snapshot:
    """Raises TalkieError for bytes that are no such table."""
    try:
        table = pq.read_table(pa.BufferReader(data))
        metadata = table.schema.metadata or {}
        if metadata[b"format"] != FORMAT:
            raise ValueError(f"format {metadata[b'format']!r}")
        notes = json.loads(metadata[b"notes"])
        labels = tuple(LabelLineage(**row) for row in notes["labels"])
        return Snapshot(notes["digest"], table, notes["shards"], labels)
    except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise TalkieError(f"a corpus table does not parse: {error}", cure="restore the file in corpora/") from error


def folder_of(uri: str) -> Path | None:
    """The folder that an address of a corpus names, None for one in a store."""
    from talkie.storage import local_path

    return None if is_remote(uri) else local_path(uri)
