"""Files on a local or mounted disk as a store: atomic puts, conditions held by a lock on the folder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from talkie.errors import ObjectNotFound, StorageDenied, StorageError
from talkie.storage.address import local_path, shown
from talkie.storage.patience import Patience
from talkie.storage.store import Condition, NotMet, Opened, Stat


class LocalStore:
    """Addresses are paths or file:// ones; listings give paths."""

    conditions = True

    def __init__(self, patience: Patience):
        del patience  # a disk answers or fails

    def stat(self, uri: str) -> Stat:
        path = local_path(uri)
        with _told(path):
            found = path.stat()
            if path.is_dir():
                raise StorageError("is a folder, not a file", where=shown(path))
        return _stat(str(path), found)

    def list(self, prefix: str) -> Iterator[Stat]:
        path = local_path(prefix)
        folder = path if prefix.endswith("/") else path.parent
        for parent, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted(files):
                place = os.path.join(parent, name)
                if place.startswith(str(path)):
                    with _told(Path(place)):
                        yield _stat(place, os.stat(place))

    @contextmanager
    def open(self, uri: str, start: int = 0, stop: int | None = None) -> Iterator[Opened]:
        path = local_path(uri)
        with _told(path), path.open("rb") as file:
            found = os.fstat(file.fileno())
            file.seek(start)

            def read(count: int) -> bytes:
                with _told(path):
                    return file.read(count if stop is None else max(0, min(count, stop - file.tell())))

            yield Opened(found.st_size, _stamp(found), start, read)

    def put(self, uri: str, content: Path | bytes, condition: Condition) -> None:
        path = local_path(uri)
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".put-", suffix=".tmp")
            try:
                with os.fdopen(handle, "wb") as file:
                    if isinstance(content, bytes):
                        file.write(content)
                    else:
                        with content.open("rb") as other:
                            shutil.copyfileobj(other, file, 2**20)
                    file.flush()
                    os.fsync(file.fileno())
                os.chmod(temporary, 0o644)
                with _locked(path.parent):
                    _check(path, condition)
                    os.replace(temporary, path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise

    def delete(self, uri: str) -> None:
        path = local_path(uri)
        with _told(path):
            path.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone with a folder among all who ask so, in any process; the rename reaches the disk before it is left."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(path: Path, condition: Condition) -> None:
    found = None
    with contextlib.suppress(FileNotFoundError):
        found = _stamp(path.stat())
    if (condition.absent and found is not None) or (condition.stamp is not None and found != condition.stamp):
        raise NotMet


def _stat(place: str, found: os.stat_result) -> Stat:
    return Stat(place, found.st_size, _stamp(found), found.st_mtime)


def _stamp(found: os.stat_result) -> str:
    # Every put makes a new file, so its number tells states apart that the clock cannot.
    return f"{found.st_mtime_ns}-{found.st_ino}-{found.st_size}"


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ObjectNotFound("no such file", where=shown(path)) from error
    except PermissionError as error:
        raise StorageDenied("permission denied", where=shown(path), cure="check its owner and mode") from error
    except OSError as error:
        cure = "make room on that disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
        raise StorageError(str(error.strerror or error), where=shown(path), cure=cure) from error
