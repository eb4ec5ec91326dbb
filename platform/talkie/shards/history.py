"""Which clips each state of a corpus held: a line a commit, so that what was trained on a digest can still be found
after its clips are gone. It keeps clip ids, which are digests, and nothing about anybody."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from talkie.shards.dataset import Dataset
from talkie.shards.index import Index

HISTORY_NAME = "history.jsonl"
_CHUNK = 2**16


class Commit(BaseModel):
    """A state of the corpus: its digest, that of the state it was made from (None: from nothing), and the clip ids
    that came and went. A clip that only got other labels is in neither list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str
    parent: str | None
    added: list[str] = []
    removed: list[str] = []


def note_commit(folder: Path, old: Dataset | None, held: Iterable[str], index: Index, clips: Iterable[str]) -> None:
    """Appends the state that is about to be committed; held, clips: the ids before and after. A folder without a
    history, or with that of another corpus, first gets a line with all that it held."""
    lines = []
    before = set(held)
    if old is not None and not _knows(folder, old.digest):
        lines.append(Commit(digest=old.digest, parent=None, added=sorted(before)))
    after = set(clips)
    lines.append(
        Commit(
            digest=index.digest,
            parent=old.digest if old else None,
            added=sorted(after - before),
            removed=sorted(before - after),
        )
    )
    _append(folder, lines)


def history(folder: Path) -> Iterator[Commit]:
    """Every state, oldest first. A torn line is left out: its state was not committed."""
    path = folder / HISTORY_NAME
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                yield Commit.model_validate_json(line)
            except ValidationError:
                continue


def states_with(folder: Path, clips: Collection[str]) -> dict[str, frozenset[str]]:
    """The digests of all states that held any of these clips, with those they held."""
    asked, held = frozenset(clips), dict[str, frozenset[str]]()
    for commit in history(folder):
        # By parent and not by order: a state that was noted but never committed has no children.
        before = held.get(commit.parent or "", frozenset())
        now = (before | asked.intersection(commit.added)) - frozenset(commit.removed)
        held[commit.digest] = before if now == before else now
    return {digest: found for digest, found in held.items() if found}


def _knows(folder: Path, digest: str) -> bool:
    """Whether the last line is this state, or one that was to follow it and was not committed."""
    last = _last(folder / HISTORY_NAME)
    return last is not None and digest in (last.digest, last.parent)


def _last(path: Path) -> Commit | None:
    if not path.exists():
        return None
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        data = b""
        while end > 0 and data.rstrip(b"\n").count(b"\n") == 0:
            start = max(0, end - _CHUNK)
            file.seek(start)
            data = file.read(end - start) + data
            end = start
    try:
        return Commit.model_validate_json(data.rstrip(b"\n").rsplit(b"\n", 1)[-1])
    except ValidationError:
        return None


def _append(folder: Path, lines: list[Commit]) -> None:
    path = folder / HISTORY_NAME
    data = "".join(
        json.dumps(line.model_dump(exclude_defaults=True) | {"parent": line.parent}) + "\n" for line in lines
    )
    with path.open("a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                data = "\n" + data
        file.write(data.encode())
        file.flush()
        os.fsync(file.fileno())
