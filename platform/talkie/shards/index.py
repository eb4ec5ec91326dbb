"""The commit record of a shard folder: which shards there are, what each clip's members are, and their digests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from talkie.clip import Split
from talkie.errors import CorruptShard, NotADataset
from talkie.shards.atomic import write_atomically

INDEX_NAME = "index.json"
FORMAT = "talkie-shards/1"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Member(_Entry):
    """Where a member's bytes lie in its shard, and their SHA-256."""

    offset: int
    size: int
    sha256: str


class ClipEntry(_Entry):
    """What can be known of a clip without opening its shard."""

    shard: str
    identity: str
    split: Split
    frames: int
    members: dict[str, Member]


class ShardEntry(_Entry):
    name: str
    size: int
    sha256: str
    clips: int


class Index(_Entry):
    """The whole record; a folder is a dataset exactly when it holds a valid one."""

    format: str = FORMAT
    settings: dict[str, Any] = {}
    shards: list[ShardEntry] = []
    clips: dict[str, ClipEntry] = {}

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
    try:
        index = Index.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise CorruptShard(
            f"the index does not parse: {error.errors()[0]['msg']}",
            where=str(path),
            cure="delete the folder and make the shards again",
        ) from error
    if index.format != FORMAT:
        raise CorruptShard(f"format {index.format!r} is not {FORMAT!r}", where=str(path))
    return index


def write_index(folder: Path, index: Index) -> None:
    """Commits: from this rename on, the folder holds the new state."""
    text = json.dumps(index.model_dump(mode="json"), sort_keys=True, indent=1)
    write_atomically(folder / INDEX_NAME, text.encode() + b"\n")
