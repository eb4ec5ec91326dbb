"""Finished takes that no shard holds yet, one file each, so that a killed recording loses only what it was filming."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from talkie.shards import RawClip
from talkie.shards.atomic import write_atomically
from talkie.shards.fields import decode_record, encode_field, encode_record

_FOLDER = ".takes"


class _Members(Mapping[str, bytes]):
    """The members of one kept take, read when asked for: a shoot may be larger than memory."""

    def __init__(self, path: Path, names: list[str]):
        self._path, self._names = path, names

    def __getitem__(self, name: str) -> bytes:
        if name not in self._names:
            raise KeyError(name)
        with np.load(self._path, allow_pickle=False) as archive:
            return archive[name].tobytes()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Spool:
    """Takes kept in a folder of shards, by the digest of what they are."""

    def __init__(self, folder: Path):
        self._folder = folder / _FOLDER

    def keep(self, digest: str, clip: RawClip) -> None:
        self._folder.mkdir(exist_ok=True)
        members = {"json": encode_record(clip.record), **{name: clip.members[name] for name in clip.members}}
        arrays = {name: np.frombuffer(data, np.uint8) for name, data in members.items()}
        write_atomically(self._folder / f"{digest}.npz", encode_field("truth.npz", arrays))

    def digests(self) -> set[str]:
        return {path.stem for path in self._folder.glob("[0-9a-f]*.npz")}

    def take(self, digest: str) -> RawClip:
        path = self._folder / f"{digest}.npz"
        with np.load(path, allow_pickle=False) as archive:
            names = [name for name in archive.files if name != "json"]
            record = decode_record(archive["json"].tobytes())
        return RawClip(record, _Members(path, names))

    def clear(self) -> None:
        """Called once a commit holds the takes."""
        shutil.rmtree(self._folder, ignore_errors=True)
