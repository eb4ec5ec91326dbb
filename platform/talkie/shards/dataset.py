"""Reads committed shards: records, decoded clips of chosen fields, raw members, verification."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from talkie.clip import FPS, Clip, ClipRecord, Split
from talkie.errors import CorruptShard, MissingField
from talkie.shards.catalog import ClipEntry, Member, decode_catalog, read_catalog
from talkie.shards.fields import RawClip, decode_record
from talkie.shards.index import Index, ShardEntry, read_index
from talkie.shards.members import Chosen
from talkie.storage import is_remote, local_path

OPEN_FILES = 64
"""Shards held open at a time."""


if TYPE_CHECKING:
    from talkie.shards.remote import ShardCache


class Dataset:
    """A folder of committed shards. Every byte handed out has been checked against the commit record."""

    person: str | None = None
    """Whose view of a dataset this is (`talkie.shards.person`); None for all of it."""

    def __init__(self, folder: Path, index: Index):
        self._folder, self.index = folder, index
        self._files: dict[str, IO[bytes]] = {}
        self._lock = Lock()

    @property
    def folder(self) -> Path:
        """The folder. Raises BadInput for a dataset that lies in a store."""
        return self._folder

    @property
    def address(self) -> str:
        """What `open_dataset` finds it by again."""
        return str(self._folder.resolve())

    @property
    def where(self) -> str:
        """The place of the shards, for people."""
        return str(self._folder)

    @property
    def digest(self) -> str:
        """The identity of the corpus (see `Index.digest`)."""
        return self.index.digest

    def __len__(self) -> int:
        return sum(shard.clips for shard in self.index.shards)

    @cached_property
    def entries(self) -> dict[str, ClipEntry]:
        """What the catalogues say of every clip, by id, in stored order. Raises CorruptShard."""
        return {clip: entry for shard in self.index.shards for clip, entry in self.entries_of(shard).items()}

    @property
    def seconds(self) -> float:
        """The length of all clips together."""
        return sum(entry.frames for entry in self.entries.values()) / FPS

    def ids(self, split: Split | None = None) -> list[str]:
        """Clip ids in their stored order: shard by shard, in a shard by source and time."""
        return [i for i, entry in self.entries.items() if split in (None, entry.split)]

    @cached_property
    def clip_ids(self) -> frozenset[str]:
        """The ids of all clips, where their entries would take a hundred times the memory. Raises CorruptShard."""
        return frozenset(i for shard in self.index.shards for i in self.catalog(shard)["clip"].to_pylist())

    def ids_of(self, shard: str) -> list[str]:
        """The clips of one shard."""
        return [i for i, entry in self.entries.items() if entry.shard == shard]

    def raw(self, clip_id: str) -> RawClip:
        """One clip by random access; members are read when they are asked for. Raises KeyError, CorruptShard."""
        return self.raw_of(clip_id, self.entries[clip_id])

    def tables(self) -> Iterator[tuple[str, pa.Table]]:
        """(shard, its catalogue as a table of `catalog.SCHEMA`), for who asks of many clips. Raises CorruptShard."""
        for shard in self.index.shards:
            yield shard.name, read_catalog(self._catalog_file(shard), shard.catalog)

    def check_sizes(self) -> None:
        """Raises CorruptShard naming the first shard that is missing or has another size than its record says."""
        for shard in self.index.shards:
            self._check_size(shard)

    def raw_of(self, clip_id: str, entry: ClipEntry) -> RawClip:
        """The same for an entry at hand, where asking for all of them would take too much. Raises CorruptShard."""
        members = _ShardMembers(self, clip_id, entry.shard, entry.members)
        return RawClip(decode_record(members["json"]), Chosen(members, [f for f in members if f != "json"]))

    def records(self, split: Split | None = None) -> list[ClipRecord]:
        return [self.raw(i).record for i in self.ids(split)]

    def require(self, fields: tuple[str, ...], split: Split | None = None) -> None:
        """Raises MissingField naming the first clip that lacks one of the fields."""
        for clip_id in self.ids(split):
            for field in fields:
                if field not in self.entries[clip_id].members:
                    raise MissingField(
                        f"clip {clip_id} has no {field}",
                        where=self.where,
                        cure="curate again with sources that carry it, or leave the clip out",
                    )

    def clips(self, fields: tuple[str, ...], split: Split | None = None) -> Iterator[Clip]:
        """Clips with just these fields decoded, streamed through webdataset in stored order.
        Raises MissingField before the first clip, CorruptShard at the first bad byte."""
        self.require(fields, split)
        wanted = set(self.ids(split))

        def select(member: str) -> bool:
            clip_id, _, field = member.partition(".")
            return clip_id in wanted and (field == "json" or field in fields)

        needed = {self.entries[clip_id].shard for clip_id in wanted}
        shards = [shard for shard in self.index.shards if shard.name in needed]
        for shard in shards:
            self._check_size(shard)
        # Late: it brings torch, which whoever writes shards does without.
        import webdataset as wds

        pipeline = wds.DataPipeline(
            # One at a time, because a shard that lies elsewhere is brought when its turn comes.
            lambda: ({"url": str(self._shard_file(shard).resolve())} for shard in shards),
            wds.tarfile_to_samples(handler=wds.reraise_exception, select_files=select),
        )
        try:
            for sample in pipeline:
                members = {f: sample[f] for f in ("json", *fields)}
                self._check_members(sample["__key__"], members)
                yield RawClip(decode_record(members["json"]), members).decode(fields)
        except (OSError, EOFError, KeyError, ValueError) as error:
            raise CorruptShard(f"a shard cannot be read: {error}", where=self.where) from error

    def verify(self) -> None:
        """Reads every shard and catalogue whole. Raises CorruptShard naming the first that differs from its record."""
        for shard in self.index.shards:
            self._check_size(shard)
            if self._digest(shard) != shard.sha256:
                raise corrupt(self.place(shard.name), "its digest differs from the commit record")
            self.entries_of(shard)

    def place(self, name: str) -> str:
        """Where a file of the dataset lies, for people."""
        return str(self._folder / name)

    def part(self, name: str, offset: int, size: int) -> bytes:
        """Some bytes of a shard, unchecked. Raises CorruptShard where it cannot be read. For several threads."""
        try:
            # Held by a name until it was read: another thread may have put its own in this one's place already.
            file = self._open(name)
            return os.pread(file.fileno(), size, offset)
        except OSError as error:
            raise corrupt(self.place(name), f"cannot be read ({error.strerror})") from error

    def _open(self, name: str) -> IO[bytes]:
        """A shard that stays open for the next part; an old one is closed when its last reader lets go of it."""
        file = self._files.get(name)
        if file is None:
            file = (self._folder / name).open("rb", buffering=0)
            with self._lock:
                while len(self._files) >= OPEN_FILES:
                    del self._files[next(iter(self._files))]
                self._files[name] = file
        return file

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_files": {}, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = Lock()

    def _shard_file(self, shard: ShardEntry) -> Path:
        return self._folder / shard.name

    def _catalog_file(self, shard: ShardEntry) -> Path:
        return self._folder / shard.catalog_name

    def _digest(self, shard: ShardEntry) -> str:
        with self._shard_file(shard).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _size(self, shard: ShardEntry) -> int | None:
        path = self._shard_file(shard)
        return path.stat().st_size if path.is_file() else None

    def catalog(self, shard: ShardEntry) -> pa.Table:
        """The catalogue of one shard, a row a clip in stored order. Raises CorruptShard."""
        return read_catalog(self._catalog_file(shard), shard.catalog)

    def entries_of(self, shard: ShardEntry) -> dict[str, ClipEntry]:
        """What the catalogue of one shard says of its clips. Raises CorruptShard."""
        return decode_catalog(self.catalog(shard), shard.name)

    def _check_size(self, shard: ShardEntry) -> None:
        size = self._size(shard)
        if size is None:
            raise corrupt(self.place(shard.name), "the shard is missing")
        if size != shard.size:
            raise corrupt(self.place(shard.name), f"the shard has {size} bytes, its record says {shard.size}")

    def _check_members(self, clip_id: str, members: Mapping[str, bytes]) -> None:
        entry = self.entries[clip_id]
        for field, data in members.items():
            if hashlib.sha256(data).hexdigest() != entry.members[field].sha256:
                raise corrupt(self.place(entry.shard), f"{clip_id}.{field} differs from its record")


class _ShardMembers(Mapping[str, bytes]):
    """The members of one clip, read from the shard at their recorded offsets and checked."""

    def __init__(self, dataset: Dataset, clip_id: str, shard: str, places: Mapping[str, Member]):
        self._dataset, self._shard, self._clip, self._places = dataset, shard, clip_id, places

    def __getitem__(self, field: str) -> bytes:
        member = self._places[field]
        data = self._dataset.part(self._shard, member.offset, member.size)
        if hashlib.sha256(data).hexdigest() != member.sha256:
            raise corrupt(self._dataset.place(self._shard), f"{self._clip}.{field} differs from its record")
        return data

    def __contains__(self, field: object) -> bool:
        return field in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def corrupt(where: str, what: str) -> CorruptShard:
    """The error of a shard that is not what its record says."""
    return CorruptShard(what, where=where, cure="restore the file or make the shards again")


def open_dataset(place: Path | str, cache: ShardCache | None = None) -> Dataset:
    """The dataset of a folder, or of an address where one was published; "PLACE#person=NAME" is one person's view of it
    (`talkie.shards.person`). `cache`: where files of an address are kept. Raises NotADataset, CorruptShard,
    TooFewIdentities, and StorageError for an address that cannot be read."""
    from talkie.shards.person import MARK, of_person

    whole, mark, person = str(place).partition(MARK)
    if mark:
        return of_person(open_dataset(whole, cache), person)
    if is_remote(place):
        from talkie.shards.remote import open_remote

        return open_remote(str(place), cache)
    folder = local_path(place)
    return Dataset(folder, read_index(folder))
