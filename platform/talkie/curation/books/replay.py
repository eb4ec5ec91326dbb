"""What is known of a source from earlier runs, and which dead letters a replay tries again. Nothing here runs them."""

from __future__ import annotations

import glob
import os
import shlex
import traceback
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from talkie.errors import BadInput
from talkie.shards import Ledger, LedgerEntry

FRAMES, EXCEPTION_CHARACTERS = 3, 1_000
Standing = Literal["new", "done", "dead"]


def standing(last: LedgerEntry | None, clips: Container[str], settings: str) -> Standing:
    """How a source stands: `last` is the closing line of its newest attempt (`Ledger.closings`), clips are those of the
    folder, settings the digest of this run's.

    done: the ledger says so under these settings, and the shards hold every clip it names; what a takedown removed is
    no longer named. dead: it failed under these settings, and only a replay tries it again. new: everything else, so
    also what was done under other settings, or whose shards were lost."""
    if last is None or last.settings != settings:
        return "new"
    if last.status == "dead":
        return "dead"
    if last.status == "drop":
        # A line without an end: a copy or a refused source, which is complete in itself, or a run that was killed.
        return "done" if last.cause in WHOLE_SOURCE_DROPS else "new"
    return "done" if all(clip in clips for clip in last.clips) else "new"


WHOLE_SOURCE_DROPS = ("duplicate_of", "taken_down")
"""Drops of a whole source, which no `done` or `dead` line follows."""


def replay_candidates(ledger: Ledger, cause: str | None = None) -> list[LedgerEntry]:
    """The dead letters that a replay tries again, by address: the newest attempt at each ended dead, from `cause` where
    one is given. A source that has been done since is none, nor is one whose file has changed: it is new.

    Raises BadInput for a cause that no dead letter has, naming those there are."""
    dead = list(ledger.newest("dead"))
    causes = sorted({entry.cause or "" for entry in dead})
    if cause is not None and cause not in causes:
        there = f"there are: {', '.join(causes)}" if causes else "there are no dead letters"
        raise BadInput(f"no dead letter has the cause {cause!r}", where=str(ledger.path.parent), cure=there)
    return sorted((e for e in dead if cause in (None, e.cause)), key=lambda e: (e.uri, e.sha256))


@dataclass(frozen=True)
class Replay:
    """What a replay does. arguments: what to look for sources in; keys: the only sources, by the ledger's key, that are
    tried among those found; gone: dead letters whose file or manifest is not there any more."""

    arguments: list[str]
    keys: frozenset[str]
    gone: list[LedgerEntry]


def plan_replay(
    out: Path, cause: str | None = None, arguments: Sequence[str] = (), dataset: str | None = None
) -> Replay:
    """A replay of the dead letters of a folder. Without `arguments`, sources are looked for where they came from.

    Manifests carry what a file alone does not say, so a source is found again through the argument that led to it.
    Raises BadInput as `replay_candidates`, where all of them are gone, and where they came through the root of a data
    set whose name, `dataset`, is not given again."""
    candidates = replay_candidates(Ledger(out), cause)
    if arguments:
        return Replay(list(arguments), frozenset(entry.sha256 for entry in candidates), [])
    roots = [place for entry in candidates for place in (entry.given or "").splitlines() if os.path.isdir(place)]
    if roots and dataset is None:
        cure = "name the set again: --replay --dataset NAME"
        raise BadInput("dead letters here came through the root of a data set", where=min(roots), cure=cure)
    gone = [entry for entry in candidates if not all(map(_is_there, _places(entry)))]
    there = [entry for entry in candidates if entry not in gone]
    if gone and not there:
        places = [place for entry in gone for place in _places(entry) if not _is_there(place)]
        raise BadInput("is not there any more", where=places[0], cure="name where the dead letters' sources are now")
    found = dict.fromkeys(place for entry in there for place in _places(entry))
    return Replay(list(found), frozenset(entry.sha256 for entry in there), gone)


def _places(entry: LedgerEntry) -> list[str]:
    """What a source is found through: manifests, else itself."""
    return entry.given.splitlines() if entry.given else [entry.uri]


def replay_command(entry: LedgerEntry, out: Path) -> str:
    """The command that tries a dead letter again; of a manifest, where it came from one, all of them."""
    return shlex.join(["talkie", "curate", *_places(entry), "--out", str(out), "--replay"])


def exception_text(error: BaseException) -> str:
    """Type, text and innermost places of an error, for `LedgerEntry.exception`: the files' names and not their folders,
    so that the line is the same on every machine."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)]
    text = " ".join(str(error).split())[:EXCEPTION_CHARACTERS]
    return f"{type(error).__name__}: {text}" + (f" (in {', '.join(places)})" if places else "")


def _is_there(place: str) -> bool:
    # Whether an address elsewhere still answers is seen when it is opened.
    return "://" in place or os.path.lexists(place) or bool(glob.glob(place, recursive=True))
