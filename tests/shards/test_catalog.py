"""A catalogue has the bytes of pyarrow's own conversion, and no pandas is needed to write it."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from talkie.shards.catalog import SCHEMA, ClipEntry, Member, decode_catalog, encode_catalog
from talkie.shards.columns import Column

ROWS = [
    (
        f"clip{n:03}",
        ClipEntry(
            shard="",
            source=f"{n:064x}",
            start_s=n / 3,
            identity="Zoë" if n % 2 else "",
            split="train",
            frames=25 * n,
            language="en",
            licence="CC-BY-4.0",
            labels={"shows": "face", "emotion": "glad"} if n % 3 else {},
            scores={"sharpness": 0.1 * n, "face_px": 3.0} if n % 4 else {},
            members={f: Member(offset=512 * n, size=n, sha256=f"{n:064x}") for f in ("json", "mp4", "txt")[: n % 4]},
        ),
    )
    for n in range(40)
]


def as_pyarrow_has_it(rows: list[tuple[str, ClipEntry]]) -> bytes:
    """The reference: dictionaries, which pyarrow itself turns into columns."""
    made = []
    for clip, entry in rows:
        row = entry.model_dump(exclude={"shard", "members", "labels", "scores"})
        pairs = {"labels": sorted(entry.labels.items()), "scores": sorted(entry.scores.items())}
        members = [
            {"field": f, "offset": m.offset, "size": m.size, "sha256": bytes.fromhex(m.sha256)}
            for f, m in entry.members.items()
        ]
        made.append({"clip": clip, **row, **pairs, "members": members})
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(made, SCHEMA), buffer, compression="zstd")
    return buffer.getvalue()


@pytest.mark.parametrize("count", [0, 1, 40])
def test_a_catalogue_has_the_bytes_that_pyarrow_gives(count):
    assert encode_catalog(iter(ROWS[:count])) == as_pyarrow_has_it(ROWS[:count])


def test_what_is_entered_is_read_again():
    table = pq.ParquetFile(io.BytesIO(encode_catalog(ROWS))).read()
    again = decode_catalog(table, "")
    assert again == {clip: entry for clip, entry in ROWS}


def test_a_column_can_be_read_while_it_grows():
    column = Column(pa.list_(pa.string()))
    column.append(["a", "ß"])
    first = column.array()
    column.append([])
    assert (first.to_pylist(), column.array().to_pylist()) == ([["a", "ß"]], [["a", "ß"], []])
    first.validate(full=True)


def test_shards_are_written_without_pandas(tmp_path: Path):
    program = (
        "import sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path; from clips import make_clip;"
        "from talkie.shards import commit; commit(Path(sys.argv[1]), [make_clip(1)], settings={});"
        "print('pandas' in sys.modules)"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "out"), str(Path(__file__).parent)]
    assert subprocess.run(words, check=True, capture_output=True, text=True).stdout == "False\n"
