"""What was fetched from a store, kept in a local folder of bounded size that several workers of a machine may share.
That the bytes are right is checked by whoever reads them."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from talkie.errors import StorageError

_USED, _LOCK = ".used", ".lock"
_ROOM = 0.1
"""Share of the folder that is freed at once, so that the folder is looked through once for many files."""


class Nearby:
    """Parts of shards by name, at most `limit` bytes together at any moment; the oldest go first."""

    def __init__(self, folder: Path, limit: int):
        self._folder, self.limit = folder, limit
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error

    def get(self, name: str, fetch: Callable[[], bytes]) -> bytes:
        """The bytes under a name, fetched where they are not there. Raises StorageError where the folder cannot be
        written, and what `fetch` raises."""
        path = self._folder / name
        with contextlib.suppress(FileNotFoundError):
            return path.read_bytes()
        data = fetch()
        if len(data) <= self.limit:
            self._put(path, data)
        return data

    def forget(self, name: str) -> None:
        """Removes what turned out to be wrong."""
        with self._alone():
            path = self._folder / name
            with contextlib.suppress(FileNotFoundError):
                self._note(self._used() - path.stat().st_size)
                path.unlink()

    def _put(self, path: Path, data: bytes) -> None:
        try:
            with self._alone():
                if path.exists():
                    return
                used = self._used()
                if used + len(data) > self.limit:
                    used = self._make_room(len(data))
                # Counted before it is written: a process killed in between leaves too much noted, never too little.
                self._note(used + len(data))
                temporary = path.with_name(f".{path.name}.tmp")
                temporary.write_bytes(data)
                temporary.replace(path)
        except OSError as error:
            raise _unwritable(self._folder, error) from error

    def _make_room(self, size: int) -> int:
        held = sorted((e.stat().st_mtime_ns, e.name, e.stat().st_size) for e in os.scandir(self._folder) if _counts(e))
        used = sum(size for *_, size in held)
        goal = min(self.limit - size, int(self.limit * (1 - _ROOM)))
        for _, name, bytes_ in held:
            if used <= goal:
                break
            os.unlink(self._folder / name)
            used -= bytes_
        return used

    def _used(self) -> int:
        try:
            return int((self._folder / _USED).read_text())
        except (FileNotFoundError, ValueError):
            return sum(e.stat().st_size for e in os.scandir(self._folder) if _counts(e))

    def _note(self, used: int) -> None:
        (self._folder / _USED).write_text(str(used))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self._folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _counts(entry: os.DirEntry[str]) -> bool:
    return entry.is_file() and entry.name not in (_USED, _LOCK)


def _unwritable(folder: Path, error: OSError) -> StorageError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    cure = "make room on that disk or name another folder" if full else "name another folder for the disk cache"
    return StorageError(f"cannot be written to: {error.strerror}", where=str(folder), cure=cure)
