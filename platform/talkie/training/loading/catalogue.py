"""What the catalogues say of every clip of some corpora, as columns, so that millions of them can be asked at once.
Which clips a phase trains on is decided in choice.py."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from talkie.clip import ClipRecord
from talkie.errors import BadConfig
from talkie.shards import Dataset, open_dataset
from talkie.shards.catalog import SCHEMA
from talkie.shards.dataset import corrupt
from talkie.shards.fields import decode_record
from talkie.shards.remote import RemoteDataset, ShardCache
from talkie.training.loading.config import Corpus, LoadConfig
from talkie.training.loading.nearby import Nearby

TOGETHER_BYTES = 2**18
"""Members up to so many bytes are read in one go: from a disk or a store that costs little more than the first."""
PLAIN = ("identity", "language", "licence", "split")


class Catalogue:
    """Columns over the clips of the corpora, in stored order; a clip is known by its row.

    corpus (N,), shard (N,) and frames (N,): numbers of the corpus and of the shard in `shards`, and the length. About
    50 bytes a member and 60 a clip stay in memory.
    """

    def __init__(self, datasets: Sequence[Dataset], nearby: Nearby | None = None):
        """nearby: where parts of published datasets are kept once they were fetched. Raises CorruptShard where a shard
        of a folder is missing or of another size, StorageError."""
        self.datasets, self._nearby = tuple(datasets), nearby
        self._remote = [isinstance(dataset, RemoteDataset) for dataset in datasets]
        self.shards: list[tuple[int, str]] = []
        tables, shard_rows = [], []
        for number, dataset in enumerate(datasets):
            if not self._remote[number]:  # where it would take a request a shard, the reader finds out
                dataset.check_sizes()
            for name, table in dataset.tables():
                self.shards.append((number, name))
                tables.append(table)
                shard_rows.append(len(table))
        whole = pa.concat_tables(tables or [SCHEMA.empty_table()])
        self._table = whole.select([c for c in whole.column_names if c != "members"]).combine_chunks()
        self.shard = np.repeat(np.arange(len(self.shards), dtype=np.int32), shard_rows)
        self.corpus = np.array([c for c, _ in self.shards], np.int16)[self.shard]
        self.frames = _numbers(self._table["frames"])
        self._read_members(whole["members"])

    def __len__(self) -> int:
        return len(self.shard)

    def id(self, row: int) -> str:
        return self._ids[row].as_py()

    def rows_of(self, clip_id: str) -> list[int]:
        """The rows of a clip, one in each corpus that holds it."""
        return np.flatnonzero(pa.compute.equal(self._ids, clip_id).to_numpy(zero_copy_only=False)).tolist()

    def codes(self, attribute: str) -> tuple[np.ndarray, list[str]]:
        """An attribute ("identity", "language", "licence", "split", "group" or "labels.NAME") as (N,) int32 numbers of
        its distinct values, -1 where a clip has none, and those values. "group" is read from the records, clip by clip.
        Raises BadConfig for another name."""
        if attribute not in self._codes:
            self._codes[attribute] = self._coded(attribute)
        return self._codes[attribute]

    def score(self, name: str) -> np.ndarray:
        """(N,) float64, NaN where a clip has no such score."""
        rows, values = _picked(self._table["scores"], name)
        found = np.full(len(self), np.nan)
        found[rows] = values.to_numpy(zero_copy_only=False)
        return found

    def has(self, field: str) -> np.ndarray:
        """(N,) bool: whether a clip has that member."""
        if field not in self.fields:
            return np.zeros(len(self), bool)
        hits = self._member_field == self.fields.index(field)
        return np.add.reduceat(np.append(hits, False), self._starts[:-1])[: len(self)] > 0 if len(self) else hits

    def places(self, row: int) -> dict[str, int]:
        """The numbers of a clip's members, by field: rows of `offset`, `size` and `digest`."""
        first, stop = int(self._starts[row]), int(self._starts[row + 1])
        return {self.fields[code]: first + n for n, code in enumerate(self._member_field[first:stop].tolist())}

    def read(self, row: int, together: Collection[str] = ()) -> Mapping[str, bytes]:
        """The members of a clip, `json` among them, read when they are asked for; those of `together`, and json, in one
        go where they are small and lie side by side."""
        return _Members(self, row, together)

    def is_remote(self, shard: int) -> bool:
        """Whether a shard's bytes come over a network."""
        return self._remote[self.shards[shard][0]]

    def part(self, shard: int, offset: int, size: int) -> bytes:
        """Some bytes of a shard, unchecked."""
        corpus, name = self.shards[shard]
        dataset = self.datasets[corpus]
        if self._nearby is None or not self.is_remote(shard):
            return dataset.part(name, offset, size)
        return self._nearby.get(_part_name(name, offset, size), lambda: dataset.part(name, offset, size))

    def forget(self, shard: int, offset: int, size: int) -> None:
        """Throws away what was kept of a part that is not what it should be."""
        if self._nearby is not None:
            self._nearby.forget(_part_name(self.shards[shard][1], offset, size))

    def record(self, row: int) -> ClipRecord:
        """A clip's record, read from its shard. Raises CorruptShard."""
        return decode_record(self.read(row)["json"])

    @cached_property
    def _ids(self) -> pa.Array:
        return self._table["clip"].combine_chunks()

    @cached_property
    def _codes(self) -> dict[str, tuple[np.ndarray, list[str]]]:
        return {}

    def _coded(self, attribute: str) -> tuple[np.ndarray, list[str]]:
        if attribute in PLAIN:
            return _encoded(self._table[attribute].combine_chunks())
        if attribute == "group":
            return _encoded(pa.array([self._group(row) for row in range(len(self))], pa.string()))
        kind, _, name = attribute.partition(".")
        if kind != "labels" or not name:
            raise BadConfig(
                f"no attribute {attribute!r}", cure="use identity, group, language, licence, split or labels.NAME"
            )
        rows, values = _picked(self._table["labels"], name)
        codes = np.full(len(self), -1, np.int32)
        codes[rows], names = _encoded(values)
        return codes, names

    def _group(self, row: int) -> str | None:
        return self.record(row).group

    def _read_members(self, column: pa.ChunkedArray) -> None:
        lists = column.combine_chunks()
        values = lists.flatten()
        self._starts = _numbers(lists.offsets) - (lists.offsets[0].as_py() if len(lists) else 0)
        codes, self.fields = _encoded(values.field("field"))
        self._member_field = codes.astype(np.int16)
        self.offset, self.size = _numbers(values.field("offset")), _numbers(values.field("size"))
        digests = values.field("sha256")
        flat = np.frombuffer(digests.buffers()[1] or b"", np.uint8)
        self.digest = flat[32 * digests.offset : 32 * (digests.offset + len(digests))].reshape(-1, 32)
        self.sound = np.zeros(len(self.digest), bool)


class _Members(Mapping[str, bytes]):
    """One clip's members, each compared with its SHA-256: what comes over a network every time, what lies on this
    machine's disk the first time that this process reads it."""

    def __init__(self, catalogue: Catalogue, row: int, together: Collection[str]):
        self._catalogue, self._together, self._shard = catalogue, together, int(catalogue.shard[row])
        self._places = catalogue.places(row)
        self._span: tuple[int, bytes] | None = None

    def __getitem__(self, field: str) -> bytes:
        catalogue, at = self._catalogue, self._places[field]
        if self._span is None and field == "json" and self._together:
            self._span = self._side_by_side()
        offset, size = int(catalogue.offset[at]), int(catalogue.size[at])
        begin, whole = (offset - self._span[0], self._span[1]) if self._span else (0, b"")
        read_already = begin >= 0 and begin + size <= len(whole)
        data = whole[begin : begin + size] if read_already else catalogue.part(self._shard, offset, size)
        if not self._kept_its_digest(at, data):
            place = (self._span[0], len(whole)) if read_already and self._span else (offset, size)
            catalogue.forget(self._shard, *place)
            corpus, shard = catalogue.shards[self._shard]
            raise corrupt(catalogue.datasets[corpus].place(shard), f"{field} differs from its record")
        return data

    def _kept_its_digest(self, at: int, data: bytes) -> bool:
        catalogue = self._catalogue
        if catalogue.sound[at]:
            return True
        same = hashlib.sha256(data).digest() == catalogue.digest[at].tobytes()
        catalogue.sound[at] = same and not catalogue.is_remote(self._shard)
        return same

    def __contains__(self, field: object) -> bool:
        return field in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def _side_by_side(self) -> tuple[int, bytes]:
        numbers = [self._places[f] for f in ("json", *self._together) if f in self._places]
        offsets, sizes = self._catalogue.offset[numbers].tolist(), self._catalogue.size[numbers].tolist()
        begin, stop = min(offsets), max(map(add, offsets, sizes))
        if stop - begin > TOGETHER_BYTES or stop - begin > 2 * sum(sizes):
            return 0, b""
        return begin, self._catalogue.part(self._shard, begin, stop - begin)


def open_catalogue(corpora: Sequence[Corpus], config: LoadConfig) -> Catalogue:
    """The catalogue of corpora that may be datasets, folders or addresses. Raises as `open_dataset` does."""
    if config.disk_cache is None:
        return Catalogue([opened(corpus.dataset) for corpus in corpora])
    limit = config.disk_cache_mb * 2**20
    # Catalogues are files of their own; an eighth of the bound is theirs.
    shards = ShardCache(config.disk_cache / "catalogues", limit // 8)
    nearby = Nearby(config.disk_cache / "parts", limit - limit // 8)
    return Catalogue([opened(corpus.dataset, shards) for corpus in corpora], nearby)


def opened(place: Dataset | Path | str, cache: ShardCache | None = None) -> Dataset:
    """The dataset of a corpus, opened where it is not."""
    return place if isinstance(place, Dataset) else open_dataset(place, cache)


def _part_name(shard: str, offset: int, size: int) -> str:
    """A shard's name holds its digest, so that other bytes have another name."""
    return f"{shard}-{offset}-{size}"


def _numbers(column: Any) -> np.ndarray:
    return column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)


def _encoded(values: pa.Array) -> tuple[np.ndarray, list[str]]:
    coded = values.dictionary_encode()
    return coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32), coded.dictionary.to_pylist()


def _picked(column: pa.ChunkedArray, name: str) -> tuple[np.ndarray, pa.Array]:
    """Of a column of maps: the rows that hold a key, and its values there."""
    maps = column.combine_chunks()
    if not len(maps):
        return np.zeros(0, int), pa.array([], maps.type.item_type)
    first = maps.offsets[0].as_py()
    count = maps.offsets[len(maps)].as_py() - first
    hits = np.flatnonzero(pa.compute.equal(maps.keys[:count], name).to_numpy(zero_copy_only=False))
    rows = np.searchsorted(maps.offsets.to_numpy() - first, hits, side="right") - 1
    return rows, maps.items.take(pa.array(hits))
