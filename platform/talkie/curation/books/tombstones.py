"""What was taken down and must not come back: salted digests of sources, clips and people. No name, no path, no time
of a person's footage is kept."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from talkie.errors import CorruptShard
from talkie.shards import LedgerEntry
from talkie.shards.atomic import write_atomically

TAKEN_DOWN = "(taken down)"
"""In place of a name."""
TOMBSTONES_NAME = "tombstones.jsonl"
FORMAT = "talkie-tombstones/1"
_SCRYPT = {"n": 2**12, "r": 8, "p": 1, "dklen": 32}
"""A name or a path can be guessed where a digest cannot: some 10 ms and 4 MB a guess (RFC 7914)."""

Kind = Literal["source", "clip", "identity", "address"]
"""address: where a source lay, kept only so that asking for the same takedown again finds it done."""


class Tombstone(BaseModel):
    """One thing that may not come back: what kind it is, the salted digest of its name, the day, and the reason that
    was given. start_s, end_s: the part of a source that a single clip was, so that settings which cut it a little
    differently do not bring it back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    digest: str
    on: str
    reason: str = ""
    start_s: float | None = None
    end_s: float | None = None


class Tombstones:
    """The tombstones of a folder; without any, nothing is refused."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / TOMBSTONES_NAME
        self._load()

    def _load(self) -> None:
        self._salt, self.stones = _read(self.path)
        self._known = {(stone.kind, stone.digest) for stone in self.stones if stone.start_s is None}
        self._people = any(stone.kind == "identity" for stone in self.stones)
        self._spans: dict[str, list[tuple[float, float]]] = {}
        for stone in self.stones:
            if stone.start_s is not None and stone.end_s is not None:
                self._spans.setdefault(stone.digest, []).append((stone.start_s, stone.end_s))
        self._names = lru_cache(maxsize=100_000)(self._name_digest)

    def __len__(self) -> int:
        return len(self.stones)

    def refuses(
        self,
        sha256: str | None = None,
        clip: str | None = None,
        identity: str | None = None,
        span_s: tuple[float, float] | None = None,
    ) -> str | None:
        """Why content may not be curated, or None: its source's digest (of the media file alone), the clip's id, the
        identity's name, or a part of the source that is mostly one taken down. The reason names nobody."""
        if not self.stones:
            return None
        if sha256 is not None and self.has("source", sha256):
            return "its source was taken down"
        if clip is not None and self.has("clip", clip):
            return "this clip was taken down"
        # A name's digest is slow on purpose: it is made only where a person was taken down.
        if identity is not None and self._people and self.has("identity", identity):
            return "this person was taken down"
        if sha256 is not None and span_s is not None and self._overlaps(sha256, span_s):
            return "this part of its source was taken down"
        return None

    def digest(self, kind: Kind, name: str) -> str:
        """What stands for a name: HMAC-SHA-256 for digests and ids, scrypt for people's names and paths."""
        if kind in ("identity", "address"):
            return self._names(f"{kind}|{name}")
        return hmac.digest(self._salt, f"{kind}|{name}".encode(), "sha256").hex()

    def refusal(self, sha256: str, why: str, settings: str) -> LedgerEntry:
        """The ledger's line about content that was refused: it must not bring back the name that was taken out. Equal
        content has one key, so that a run can see that the line is there already."""
        return LedgerEntry(
            sha256=self.digest("source", sha256),
            name=TAKEN_DOWN,
            uri="",
            status="drop",
            cause="taken_down",
            message=why,
            step="discover",
            settings=settings,
        )

    def has(self, kind: Kind, name: str) -> bool:
        """Whether just this was taken down."""
        return bool(self._known) and (kind, self.digest(kind, name)) in self._known

    def add(self, stones: Iterable[Tombstone]) -> None:
        """Appends those that are not there yet, in one write and one fsync."""
        fresh = [stone for stone in stones if stone not in self.stones]
        if not fresh:
            return
        if not self.path.exists():
            write_atomically(self.path, _line({"format": FORMAT, "salt": self._salt.hex()}))
        lines = b"".join(_line(stone.model_dump(exclude_defaults=True)) for stone in fresh)
        with self.path.open("r+b") as file:
            # A torn line is cut off: unlike the ledger's, none of these may go unread.
            file.truncate(_whole_lines(self.path))
            file.seek(0, os.SEEK_END)
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        self._load()

    def _name_digest(self, name: str) -> str:
        return hashlib.scrypt(name.encode(), salt=self._salt, **_SCRYPT).hex()

    def _overlaps(self, sha256: str, span_s: tuple[float, float]) -> bool:
        """Whether more than half of the shorter of the two is common to both."""
        start, end = span_s
        for theirs, until in self._spans.get(self.digest("source", sha256), ()):
            common = min(end, until) - max(start, theirs)
            if common > 0.5 * min(end - start, until - theirs):
                return True
        return False


def _line(value: dict[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True).encode() + b"\n"


def _whole_lines(path: Path) -> int:
    data = path.read_bytes()
    return data.rfind(b"\n") + 1


def _read(path: Path) -> tuple[bytes, list[Tombstone]]:
    """Salt and stones. Raises CorruptShard for a line that does not parse: what it refused would come back."""
    if not path.exists():
        return secrets.token_bytes(16), []
    lines = path.read_bytes()[: _whole_lines(path)].splitlines()
    try:
        header = json.loads(lines[0])
        if header["format"] != FORMAT:
            raise ValueError(f"format {header['format']!r} is not {FORMAT!r}")
        return bytes.fromhex(header["salt"]), [Tombstone.model_validate_json(line) for line in lines[1:]]
    except (ValidationError, ValueError, KeyError, IndexError, TypeError) as error:
        raise CorruptShard(
            f"the tombstones do not parse: {str(error).splitlines()[0]}",
            where=str(path),
            cure="restore the file: without it, what was taken down would come back",
        ) from error
