"""Reads committed shards: records, decoded clips of chosen fields, raw members, verification."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import webdataset as wds

from talkie.clip import FPS, Clip, ClipRecord, Split
from talkie.errors import CorruptShard, MissingField
from talkie.shards.catalog import ClipEntry, decode_catalog, read_catalog
from talkie.shards.fields import RawClip, decode_record
from talkie.shards.index import Index, ShardEntry, read_index
from talkie.shards.members import Chosen


class Dataset:
    """A folder of committed shards. Every byte handed out has been checked against the commit record."""

    def __init__(self, folder: Path, index: Index):
        self.folder, self.index = folder, index

    @property
    def digest(self) -> str:
        """The identity of the corpus (see `Index.digest`)."""
        return self.index.digest

    def __len__(self) -> int:
        return sum(shard.clips for shard in self.index.shards)

    @cached_property
    def entries(self) -> dict[str, ClipEntry]:
        """What the catalogues say of every clip, by id, in stored order. Raises CorruptShard."""
        return {clip: entry for shard in self.index.shards for clip, entry in self._catalog(shard).items()}

    @property
    def seconds(self) -> float:
        """The length of all clips together."""
        return sum(entry.frames for entry in self.entries.values()) / FPS

    def ids(self, split: Split | None = None) -> list[str]:
        """Clip ids in their stored order: shard by shard, in a shard by source and time."""
        return [i for i, entry in self.entries.items() if split in (None, entry.split)]

    def ids_of(self, shard: str) -> list[str]:
        """The clips of one shard."""
        return [i for i, entry in self.entries.items() if entry.shard == shard]

    def raw(self, clip_id: str) -> RawClip:
        """One clip by random access; members are read when they are asked for. Raises KeyError, CorruptShard."""
        members = _ShardMembers(self.folder, clip_id, self.entries[clip_id])
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
                        where=str(self.folder),
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

        for shard in self.index.shards:
            self._check_size(shard.name, shard.size)
        urls = [str((self.folder / s.name).resolve()) for s in self.index.shards]
        pipeline = wds.DataPipeline(
            wds.SimpleShardList(urls),
            wds.tarfile_to_samples(handler=wds.reraise_exception, select_files=select),
        )
        try:
            for sample in pipeline:
                members = {f: sample[f] for f in ("json", *fields)}
                self._check_members(sample["__key__"], members)
                yield RawClip(decode_record(members["json"]), members).decode(fields)
        except (OSError, EOFError, KeyError, ValueError) as error:
            raise CorruptShard(f"a shard cannot be read: {error}", where=str(self.folder)) from error

    def verify(self) -> None:
        """Reads every shard and catalogue whole. Raises CorruptShard naming the first that differs from its record."""
        for shard in self.index.shards:
            self._check_size(shard.name, shard.size)
            with (self.folder / shard.name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != shard.sha256:
                    raise _corrupt(self.folder / shard.name, "its digest differs from the commit record")
            self._catalog(shard)

    def _catalog(self, shard: ShardEntry) -> dict[str, ClipEntry]:
        return decode_catalog(read_catalog(self.folder / shard.catalog_name, shard.catalog), shard.name)

    def _check_size(self, name: str, size: int) -> None:
        path = self.folder / name
        if not path.is_file():
            raise _corrupt(path, "the shard is missing")
        if path.stat().st_size != size:
            raise _corrupt(path, f"the shard has {path.stat().st_size} bytes, its record says {size}")

    def _check_members(self, clip_id: str, members: Mapping[str, bytes]) -> None:
        entry = self.entries[clip_id]
        for field, data in members.items():
            if hashlib.sha256(data).hexdigest() != entry.members[field].sha256:
                raise _corrupt(self.folder / entry.shard, f"{clip_id}.{field} differs from its record")


class _ShardMembers(Mapping[str, bytes]):
    """The members of one clip, read from the shard at their recorded offsets and checked."""

    def __init__(self, folder: Path, clip_id: str, entry: ClipEntry):
        self._path, self._clip, self._members = folder / entry.shard, clip_id, entry.members

    def __getitem__(self, field: str) -> bytes:
        member = self._members[field]
        try:
            with self._path.open("rb") as file:
                file.seek(member.offset)
                data = file.read(member.size)
        except OSError as error:
            raise _corrupt(self._path, f"cannot be read ({error.strerror})") from error
        if hashlib.sha256(data).hexdigest() != member.sha256:
            raise _corrupt(self._path, f"{self._clip}.{field} differs from its record")
        return data

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def _corrupt(path: Path, what: str) -> CorruptShard:
    return CorruptShard(what, where=str(path), cure="restore the file or make the shards again")


def open_dataset(folder: Path | str) -> Dataset:
    """The dataset of a folder. Raises NotADataset or CorruptShard."""
    folder = Path(folder)
    return Dataset(folder, read_index(folder))
