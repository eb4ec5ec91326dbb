"""Small clips for tests of shards: members of known bytes, no media."""

from __future__ import annotations

from pathlib import Path

from talkie.clip import ClipRecord, Source
from talkie.shards import RawClip


def make_clip(
    i: int, split: str = "train", source: int | None = None, start_s: float = 0.0, **members: bytes
) -> RawClip:
    """Clip number i of a source of its own, or of source number `source`."""
    sha256 = f"{i if source is None else source:064x}"
    record = ClipRecord(
        id=f"{i:016x}",
        source=Source(uri=f"file:{i}", name=f"{i}.mp4", sha256=sha256, start_s=start_s, end_s=start_s + 1),
        frames=25,
        identity=f"person-{i}",
        split=split,
    )
    return RawClip(record, {"mp4": bytes([i]) * 700, "txt": f"clip {i}".encode(), **members})


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the history: how a corpus came about may differ where what it is does not."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "history.jsonl"}
