"""Parquet files of ledger lines that are too many for JSON: written once, filtered by column, rewritten by a takedown.

Each is `ledger-NNNNNN.parquet`; what its lines mean is the ledger's business (ledger.py)."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from talkie.errors import CorruptShard
from talkie.shards.atomic import write_atomically

ROWS_PER_GROUP = 20_000
"""Rows that are in memory at a time: some ten megabytes of lines."""
_NAME = re.compile(r"ledger-(\d{6})\.parquet")
_SCHEMA = pa.schema(
    [
        pa.field("key", pa.uint64(), False),
        pa.field("closes", pa.bool_(), False),
        pa.field("status", pa.string(), False),
        pa.field("cause", pa.string(), False),
        pa.field("line", pa.string(), False),
    ]
)
Row = tuple[str, bool, str, str, str]
"""The source's key, whether the line closes an attempt, its status, its cause ("" for none), and the line as JSON."""


def key_number(key: str) -> int:
    """64 bits of a digest of a source's key: two of ten million sources share one with a chance of 3 in a million."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")


def path_of(folder: Path, number: int) -> Path:
    return folder / f"ledger-{number:06d}.parquet"


def paths(folder: Path) -> list[Path]:
    """The segments of a folder, oldest first."""
    found = [p for p in folder.iterdir() if _NAME.fullmatch(p.name)] if folder.is_dir() else []
    return sorted(found)


def write(path: Path, rows: Sequence[Row]) -> None:
    """Makes or replaces a segment; it appears whole or not at all."""
    keys, closes, status, causes, lines = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    numbers = [key_number(key) for key in keys]
    table = pa.table([numbers, closes, status, causes, lines], schema=_SCHEMA)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=ROWS_PER_GROUP)
    write_atomically(path, buffer.getvalue())


def keys_and_closings(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Of every row: the key's number (N,) uint64, and whether it closes an attempt (N,) bool."""
    table = _open(path).read(["key", "closes"])
    return table["key"].to_numpy(), table["closes"].to_numpy()


def lines(path: Path, chosen: np.ndarray | None, status: str | None, cause: str | None) -> Iterator[str]:
    """The JSON of the rows that `chosen` (N,) bool marks, with that status and cause; None means any."""
    # Late: it is a quarter of a second, and only a long ledger has segments.
    import pyarrow.compute as pc

    file, first = _open(path), 0
    for group in range(file.num_row_groups):
        count = file.metadata.row_group(group).num_rows
        keep = np.ones(count, bool) if chosen is None else chosen[first : first + count].copy()
        first += count
        for column, value in (("status", status), ("cause", cause)):
            if value is not None and keep.any():
                keep &= pc.equal(file.read_row_group(group, [column])[column], value).to_numpy()
        if keep.any():
            yield from file.read_row_group(group, ["line"])["line"].filter(pa.array(keep)).to_pylist()


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise CorruptShard(
            f"a part of the ledger cannot be read ({str(error).splitlines()[0]})",
            where=str(path),
            cure="restore the file; without it, its sources would be curated again",
        ) from error
