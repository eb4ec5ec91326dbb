"""The clips that a folder holds already, for a commit: their places in little memory, their bytes when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from talkie.shards.catalog import ClipEntry, sizes_of
from talkie.shards.dataset import Dataset
from talkie.shards.fields import RawClip
from talkie.shards.index import ShardEntry
from talkie.shards.layout import Placed

_OPEN_SHARDS = 4
"""Catalogues held decoded at a time: clips are asked for shard by shard, a few old shards to a new one."""


class StoredClips:
    """The clips of a dataset. `placed`: where each stands, in stored order: some 400 bytes a clip, where a decoded
    entry of the catalogue takes 10 KB. Raises CorruptShard where a catalogue or a member is not what it should be."""

    def __init__(self, dataset: Dataset | None) -> None:
        self._dataset = dataset
        self._shards: list[ShardEntry] = dataset.index.shards if dataset else []
        self.placed: list[Placed] = []
        self._shard_of: dict[str, int] = {}
        self._ids: list[tuple[str, ...]] = []
        for number, shard in enumerate(self._shards):
            assert dataset is not None
            table = dataset.catalog(shard)
            columns = (table[name].to_pylist() for name in ("clip", "source", "start_s"))
            found = [Placed(*row) for row in zip(*columns, sizes_of(table).tolist(), strict=True)]
            self.placed += found
            self._shard_of.update((clip.clip, number) for clip in found)
            self._ids.append(tuple(clip.clip for clip in found))
        self._entries = lru_cache(_OPEN_SHARDS)(self._read)

    def __contains__(self, clip: str) -> bool:
        return clip in self._shard_of

    def __iter__(self) -> Iterator[str]:
        return iter(self._shard_of)

    def shards(self) -> Iterator[tuple[ShardEntry, tuple[str, ...]]]:
        """Every shard with its clips in order."""
        return zip(self._shards, self._ids, strict=True)

    def __getitem__(self, clip: str) -> RawClip:
        assert self._dataset is not None
        return self._dataset.raw_of(clip, self._entries(self._shard_of[clip])[clip])

    def _read(self, number: int) -> dict[str, ClipEntry]:
        assert self._dataset is not None
        return self._dataset.entries_of(self._shards[number])
