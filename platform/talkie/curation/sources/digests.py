"""SHA-256 of local files, read once: a small database remembers what a file of that place, size and time had."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterable
from pathlib import Path

SETTLED_S = 2.0
"""A file that changed so short a time ago might change again within one tick of its clock: it is not remembered. The
coarsest clock in use is FAT's, two seconds."""
_SCHEMA = "CREATE TABLE IF NOT EXISTS digests (place BLOB PRIMARY KEY, size INT, mtime_ns INT, sha256 TEXT)"
_log = logging.getLogger(__name__)


class DigestCache:
    """Digests by place, size and time of change. Without a file, or with one that cannot be used, it only forgets;
    what it says is checked again when a source is opened. Safe in many threads and processes."""

    def __init__(self, file: Path | None = None):
        self._file, self._lock = file, threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._fresh: list[tuple[bytes, int, int, str]] = []
        self.bytes_read = 0
        """How much had to be read so far."""

    def sha256(self, path: str | Path) -> str:
        """64 hex digits. Raises OSError."""
        found = os.stat(path)
        place = os.fsencode(os.path.abspath(path))
        known = self._look(place, found.st_size, found.st_mtime_ns)
        if known is not None:
            return known
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with self._lock:
            self.bytes_read += found.st_size
            if time.time() - found.st_mtime > SETTLED_S:
                self._fresh.append((place, found.st_size, found.st_mtime_ns, digest))
        return digest

    def sha256_of_all(self, paths: Iterable[str | Path]) -> tuple[str, int]:
        """One digest over those of several files in order, and their bytes together. Raises OSError."""
        digest, size = hashlib.sha256(), 0
        for path in paths:
            digest.update(bytes.fromhex(self.sha256(path)))
            size += os.path.getsize(path)
        return digest.hexdigest(), size

    def save(self) -> None:
        """Write down what is new."""
        with self._lock:
            fresh, self._fresh = self._fresh, []
            if not fresh or self._file is None:
                return
            try:
                connection = self._open(make=True)
                if connection is not None:
                    with connection:
                        connection.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", fresh)
            except (sqlite3.Error, OSError) as error:
                _log.warning("digests are not remembered: %s", error)
                self._file = None

    def close(self) -> None:
        """Save, and let go of the file."""
        self.save()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _look(self, place: bytes, size: int, mtime_ns: int) -> str | None:
        with self._lock:
            try:
                connection = self._open(make=False)
                if connection is None:
                    return None
                query = "SELECT sha256 FROM digests WHERE place = ? AND size = ? AND mtime_ns = ?"
                row = connection.execute(query, (place, size, mtime_ns)).fetchone()
            except (sqlite3.Error, OSError) as error:
                _log.warning("remembered digests cannot be read: %s", error)
                self._file = self._connection = None
                return None
            return row[0] if row else None

    def _open(self, make: bool) -> sqlite3.Connection | None:
        if self._file is None or (self._connection is None and not make and not self._file.exists()):
            return None
        if self._connection is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._file, timeout=30, check_same_thread=False)
            self._connection.execute(_SCHEMA)
        return self._connection
