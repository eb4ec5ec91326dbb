"""What the catalogues and the ledger of a folder say in sum, read shard by shard in memory that does not grow with the
corpus. No picture is opened here."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from talkie.clip import FPS
from talkie.shards import Dataset, Ledger, LedgerEntry
from talkie.shards.catalog import ClipEntry, decode_catalog, read_catalog

VALUES = 100_000
"""Values of a score that a histogram is drawn from; of more, every second, fourth, ... one."""
CANDIDATES = 3_000
"""Clips that pictures are chosen among: those of the smallest ids, which are digests, so that it is a fair sample."""
EXAMPLES = 3
LISTED = 60


class Values:
    """A fair sample of a stream of numbers, its count and its true range and mean."""

    def __init__(self) -> None:
        self.count, self.total, self.low, self.high = 0, 0.0, np.inf, -np.inf
        self._kept, self._stride = np.zeros(0), 1

    def add(self, values: np.ndarray) -> None:
        """(N,) more of them; those that are not finite are left out."""
        values = values[np.isfinite(values)]
        if not len(values):
            return
        first = -self.count % self._stride
        self.count, self.total = self.count + len(values), self.total + float(values.sum())
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self._kept = np.append(self._kept, values[first :: self._stride])
        while len(self._kept) > VALUES:
            self._kept, self._stride = self._kept[::2], self._stride * 2

    @property
    def sample(self) -> np.ndarray:
        return self._kept

    @property
    def mean(self) -> float:
        return self.total / max(self.count, 1)


@dataclass
class Corpus:
    """Counts over all clips; seconds by what they are balanced over; candidates for pictures by clip id."""

    clips: int = 0
    sources: int = 0
    seconds: Values = field(default_factory=Values)
    identity: Counter[str] = field(default_factory=Counter)
    language: Counter[str] = field(default_factory=Counter)
    licence: Counter[str] = field(default_factory=Counter)
    split: Counter[str] = field(default_factory=Counter)
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    scores: dict[str, Values] = field(default_factory=dict)
    candidates: dict[str, ClipEntry] = field(default_factory=dict)


@dataclass
class Books:
    """Counts over the newest attempts: done sources, drops and seconds of them by cause, dead letters by cause, with a
    few examples each; pairs of copies and originals; settings are the index's."""

    done: int = 0
    drops: Counter[str] = field(default_factory=Counter)
    dropped_s: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[LedgerEntry]] = field(default_factory=dict)
    dead_letters: list[LedgerEntry] = field(default_factory=list)
    copies: list[LedgerEntry] = field(default_factory=list)
    limits: dict[str, float] = field(default_factory=dict)


def tally(dataset: Dataset) -> Corpus:
    """Counts every catalogue. Raises CorruptShard."""
    corpus, heap = Corpus(), list[tuple[int, str]]()
    for name, table in _tables(dataset):
        corpus.clips += len(table)
        # A source is never torn over shards.
        corpus.sources += pc.count_distinct(table["source"]).as_py()
        seconds = table["frames"].to_numpy() / FPS
        corpus.seconds.add(seconds)
        for column, counter in (
            ("identity", corpus.identity),
            ("language", corpus.language),
            ("licence", corpus.licence),
            ("split", corpus.split),
        ):
            _add_seconds(counter, table[column], seconds)
        _add_scores(corpus, table)
        _add_labels(corpus, table)
        _choose(corpus, heap, name, table)
    return corpus


def read_books(ledger: Ledger) -> Books:
    """Counts the newest attempts of the ledger, in one pass."""
    books = Books()
    for entry in ledger.newest():
        cause = entry.cause or "unknown"
        if entry.status == "done":
            books.done += 1
            continue
        examples = books.examples.setdefault(cause, [])
        if len(examples) < EXAMPLES:
            examples.append(entry)
        if entry.status == "dead":
            books.dead[cause] += 1
            if len(books.dead_letters) < LISTED:
                books.dead_letters.append(entry)
            continue
        books.drops[cause] += 1
        if entry.start_s is not None and entry.end_s is not None:
            books.dropped_s[cause] += entry.end_s - entry.start_s  # type: ignore[assignment]
        if (entry.of is not None or cause == "duplicate_of") and len(books.copies) < LISTED:
            books.copies.append(entry)
    return books


def _tables(dataset: Dataset) -> Iterator[tuple[str, pa.Table]]:
    for shard in dataset.index.shards:
        yield shard.name, read_catalog(dataset.folder / shard.catalog_name, shard.catalog)


def _add_seconds(counter: Counter[str], names: pa.ChunkedArray, seconds: np.ndarray) -> None:
    encoded = names.combine_chunks().dictionary_encode()
    sums = np.bincount(encoded.indices.to_numpy(), weights=seconds, minlength=len(encoded.dictionary))
    for name, total in zip(encoded.dictionary.to_pylist(), sums, strict=True):
        counter[name] += float(total)  # type: ignore[assignment]


def _add_scores(corpus: Corpus, table: pa.Table) -> None:
    column = table["scores"].combine_chunks()
    names, values = column.keys.to_numpy(zero_copy_only=False), column.items.to_numpy(zero_copy_only=False)
    for name in dict.fromkeys(names.tolist()):
        corpus.scores.setdefault(name, Values()).add(values[names == name])


def _add_labels(corpus: Corpus, table: pa.Table) -> None:
    column = table["labels"].combine_chunks()
    for name, value in zip(column.keys.to_pylist(), column.items.to_pylist(), strict=True):
        corpus.labels.setdefault(name, Counter())[value] += 1


def _choose(corpus: Corpus, heap: list[tuple[int, str]], shard: str, table: pa.Table) -> None:
    """Keeps the candidates of the smallest ids; the heap's top is the largest of them, by its negative."""
    taken, rows = list[str](), list[int]()
    for row, clip in enumerate(table["clip"].to_pylist()):
        order = (-_number(clip), clip)
        if len(heap) >= CANDIDATES and order < heap[0]:
            continue
        taken.append(clip)
        rows.append(row)
        if len(heap) < CANDIDATES:
            heapq.heappush(heap, order)
        else:
            gone = heapq.heappushpop(heap, order)
            corpus.candidates.pop(gone[1], None)
            if gone[1] in taken:
                place = taken.index(gone[1])
                del taken[place], rows[place]
    corpus.candidates |= decode_catalog(table.take(rows), shard)


def _number(clip: str) -> int:
    try:
        return int(clip, 16)
    except ValueError:
        return 0
