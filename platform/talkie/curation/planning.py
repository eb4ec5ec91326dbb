"""Which of the sources found are to be worked on, and why not the others. Nothing is opened here."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

from talkie.curation.books import Tombstones
from talkie.curation.books.replay import standing
from talkie.curation.sources import Source
from talkie.shards import Dataset, Ledger, LedgerEntry

_PASSED_OVER = ("passed_over", "not_footage")
"""Causes of sources that an adapter leaves out, and of images and meshes: nothing is wrong with them."""


@dataclass
class Plan:
    """todo: what is new; staged: keys of sources whose work is done and not committed; refused: lines for copies of
    another file, for what is no footage and for what was taken down; already: how many are known from before."""

    todo: list[Source] = field(default_factory=list)
    staged: Collection[str] = ()
    refused: list[LedgerEntry] = field(default_factory=list)
    already: int = 0


def plan(
    found: list[Source],
    ledger: Ledger,
    dataset: Dataset | None,
    settings: str,
    staged: Collection[str],
    stones: Tombstones,
    again: Collection[str] | None,
) -> Plan:
    """Sort the sources. settings: the digest of this run's; again: keys of the dead letters that a replay is for, which
    then does nothing else; None outside of a replay.

    Of equal files one speaks for all: one that was curated before, else the one of which most is known."""
    result = Plan(staged=staged)
    groups: dict[str, list[Source]] = {}
    for source in found:
        groups.setdefault(source.content, []).append(source)
    closings = ledger.closings([source.key for source in found])
    clips = dataset.clip_ids if dataset is not None else frozenset()
    refused: dict[str, LedgerEntry] = {}
    for group in groups.values():
        known = {source.key for source in group if (last := closings.get(source.key)) and last.status == "done"}
        first, *copies = sorted(group, key=lambda s: (s.key not in known, -_told(s), s.uri))
        for source in (first, *copies):
            line = _refusal(source, None if source is first else first, stones, settings)
            if line is not None:
                result.already += line.sha256 in refused
                refused[line.sha256] = line
                continue
            stands = standing(closings.get(source.key), clips, settings)
            wanted = stands == "new" if again is None else source.key in again and stands == "dead"
            if wanted and source.key not in staged:
                result.todo.append(source)
            else:
                result.already += 1
    noted = ledger.closings(list(refused))
    result.refused = [line for key, line in sorted(refused.items()) if key not in noted]
    result.already += len(noted)
    return result


def _told(source: Source) -> int:
    """How much its owner says of a source."""
    return sum(len(record.model_fields_set) for record in source.given)


def _refusal(source: Source, copy_of: Source | None, stones: Tombstones, settings: str) -> LedgerEntry | None:
    """The line of a source that is not worked on at all, or None."""
    taken = stones.refuses(source.sha256)
    if taken is not None and source.sha256 is not None:
        return stones.refusal(source.sha256, taken, settings)
    if source.trouble is not None and source.cause in _PASSED_OVER:
        cause, message, of = source.cause, source.trouble, None
    elif copy_of is not None:
        cause, message, of = "duplicate_of", f"same content as {copy_of.uri}", copy_of.sha256
    else:
        return None
    return LedgerEntry(
        # A key of its own: under that of the content a copy would look like a new attempt at the first.
        sha256=hashlib.sha256(f"{cause}|{source.content}|{source.uri}".encode()).hexdigest(),
        input_sha256=source.sha256,
        name=source.name,
        uri=source.uri,
        given=source.through,
        status="drop",
        cause=cause,
        message=message,
        of=of,
        step="discover",
        settings=settings,
    )
