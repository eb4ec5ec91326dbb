"""The bytes of one object in order, over as many connections as it takes; where they go is the reader's business."""

from __future__ import annotations

import time
from collections.abc import Iterator

from talkie.errors import ObjectChanged, ObjectNotFound
from talkie.storage.address import shown
from talkie.storage.patience import FRESH_BYTES, Patience, Transient
from talkie.storage.store import Opened, Store

PIECE = 2**18


class Stream:
    """Iterates over pieces of an object from its beginning. After a dropped or stalled connection it goes on where it
    was, and only over the same state: raises ObjectChanged where the object has become another, StorageUnreachable
    where patience ends. `size` and `stamp` are known once the first piece came."""

    def __init__(self, store: Store, uri: str, patience: Patience):
        self._store, self._uri, self._patience = store, uri, patience
        self.size: int | None = None
        self.stamp: str | None = None
        self._begun = False

    def __iter__(self) -> Iterator[bytes]:
        done = fresh = 0
        attempt = 1
        while True:
            try:
                with self._store.open(self._uri, done) as opened:
                    self._recognise(opened)
                    for piece in self._pieces(opened, done):
                        done += len(piece)
                        fresh += len(piece)
                        if fresh >= FRESH_BYTES:
                            attempt = 1
                        yield piece
                return
            except Transient as failure:
                self._patience.pause(attempt, failure, shown(self._uri))
                attempt, fresh = attempt + 1, 0
            except ObjectNotFound as error:
                if not done:
                    raise
                raise self._changed() from error
            if self.size is not None and done >= self.size:
                return

    def _recognise(self, opened: Opened) -> None:
        if self._begun and (opened.size, opened.stamp) != (self.size, self.stamp):
            raise self._changed()
        self.size, self.stamp, self._begun = opened.size, opened.stamp, True

    def _pieces(self, opened: Opened, done: int) -> Iterator[bytes]:
        skip = done - opened.start  # a server without ranges begins anew
        since, arrived, reached = time.monotonic(), 0, opened.start
        while piece := opened.read(PIECE):
            reached += len(piece)
            arrived += len(piece)
            now = time.monotonic()
            if now - since >= self._patience.stall_s:
                if arrived < self._patience.floor_bytes_s * (now - since):
                    raise Transient(f"only {arrived / (now - since):.0f} bytes a second arrive")
                since, arrived = now, 0
            if skip >= len(piece):
                skip -= len(piece)
                continue
            yield piece[skip:]
            skip = 0
        if self.size is not None and reached < self.size:
            raise Transient(f"the connection broke off after {reached} of {self.size} bytes")

    def _changed(self) -> ObjectChanged:
        return ObjectChanged("changed while it was being read", where=shown(self._uri), cure="run again")
