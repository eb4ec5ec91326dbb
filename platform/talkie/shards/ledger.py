"""The append-only book of what happened to each source: clips made, dropped with a reason, or dead with a cause.

The newest lines are JSON in `ledger.jsonl`; older ones are moved into Parquet files (see segments.py)."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from talkie.shards import segments
from talkie.shards.atomic import write_atomically
from talkie.shards.entry import LedgerEntry, Status

LEDGER_NAME = "ledger.jsonl"
COMPACT_BYTES = 32 * 2**20
"""JSON lines beyond this are moved into a Parquet file: about 60,000 lines, parsed in under a second."""

FORMAT = "talkie-ledger/2"
"""Named by the first JSON line, with the number of the Parquet file that the lines after it will become. A file of the
first format has no such line, and the same lines."""


class Ledger:
    """Appends are one `write` and one `fsync` each, so that a crash costs at most the line being written; a torn
    last line is recognised and ignored, as its source was then not committed. One process writes at a time.

    An attempt at a source ends with its `done` or `dead` line; `drop` lines before it belong to it. Questions are
    answered in one pass over the columns they need, with 10 bytes a line in memory where some sources are asked for,
    and 60 where all are."""

    def __init__(self, folder: Path, compact_bytes: int = COMPACT_BYTES):
        self.path, self._folder, self._compact_bytes = folder / LEDGER_NAME, folder, compact_bytes

    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self.path.exists() or bool(self._segments())

    def append(self, *entries: LedgerEntry) -> None:
        if not entries:
            return
        if self._is_moved(generation := self._generation()):
            self._begin(generation + 1)
        lines = "".join(_line(entry) + "\n" for entry in entries).encode()
        with self.path.open("a+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    lines = b"\n" + lines
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        if size + len(lines) > self._compact_bytes:
            self.compact()

    def compact(self) -> None:
        """Moves the JSON lines into a Parquet file. A crash in between is recognised: the JSON names the file that its
        lines become, and they count no more once that one exists."""
        generation = self._generation()
        if entries := self._tail():
            segments.write(segments.path_of(self._folder, generation), [_row(entry) for entry in entries])
        if self._is_moved(generation):
            self._begin(generation + 1)

    def stream(self) -> Iterator[LedgerEntry]:
        """All entries in the order of writing, few in memory at a time; lines that do not parse are left out."""
        for path in self._segments():
            yield from _parsed(segments.lines(path, None, None, None))
        yield from self._tail()

    def entries(self) -> list[LedgerEntry]:
        """All entries in the order of writing."""
        return list(self.stream())

    def latest(self) -> dict[str, list[LedgerEntry]]:
        """For each source's key, the entries of its newest attempt. Holds them all in memory: `newest`, `closings` and
        `counts` do not."""
        attempts: dict[str, list[LedgerEntry]] = {}
        for entry in self.newest():
            attempts.setdefault(entry.sha256, []).append(entry)
        return attempts

    def newest(
        self, status: Status | None = None, cause: str | None = None, keys: Collection[str] | None = None
    ) -> Iterator[LedgerEntry]:
        """The lines of each source's newest attempt in the order of writing: those of a status, a cause, some keys."""
        wanted = None if keys is None else set(keys)
        paths, tail = self._segments(), self._tail()
        *masks, tail_mask = self._newest_of(paths, tail, wanted)
        old = (_parsed(segments.lines(path, m, status, cause)) for path, m in zip(paths, masks, strict=True))
        young = (entry for entry, chosen in zip(tail, tail_mask, strict=True) if chosen)
        for entry in itertools.chain(itertools.chain.from_iterable(old), young):
            if (
                status in (None, entry.status)
                and cause in (None, entry.cause)
                and (wanted is None or entry.sha256 in wanted)
            ):
                yield entry

    def _newest_of(self, paths: list[Path], tail: list[LedgerEntry], wanted: set[str] | None) -> list[np.ndarray]:
        """Which lines of each segment, and of the tail, belong to the newest attempt at a wanted source."""
        parts = [segments.keys_and_closings(path) for path in paths]
        parts.append((_numbers(entry.sha256 for entry in tail), np.array([entry.closes for entry in tail], bool)))
        numbers = None if wanted is None else _numbers(wanted)
        asked = [np.ones(len(k), bool) if numbers is None else np.isin(k, numbers) for k, _ in parts]
        few = [np.concatenate([part[i][chosen] for part, chosen in zip(parts, asked, strict=True)]) for i in (0, 1)]
        found, at = _newest(*few), 0
        for chosen in asked:
            count = int(chosen.sum())
            chosen[chosen] = found[at : at + count]
            at += count
        return asked

    def closings(self, keys: Collection[str]) -> dict[str, LedgerEntry]:
        """How the newest attempt at each of these sources stands: its last line. Sources never seen are left out."""
        return {entry.sha256: entry for entry in self.newest(keys=keys)} if keys else {}

    def rewrite(self, change: Callable[[LedgerEntry], LedgerEntry | None]) -> int:
        """Replaces every line by what `change` makes of it, None for nothing, and drops torn ones; returns how many
        lines became others. Each file is replaced as a whole; done twice, it finds nothing more to change."""
        changed = 0
        for path in self._segments():
            before = list(_parsed(segments.lines(path, None, None, None)))
            after = [change(entry) for entry in before]
            differ = sum(a != b for a, b in zip(before, after, strict=True))
            if differ:
                segments.write(path, [_row(entry) for entry in after if entry is not None])
            changed += differ
        if self.path.exists():
            before = self._tail()
            after = [change(entry) for entry in before]
            differ = sum(a != b for a, b in zip(before, after, strict=True))
            generation = self._generation()
            self._begin(generation + self._is_moved(generation), [entry for entry in after if entry is not None])
            changed += differ
        return changed

    def _segments(self) -> list[Path]:
        return segments.paths(self._folder)

    def _generation(self) -> int:
        """The number of the segment that the JSON lines will become."""
        if not self.path.exists():
            return len(self._segments())
        with self.path.open("rb") as file:
            try:
                header = json.loads(file.readline())
            except ValueError:
                return 0
        return int(header["generation"]) if header.get("ledger") == FORMAT else 0

    def _is_moved(self, generation: int) -> bool:
        return self.path.exists() and segments.path_of(self._folder, generation).exists()

    def _tail(self) -> list[LedgerEntry]:
        """The JSON lines that are in no segment yet."""
        if not self.path.exists() or self._is_moved(self._generation()):
            return []
        return list(_parsed(self.path.read_bytes().splitlines()))

    def _begin(self, generation: int, entries: Collection[LedgerEntry] = ()) -> None:
        header = json.dumps({"ledger": FORMAT, "generation": generation})
        lines = [header, *(_line(entry) for entry in entries)]
        write_atomically(self.path, "".join(line + "\n" for line in lines).encode())


def _line(entry: LedgerEntry) -> str:
    return json.dumps(entry.model_dump(mode="json", exclude_defaults=True), sort_keys=True)


def _row(entry: LedgerEntry) -> segments.Row:
    return (entry.sha256, entry.closes, entry.status, entry.cause or "", _line(entry))


def _parsed(lines: Iterable[str | bytes]) -> Iterator[LedgerEntry]:
    for line in lines:
        try:
            yield LedgerEntry.model_validate_json(line)
        except ValidationError:
            continue


def _numbers(keys: Iterable[str]) -> np.ndarray:
    return np.array([segments.key_number(key) for key in keys], np.uint64)


def _newest(keys: np.ndarray, closes: np.ndarray) -> np.ndarray:
    """Which rows belong to the newest attempt of their key: those before which it was closed as often as before its
    last row. keys (N,) uint64, closes (N,) bool, in the order of writing."""
    if not len(keys):
        return np.zeros(0, bool)
    order = np.argsort(keys, kind="stable")
    keys, closes = keys[order], closes[order]
    closed_before = np.cumsum(closes, dtype=np.int32) - closes
    last = np.append(keys[1:] != keys[:-1], True)
    group = np.cumsum(last, dtype=np.int32) - last
    newest = np.empty(len(keys), bool)
    newest[order] = closed_before == closed_before[last][group]
    return newest
