"""The catalogue beside each shard: a Parquet table, a row a clip, so that a corpus can be asked without its video."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from talkie.clip import ClipRecord, Split
from talkie.errors import CorruptShard
from talkie.shards.columns import Column

_MEMBER = pa.struct(
    [
        pa.field("field", pa.string(), False),
        pa.field("offset", pa.int64(), False),
        pa.field("size", pa.int64(), False),
        pa.field("sha256", pa.binary(32), False),
    ]
)
SCHEMA = pa.schema(
    [
        pa.field("clip", pa.string(), False),
        pa.field("source", pa.string(), False),
        pa.field("start_s", pa.float64(), False),
        pa.field("identity", pa.string(), False),
        pa.field("split", pa.string(), False),
        pa.field("frames", pa.int64(), False),
        pa.field("language", pa.string(), False),
        pa.field("licence", pa.string(), False),
        pa.field("labels", pa.map_(pa.string(), pa.string()), False),
        pa.field("scores", pa.map_(pa.string(), pa.float64()), False),
        pa.field("members", pa.list_(_MEMBER), False),
    ]
)
"""source: SHA-256 of the file a clip was cut from; start_s: where in it."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Member(_Entry):
    """Where a member's bytes lie in its shard, and their SHA-256 in hex."""

    offset: int
    size: int
    sha256: str


class ClipEntry(_Entry):
    """What can be known of a clip without opening its shard."""

    shard: str
    source: str
    start_s: float
    identity: str
    split: Split
    frames: int
    language: str
    licence: str
    labels: dict[str, str]
    scores: dict[str, float]
    members: dict[str, Member]

    @property
    def size(self) -> int:
        """Bytes of its members."""
        return sum(member.size for member in self.members.values())


def entry_of(record: ClipRecord, shard: str, members: dict[str, Member]) -> ClipEntry:
    """The entry of a clip that was just written."""
    return ClipEntry(
        shard=shard,
        source=record.source.sha256,
        start_s=record.source.start_s,
        identity=record.identity,
        split=record.split,
        frames=record.frames,
        language=record.language,
        licence=record.licence,
        labels=record.labels,
        scores=record.scores,
        members=members,
    )


def encode_catalog(clips: Iterable[tuple[str, ClipEntry]]) -> bytes:
    """Parquet bytes; equal for equal entries under one version of the library. Entries are let go as they come."""
    columns = {name: Column(SCHEMA.field(name).type) for name in SCHEMA.names}
    plain = [name for name in SCHEMA.names if name not in ("clip", "members")]
    for clip, entry in clips:
        columns["clip"].append(clip)
        for name in plain:
            columns[name].append(getattr(entry, name))
        members = [(field, m.offset, m.size, bytes.fromhex(m.sha256)) for field, m in entry.members.items()]
        columns["members"].append(members)
    table = pa.Table.from_arrays([column.array() for column in columns.values()], schema=SCHEMA)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    # Arrow's pool would keep 16 MB for a table that needs one.
    pa.default_memory_pool().release_unused()
    return buffer.getvalue()


def read_catalog(path: Path, sha256: str) -> pa.Table:
    """The table of one shard, after its digest. Raises CorruptShard."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() == sha256:
            return pq.ParquetFile(io.BytesIO(data)).read()
        what = "the catalogue of a shard differs from the commit record"
    except FileNotFoundError:
        what = "the catalogue of a shard is missing"
    except (OSError, pa.ArrowException) as error:
        what = f"the catalogue of a shard cannot be read ({str(error).splitlines()[0]})"
    raise CorruptShard(what, where=str(path), cure="restore the file or make the shards again")


def sizes_of(table: pa.Table) -> np.ndarray:
    """Bytes of the members of every clip of a catalogue together: (N,) int64."""
    members = table["members"].combine_chunks()
    ends = np.concatenate([[0], np.cumsum(members.values.field("size").to_numpy())])
    bounds = members.offsets.to_numpy()
    return ends[bounds[1:]] - ends[bounds[:-1]]


def decode_catalog(table: pa.Table, shard: str) -> dict[str, ClipEntry]:
    """Every clip of a shard by its id, in the shard's order."""
    found: dict[str, ClipEntry] = {}
    for row in table.to_pylist():
        members: dict[str, Any] = {
            m["field"]: Member(offset=m["offset"], size=m["size"], sha256=m["sha256"].hex()) for m in row["members"]
        }
        plain = {
            name: row[name] for name in ("source", "start_s", "identity", "split", "frames", "language", "licence")
        }
        pairs = {"labels": dict(row["labels"]), "scores": dict(row["scores"])}
        found[row["clip"]] = ClipEntry(shard=shard, **plain, **pairs, members=members)
    return found
