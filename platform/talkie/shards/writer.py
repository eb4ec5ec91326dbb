"""Writes clips into WebDataset tars, byte-identical for equal clips, and commits them. Reading is in dataset.py."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from talkie.clip import FIELDS, ClipRecord
from talkie.errors import BadInput, CorruptShard, NotADataset, SettingsConflict
from talkie.shards.atomic import atomic_writer, write_atomically
from talkie.shards.catalog import ClipEntry, Member, encode_catalog, entry_of
from talkie.shards.dataset import Dataset, open_dataset
from talkie.shards.fields import RawClip, encode_record
from talkie.shards.history import note_commit
from talkie.shards.index import Index, ShardEntry, write_index
from talkie.shards.layout import Leaf, Placed, leaves
from talkie.shards.stored import StoredClips

MAX_SHARD_BYTES = 256 * 2**20
SHARD_NAME = re.compile(r"talkie-b[01]*-[0-9a-f]{12}\.(tar|parquet)")
"""Of shards and their catalogues."""


def existing_dataset(folder: Path, settings: dict[str, Any]) -> Dataset | None:
    """The dataset that new clips would be merged into, or None. Raises SettingsConflict if the folder belongs to a
    run with other settings: call it before the work starts."""
    try:
        dataset = open_dataset(folder)
    except NotADataset:
        return None
    theirs = dataset.index.settings
    if theirs != settings:
        names = sorted(k for k in settings.keys() | theirs if settings.get(k) != theirs.get(k))
        raise SettingsConflict(
            f"holds shards made with other settings ({', '.join(names)})",
            where=str(folder),
            cure="choose another output folder or use the same settings",
        )
    return dataset


def commit(
    folder: Path,
    clips: Iterable[RawClip],
    *,
    settings: dict[str, Any],
    remove: Collection[str] = (),
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> Dataset:
    """Merges `clips` into the folder, takes the ids of `remove` out of it, and returns its new state.

    The bytes depend on the resulting set of clips alone (see `layout`), and only the shards that it changes are
    written. New shards carry their digest in their names and appear beside the old ones; the rename of the index is the
    commit; only then the old shards are removed. A crash leaves either state. Raises SettingsConflict, BadInput (folder
    not writable), CorruptShard (an old shard does not verify).
    """
    fresh = {clip.record.id: clip for clip in clips}
    placed = [place_of(clip.record, sum(len(clip.members[f]) for f in clip.members)) for clip in fresh.values()]
    return commit_placed(
        folder, placed, fresh.__getitem__, settings=settings, remove=remove, max_shard_bytes=max_shard_bytes
    )


def place_of(record: ClipRecord, members: int) -> Placed:
    """Where a clip belongs; members: bytes of all of them but the record itself."""
    size = len(encode_record(record)) + members
    return Placed(record.id, record.source.sha256, record.source.start_s, size)


def commit_placed(
    folder: Path,
    fresh: Collection[Placed],
    read: Callable[[str], RawClip],
    *,
    settings: dict[str, Any],
    remove: Collection[str] = (),
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> Dataset:
    """`commit` for clips that are too many to be held: of each its place, and `read` gives it by its id when its turn
    comes. Clips of one source are asked for one after another."""
    old = _prepare(folder, settings)
    stored = StoredClips(old)
    if old is not None and not fresh and not any(clip in stored for clip in remove):
        _sweep(folder, old.index)
        return old
    new = {clip.clip for clip in fresh}
    placed = [clip for clip in stored.placed if clip.clip not in new and clip.clip not in remove]
    placed += fresh
    written = {(shard.prefix, ids): shard for shard, ids in stored.shards()}
    shards = []
    for leaf in leaves(placed, max_shard_bytes):
        kept = written.get((leaf.prefix, leaf.clips)) if new.isdisjoint(leaf.clips) else None
        ordered = (read(i) if i in new else stored[i] for i in leaf.clips)
        shards.append(kept or _write_shard(folder, leaf, ordered))
    index = Index(settings=settings, shards=shards)
    # Before the index: a state that was never committed does no harm in the book, one that is missing there does.
    note_commit(folder, old, stored, index, (clip.clip for clip in placed))
    write_index(folder, index)
    _sweep(folder, index)
    return Dataset(folder, index)


def _prepare(folder: Path, settings: dict[str, Any]) -> Dataset | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot be created: {error.strerror}", where=str(folder)) from error
    return existing_dataset(folder, settings)


def _write_shard(folder: Path, leaf: Leaf, clips: Iterable[RawClip]) -> ShardEntry:
    provisional = folder / f".shard-{leaf.prefix}"
    with atomic_writer(provisional) as file:
        sink: Any = _Hashing(file)
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.USTAR_FORMAT, bufsize=tarfile.BLOCKSIZE) as tar:
            # One pass: a clip is let go as soon as it is written and entered.
            catalog = encode_catalog(_written(tar, clips))
    digest = sink.digest.hexdigest()
    name = f"talkie-b{leaf.prefix}-{digest[:12]}.tar"
    entry = ShardEntry(
        name=name,
        prefix=leaf.prefix,
        size=sink.size,
        sha256=digest,
        catalog=hashlib.sha256(catalog).hexdigest(),
        clips=len(leaf.clips),
    )
    write_atomically(folder / entry.catalog_name, catalog)
    provisional.replace(folder / name)
    return entry


def _written(tar: tarfile.TarFile, clips: Iterable[RawClip]) -> Iterator[tuple[str, ClipEntry]]:
    """What a catalogue says of each clip, once it is in the tar."""
    for clip in clips:
        placed = _write_clip(tar, clip)
        # The tar keeps a list of its members for readers; a writer has no use for it.
        vars(tar)["members"].clear()
        yield clip.record.id, entry_of(clip.record, "", placed)


def _sweep(folder: Path, index: Index) -> None:
    """Removes the shards that the index does not name: those it replaces, and what a crash left of other states."""
    named = {name for shard in index.shards for name in (shard.name, shard.catalog_name)}
    for path in folder.iterdir():
        if SHARD_NAME.fullmatch(path.name) and path.name not in named:
            path.unlink(missing_ok=True)


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
