"""The append-only book of what happened to each source: clips made, dropped with a reason, or dead with a cause."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

LEDGER_NAME = "ledger.jsonl"


class LedgerEntry(BaseModel):
    """One line. `cause` is a slug of `talkie.errors` (dead) or a filter's name (drop); `step` is where it happened;
    `clips` are the ids a `done` source gave; times are seconds of the source for drops of a part of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    name: str
    uri: str
    status: Literal["done", "drop", "dead"]
    cause: str | None = None
    message: str | None = None
    step: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    clips: list[str] = []
    versions: dict[str, str] = {}
    settings: str = ""


class Ledger:
    """Appends are one `write` and one `fsync` each, so that a crash costs at most the line being written; a torn
    last line is recognised and ignored, as its source was then not committed."""

    def __init__(self, folder: Path):
        self.path = folder / LEDGER_NAME

    def append(self, *entries: LedgerEntry) -> None:
        if not entries:
            return
        lines = "".join(json.dumps(e.model_dump(mode="json"), sort_keys=True) + "\n" for e in entries)
        if self.path.exists() and self.path.read_bytes()[-1:] not in (b"", b"\n"):
            lines = "\n" + lines
        with self.path.open("ab") as file:
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> list[LedgerEntry]:
        """All entries in the order of writing; lines that do not parse are left out."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_bytes().splitlines():
            try:
                found.append(LedgerEntry.model_validate_json(line))
            except ValidationError:
                continue
        return found

    def latest(self) -> dict[str, list[LedgerEntry]]:
        """For each source digest, the entries of its newest attempt, oldest source first. An attempt ends with its
        `done` or `dead` line; `drop` lines before it belong to it."""
        attempts: dict[str, list[LedgerEntry]] = {}
        closed: set[str] = set()
        for entry in self.entries():
            if entry.sha256 in closed:
                attempts[entry.sha256] = []
                closed.discard(entry.sha256)
            attempts.setdefault(entry.sha256, []).append(entry)
            if entry.status in ("done", "dead"):
                closed.add(entry.sha256)
        return attempts
