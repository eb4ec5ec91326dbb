"""Everything that is staged into shards, then into the ledger; then the staging is forgotten.

A crash in between repeats it with the same result."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from talkie.curation.books import Tombstones
from talkie.curation.config import CurateConfig
from talkie.curation.outcome import Outcome
from talkie.curation.settle import Settled, settle
from talkie.curation.staging import Staging
from talkie.errors import DISK_FULL_ERRNOS, DiskFull
from talkie.shards import Dataset, Ledger, LedgerEntry, commit, existing_dataset


def commit_staged(
    out: Path,
    staging: Staging,
    config: CurateConfig,
    settings: dict[str, Any],
    ledger: Ledger,
    stones: Tombstones,
    refused: Iterable[LedgerEntry] = (),
) -> Dataset:
    """The new state of the folder. Raises DiskFull, CorruptShard."""
    outcomes = [staging.get(key) for key in sorted(staging.keys())]
    before = existing_dataset(out, settings)
    settled = settle((clip for outcome in outcomes for clip in outcome.clips), before, config, stones)
    lines = [*_lines(outcomes, settled), *_lines_of_removed(ledger, before, settled), *refused]
    try:
        dataset = commit(out, settled.clips, settings=settings, remove=settled.remove)
        ledger.append(*lines)
    except OSError as error:
        if error.errno not in DISK_FULL_ERRNOS:
            raise
        raise DiskFull(
            "the disk is full; what was finished is kept", where=str(out), cure="make room and run again"
        ) from error
    staging.clear()
    return dataset


def _lines(outcomes: Iterable[Outcome], settled: Settled) -> Iterable[LedgerEntry]:
    """The ledger's lines of staged sources: clips that were not kept are drops, and not named by the last line."""
    for outcome in outcomes:
        records = {clip.record.id: clip.record for clip in outcome.clips}
        for entry in outcome.entries:
            if not entry.closes:
                yield entry
                continue
            for clip in entry.clips:
                if clip in settled.dropped:
                    source = records[clip].source
                    yield _dropped(entry, clip, settled, start_s=source.start_s, end_s=source.end_s)
            yield _without(entry, settled)


def _lines_of_removed(ledger: Ledger, before: Dataset | None, settled: Settled) -> Iterable[LedgerEntry]:
    """A new attempt in the ledger for every source whose committed clips go: the same clips without them."""
    if not settled.remove:
        return
    assert before is not None
    for entry in list(ledger.newest("done")):
        gone = [clip for clip in entry.clips if clip in settled.remove]
        for clip in gone:
            found = before.entries[clip]
            yield _dropped(entry, clip, settled, start_s=found.start_s, end_s=None)
        if gone:
            yield _without(entry, settled)


def _without(entry: LedgerEntry, settled: Settled) -> LedgerEntry:
    return entry.model_copy(update={"clips": [clip for clip in entry.clips if clip not in settled.dropped]})


def _dropped(entry: LedgerEntry, clip: str, settled: Settled, **span: Any) -> LedgerEntry:
    cause, message, of = settled.dropped[clip]
    changes: dict[str, Any] = {
        "status": "drop",
        "cause": cause,
        "message": message,
        "step": "settle",
        "clips": [],
        "clip": clip,
        "of": of,
    }
    return entry.model_copy(update=changes | span)
