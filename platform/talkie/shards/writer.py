"""Writes clips into WebDataset tars, byte-identical for equal clips, and commits them. Reading is in dataset.py."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from talkie.clip import FIELDS
from talkie.errors import BadInput, CorruptShard, NotADataset, SettingsConflict
from talkie.shards.atomic import atomic_writer
from talkie.shards.dataset import Dataset
from talkie.shards.fields import RawClip, encode_record
from talkie.shards.index import ClipEntry, Index, Member, ShardEntry, read_index, write_index

MAX_SHARD_BYTES = 256 * 2**20


def existing_index(folder: Path, settings: dict[str, Any]) -> Index | None:
    """The index that new clips would be merged into, or None. Raises SettingsConflict if the folder belongs to a
    run with other settings: call it before the work starts."""
    try:
        index = read_index(folder)
    except NotADataset:
        return None
    if index.settings != settings:
        names = sorted(k for k in settings.keys() | index.settings if settings.get(k) != index.settings.get(k))
        raise SettingsConflict(
            f"holds shards made with other settings ({', '.join(names)})",
            where=str(folder),
            cure="choose another output folder or use the same settings",
        )
    return index


def commit(
    folder: Path,
    clips: Iterable[RawClip],
    *,
    settings: dict[str, Any],
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> Index:
    """Merges `clips` into the folder and returns its new index.

    All clips, old and new, are packed in the order of their ids, so that the bytes depend on the set of clips and not
    on the order or the number of commits. New shards carry their digest in their names and appear beside the old
    ones; the rename of the index is the commit; only then the old shards are removed. A crash leaves either state.
    Raises SettingsConflict, BadInput (folder not writable), CorruptShard (an old shard does not verify).
    """
    old = _prepare(folder, settings)
    fresh = {clip.record.id: clip for clip in clips}
    if old is not None and not fresh:
        return old
    before = Dataset(folder, old) if old is not None else None
    kept = {i: before for i in (old.clips if old else {}) if i not in fresh}
    ordered = (fresh[i] if i in fresh else kept[i].raw(i) for i in sorted({*fresh, *kept}))  # type: ignore[union-attr]
    shards: list[ShardEntry] = []
    entries: dict[str, ClipEntry] = {}
    for number, group in enumerate(_groups(ordered, max_shard_bytes)):
        shard, clips_of_shard = _write_shard(folder, number, group)
        shards.append(shard)
        entries |= clips_of_shard
    index = Index(settings=settings, shards=shards, clips=entries)
    write_index(folder, index)
    for name in {s.name for s in (old.shards if old else [])} - {s.name for s in shards}:
        (folder / name).unlink(missing_ok=True)
    return index


def _prepare(folder: Path, settings: dict[str, Any]) -> Index | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot be created: {error.strerror}", where=str(folder)) from error
    return existing_index(folder, settings)


def _groups(clips: Iterable[RawClip], max_bytes: int) -> Iterator[list[RawClip]]:
    group: list[RawClip] = []
    size = 0
    for clip in clips:
        weight = sum(len(clip.members[f]) for f in clip.members)
        if group and size + weight > max_bytes:
            yield group
            group, size = [], 0
        group.append(clip)
        size += weight
    if group:
        yield group


def _write_shard(folder: Path, number: int, clips: list[RawClip]) -> tuple[ShardEntry, dict[str, ClipEntry]]:
    placed: dict[str, dict[str, Member]] = {}
    provisional = folder / f".shard-{number:06d}"
    with atomic_writer(provisional) as file:
        sink: Any = _Hashing(file)
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.USTAR_FORMAT, bufsize=tarfile.BLOCKSIZE) as tar:
            for clip in clips:
                placed[clip.record.id] = _write_clip(tar, clip)
    digest = sink.digest.hexdigest()
    name = f"talkie-{number:06d}-{digest[:12]}.tar"
    provisional.replace(folder / name)
    entries = {
        clip.record.id: ClipEntry(
            shard=name,
            identity=clip.record.identity,
            split=clip.record.split,
            frames=clip.record.frames,
            members=placed[clip.record.id],
        )
        for clip in clips
    }
    return ShardEntry(name=name, size=sink.size, sha256=digest, clips=len(clips)), entries


def _write_clip(tar: tarfile.TarFile, clip: RawClip) -> dict[str, Member]:
    unknown = [f for f in clip.members if f not in FIELDS]
    if unknown:
        raise CorruptShard(f"{unknown[0]!r} is no field of the clip vocabulary", where=clip.record.id)
    members = {"json": encode_record(clip.record), **{f: clip.members[f] for f in clip.members}}
    placed = {}
    for field in sorted(members, key=FIELDS.index):
        data = members[field]
        info = tarfile.TarInfo(f"{clip.record.id}.{field}")
        info.size, info.mtime, info.mode = len(data), 0, 0o644
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        offset = tar.offset + tarfile.BLOCKSIZE
        tar.addfile(info, io.BytesIO(data))
        placed[field] = Member(offset=offset, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    return placed


class _Hashing:
    """A file that digests what is written to it."""

    def __init__(self, file: Any):
        self._file, self.digest, self.size = file, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._file.write(data)
