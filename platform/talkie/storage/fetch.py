"""Whole objects brought to a local folder, digested on the way."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from talkie.errors import StorageError
from talkie.storage.address import shown, suffix_of
from talkie.storage.objects import Address, store_of
from talkie.storage.patience import PATIENCE, Patience
from talkie.storage.stream import Stream


@dataclass(frozen=True)
class Fetched:
    """A local copy: where it lies, SHA-256 of its bytes in hex, how many there are, and the stamp they had."""

    path: Path
    sha256: str
    size: int
    stamp: str | None


def fetch(uri: Address, folder: Path, *, patience: Patience = PATIENCE) -> Fetched:
    """Copy an object into a folder, under a name of its own with the address's suffix; the caller removes it.

    Raises ObjectNotFound, StorageDenied, StorageUnreachable, ObjectChanged, and StorageError where the folder has no
    room. Nothing is left behind then."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix="fetched-", suffix=suffix_of(uri))
    stream, digest, size = Stream(store_of(uri, patience), str(uri), patience), hashlib.sha256(), 0
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in stream:
                digest.update(piece)
                size += len(piece)
                _write(file, piece, folder)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Fetched(Path(name), digest.hexdigest(), size, stream.stamp)


def digest_of(uri: Address, *, patience: Patience = PATIENCE) -> tuple[str, int]:
    """SHA-256 in hex and the number of bytes of an object, read through without being kept."""
    digest, size = hashlib.sha256(), 0
    for piece in Stream(store_of(uri, patience), str(uri), patience):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def _write(file: object, piece: bytes, folder: Path) -> None:
    try:
        file.write(piece)  # type: ignore[attr-defined]
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        cure = "make room on that disk or name another folder" if full else None
        raise StorageError(f"cannot be written to: {error.strerror}", where=shown(folder), cure=cure) from error
