"""The commit record of a shard folder: which shards there are, and their digests. Their clips are the catalogues'."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from talkie.errors import CorruptShard, NotADataset
from talkie.shards.atomic import write_atomically

INDEX_NAME = "index.json"
FORMAT = "talkie-shards/2"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShardEntry(_Entry):
    """A tar of clips. prefix: the bits its sources' places share (see `layout`); catalog: SHA-256 of its catalogue."""

    name: str
    prefix: str
    size: int
    sha256: str
    catalog: str
    clips: int

    @property
    def catalog_name(self) -> str:
        return f"{self.name.removesuffix('.tar')}.parquet"


class Index(_Entry):
    """The whole record; a folder is a dataset exactly when it holds a valid one."""

    format: str = FORMAT
    settings: dict[str, Any] = {}
    shards: list[ShardEntry] = []

    @property
    def digest(self) -> str:
        """SHA-256 over the shards' digests: the identity of the corpus, used in lineage."""
        return hashlib.sha256("\n".join(s.sha256 for s in self.shards).encode()).hexdigest()


def settings_digest(settings: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON of settings: the identity of how a corpus was made."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def read_index(folder: Path) -> Index:
    """The index of a folder. Raises NotADataset without one, CorruptShard if it does not parse."""
    path = folder / INDEX_NAME
    if not path.is_file():
        raise NotADataset(
            "no talkie shards here (index.json is missing)",
            where=str(folder),
            cure="make some with `talkie record` or `talkie curate`",
        )
    return decode_index(path.read_bytes(), str(path))


def decode_index(data: bytes, where: str) -> Index:
    """The index of these bytes. Raises CorruptShard if they do not parse."""
    try:
        tree = json.loads(data)
        if isinstance(tree, dict) and tree.get("format") != FORMAT:
            raise CorruptShard(
                f"format {tree.get('format')!r} is not {FORMAT!r}", where=where, cure="make the shards again"
            )
        return Index.model_validate(tree)
    except (ValidationError, ValueError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise CorruptShard(
            f"the index does not parse: {what}", where=where, cure="delete the folder and make the shards again"
        ) from error


def write_index(folder: Path, index: Index) -> None:
    """Commits: from this rename on, the folder holds the new state."""
    write_atomically(folder / INDEX_NAME, encode_index(index))


def encode_index(index: Index) -> bytes:
    """The bytes of index.json; equal for equal states."""
    return json.dumps(index.model_dump(mode="json"), sort_keys=True, indent=1).encode() + b"\n"
