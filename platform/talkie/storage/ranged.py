"""An object as a file that can be read and sought, fetched in ranges; nothing is kept but one buffer."""

from __future__ import annotations

import io
from typing import IO, cast

from talkie.errors import ObjectChanged
from talkie.storage.address import is_remote, local_path, shown
from talkie.storage.objects import Address, stat, store_of
from talkie.storage.patience import PATIENCE, Patience, Transient, persevere
from talkie.storage.store import Opened, Stat, Store

BUFFER = 2**20


def open_uri(uri: Address, *, buffer: int = BUFFER, patience: Patience = PATIENCE) -> IO[bytes]:
    """A binary file that can be sought. Remote ones are read in ranges of `buffer` bytes or more.

    Raises as `stat` does; reads raise StorageUnreachable, and ObjectChanged where the object becomes another."""
    found = stat(uri, patience=patience)
    if not is_remote(uri):
        return local_path(uri).open("rb")
    raw = _Ranges(store_of(uri, patience), found, patience)
    return cast("IO[bytes]", io.BufferedReader(cast("io.RawIOBase", raw), buffer))


def read_part(uri: Address, start: int, stop: int, *, patience: Patience = PATIENCE) -> bytes:
    """The bytes of an object from `start` to before `stop`, fewer where it ends sooner. Raises as `stat` does."""
    store = store_of(uri, patience)

    def once() -> bytes:
        with store.open(str(uri), start, stop) as opened:
            return _taken(opened, start, stop)

    return persevere(once, patience, shown(uri)) if stop > start else b""


def _taken(opened: Opened, start: int, stop: int) -> bytes:
    parts, done, skip = [], start, start - opened.start
    while done < stop and (piece := opened.read(min(stop - done + skip, 2**18))):
        if skip:
            piece, skip = piece[skip:], max(0, skip - len(piece))
        parts.append(piece)
        done += len(piece)
    if done < stop and opened.size is not None and done < opened.size:
        raise Transient(f"the connection broke off after {done} of {stop} bytes")
    return b"".join(parts)


class _Ranges(io.RawIOBase):
    def __init__(self, store: Store, found: Stat, patience: Patience):
        self._store, self._stat, self._patience = store, found, patience
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._stat.size or 0}[whence]
        if base + offset < 0:
            raise ValueError("a position before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        stop = self._at + len(view)
        if self._stat.size is not None:
            stop = min(stop, self._stat.size)
        if stop <= self._at:
            return 0
        data = persevere(lambda: self._range(self._at, stop), self._patience, shown(self._stat.uri))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _range(self, start: int, stop: int) -> bytes:
        with self._store.open(self._stat.uri, start, stop) as opened:
            known, now = self._stat, opened
            if known.stamp != now.stamp or (known.size is not None and known.size != now.size):
                raise ObjectChanged("changed while it was being read", where=shown(known.uri), cure="run again")
            return _taken(opened, start, stop)
