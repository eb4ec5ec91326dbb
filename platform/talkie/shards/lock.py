"""One writer at a time in a local folder of shards: a lock of the system's that ends with the process that holds it.

Published datasets are guarded by the stores (see storage.claim)."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from talkie.errors import DISK_FULL_ERRNOS, BadInput, DiskFull, StorageConflict

LOCK_NAME = ".lock"
_TRIES = 100


@contextmanager
def sole_writer(folder: Path, doing: str) -> Iterator[None]:
    """Hold a folder alone, which is made where it is not there; `doing`: the command, for whoever comes second.

    The lock is flock's: of an open file, so that it also holds between threads, and gone with the process however that
    ends. Raises StorageConflict, naming process and machine of the other writer; BadInput (not writable), DiskFull."""
    made = not folder.exists()
    try:
        descriptor = _entered(folder, doing)
    except OSError as error:
        if error.errno in DISK_FULL_ERRNOS:
            raise DiskFull("the disk is full", where=str(folder), cure="make room and run again") from error
        raise BadInput(f"cannot be written to: {error.strerror}", where=str(folder)) from error
    try:
        yield
    finally:
        # While it is still held: who waits for this file sees that its name is gone, and makes another.
        with contextlib.suppress(OSError):
            (folder / LOCK_NAME).unlink()
        os.close(descriptor)
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # only where nothing came of it


def _entered(folder: Path, doing: str) -> int:
    """`_taken` in a folder that is made. Who leaves takes an empty folder with it, which may be between any two steps
    here: then it is made again."""
    for _ in range(_TRIES):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return _taken(folder, doing)
        except (FileExistsError, FileNotFoundError):
            if folder.exists() and not folder.is_dir():
                raise
    raise _in_use(folder, b"")


def _taken(folder: Path, doing: str) -> int:
    """The descriptor of the lock file. Raises StorageConflict, OSError."""
    path = folder / LOCK_NAME
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, json.dumps({"pid": os.getpid(), "host": _host(), "doing": doing}).encode())
                return descriptor
        except OSError as error:
            told = os.pread(descriptor, 4096, 0)
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise _in_use(folder, told) from error
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the file that was locked is the one that bears the name: its holder may just have removed it."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _in_use(folder: Path, told: bytes) -> StorageConflict:
    try:
        holder = json.loads(told)
        who = f"`talkie {holder['doing']}`, process {holder['pid']} on {holder['host']}"
    except (ValueError, KeyError, TypeError):
        who = "another process, which has only just begun"
    return StorageConflict(
        f"is being written by {who}", where=str(folder), cure="wait for it, or choose another folder"
    )


def _host() -> str:
    return socket.gethostname()
