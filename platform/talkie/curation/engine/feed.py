"""Reads the units of a run ahead in a thread, a few at a time, so that a slow source of work delays no watch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from typing import Protocol

from talkie.curation.engine.unit import Unit

AHEAD = 16
_PAUSE_S = 0.1


class Feed(Protocol):
    """Where units come from. `take` gives None when there is none now; `exhausted` says that there never will be."""

    exhausted: bool

    def take(self) -> Unit | None: ...


class ThreadedFeed:
    """An iterable that is advanced by a thread, at most `AHEAD` units beyond what was taken. What the iterable raises
    is raised by `take`."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._units = units
        self._queue: queue.Queue[Unit | BaseException | None] = queue.Queue(AHEAD)
        self._stopped = threading.Event()
        self.exhausted = False
        self._thread = threading.Thread(target=self._read, name="engine-feed", daemon=True)
        self._thread.start()

    def take(self) -> Unit | None:
        if self.exhausted:
            return None
        try:
            found = self._queue.get_nowait()
        except queue.Empty:
            return None
        if isinstance(found, BaseException):
            raise found
        self.exhausted = found is None
        return found

    def stop(self) -> None:
        """No more is read."""
        self._stopped.set()

    def _read(self) -> None:
        last: BaseException | None = None
        try:
            for unit in self._units:
                if not self._put(unit):
                    return
        except BaseException as error:
            last = error
        self._put(last)

    def _put(self, item: Unit | BaseException | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=_PAUSE_S)
            except queue.Full:
                continue
            return True
        return False
