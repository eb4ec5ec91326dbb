"""Everything that is staged into shards, then into the ledger; then the staging is forgotten.

A crash in between repeats it with the same result. One source is in memory at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from talkie.curation.books import Tombstones
from talkie.curation.config import CurateConfig
from talkie.curation.outcome import Outcome
from talkie.curation.settle import Settled, settle
from talkie.curation.staging import Staging
from talkie.errors import DISK_FULL_ERRNOS, DiskFull
from talkie.shards import Dataset, Ledger, LedgerEntry, RawClip, existing_dataset
from talkie.shards.fields import encode_record
from talkie.shards.layout import Placed
from talkie.shards.stored import StoredClips
from talkie.shards.writer import commit_placed, place_of

LINES_AT_ONCE = 200
"""Lines of the ledger between two syncs, or as many as one source has."""
_SOURCES_AT_HAND = 4


def commit_staged(
    out: Path,
    staging: Staging,
    config: CurateConfig,
    settings: dict[str, Any],
    ledger: Ledger,
    stones: Tombstones,
    refused: Iterable[LedgerEntry] = (),
    on_dropped: Callable[[Mapping[str, int]], None] = lambda causes: None,
) -> Dataset:
    """The new state of the folder. on_dropped: told once it stands how many clips were not kept, by cause. Raises
    DiskFull, CorruptShard."""
    before = existing_dataset(out, settings)
    staged = _Staged(staging)
    settled = settle(staged.clips(), before, config, stones)
    try:
        # Before the shards: a crash in between is repeated, while afterwards nobody could tell what went, or why.
        ledger.append(*_lines_of_removed(ledger, before, settled))
        dataset = _write(out, staged, before, settled, settings)
        for batch in _batches(chain(_lines_by_source(staged, settled), [list(refused)])):
            ledger.append(*batch)
    except OSError as error:
        if error.errno not in DISK_FULL_ERRNOS:
            raise
        raise DiskFull(
            "the disk is full; what was finished is kept", where=str(out), cure="make room and run again"
        ) from error
    staging.clear()
    on_dropped(Counter(cause for cause, _, _ in settled.dropped.values()))
    return dataset


class _Staged:
    """Complete sources of a staging, by key, and their clips, by id; what was read last is at hand, because neighbours
    are asked for in turn. Where two sources have a clip of one id, the later key's counts."""

    def __init__(self, staging: Staging) -> None:
        self._staging, self.keys = staging, sorted(staging.keys())
        self._source_of: dict[str, int] = {}
        self._clips_of = lru_cache(_SOURCES_AT_HAND)(self._read)

    def outcome(self, key: str) -> Outcome:
        return self._staging.get(key)

    def clips(self) -> Iterator[RawClip]:
        for number, key in enumerate(self.keys):
            for clip in self.outcome(key).clips:
                self._source_of[clip.record.id] = number
                yield clip

    def __iter__(self) -> Iterator[str]:
        return iter(self._source_of)

    def __contains__(self, clip: str) -> bool:
        return clip in self._source_of

    def __getitem__(self, clip: str) -> RawClip:
        return self._clips_of(self._source_of[clip])[clip]

    def size_of(self, clip: RawClip) -> int:
        return self._staging.stored_bytes(clip)

    def _read(self, number: int) -> dict[str, RawClip]:
        return {clip.record.id: clip for clip in self.outcome(self.keys[number]).clips}


def _write(out: Path, staged: _Staged, before: Dataset | None, settled: Settled, settings: dict[str, Any]) -> Dataset:
    """The shards with the new and the changed clips."""
    stored = StoredClips(before)

    def read(clip: str) -> RawClip:
        raw = staged[clip] if clip in staged else stored[clip]
        return replace(raw, record=settled.verdicts[clip].applied(raw.record))

    def placed() -> Iterator[Placed]:
        # In the order in which they lie, so that each source is read once.
        for clip in [c for c in staged if c in settled.verdicts]:
            raw = read(clip)
            yield place_of(raw.record, staged.size_of(raw))
        for old in stored.placed:
            if old.clip in settled.verdicts and old.clip not in staged:
                raw = stored[old.clip]
                change = len(encode_record(read(old.clip).record)) - len(encode_record(raw.record))
                yield replace(old, size=old.size + change)

    return commit_placed(out, list(placed()), read, settings=settings, remove=settled.remove)


def _lines_by_source(staged: _Staged, settled: Settled) -> Iterator[list[LedgerEntry]]:
    for key in staged.keys:
        yield list(_lines(staged.outcome(key), settled))


def _batches(groups: Iterable[list[LedgerEntry]]) -> Iterator[list[LedgerEntry]]:
    """Groups put together, none torn: what a crash cuts off begins with a whole source's lines."""
    batch: list[LedgerEntry] = []
    for group in groups:
        batch += group
        if len(batch) >= LINES_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _lines(outcome: Outcome, settled: Settled) -> Iterator[LedgerEntry]:
    """The ledger's lines of a staged source: clips that were not kept are drops, and not named by the last line."""
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


def _lines_of_removed(ledger: Ledger, before: Dataset | None, settled: Settled) -> Iterator[LedgerEntry]:
    """A new attempt in the ledger for every source whose committed clips go: the same clips without them."""
    if not settled.remove:
        return
    starts = {clip.clip: clip.start_s for clip in StoredClips(before).placed if clip.clip in settled.remove}
    for entry in ledger.newest("done"):
        gone = [clip for clip in entry.clips if clip in starts]
        for clip in gone:
            yield _dropped(entry, clip, settled, start_s=starts[clip], end_s=None)
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
