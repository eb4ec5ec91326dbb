"""One writer at a time below a prefix of a store that honours no conditional puts: claims, seen by listing them.

A writer puts a claim of its own and then lists all. Listings show finished puts (Amazon S3's do since 2020), so of two
writers at least one sees the other; whoever sees a live claim withdraws. A claim lives for LEASE_S after its last
renewal, both times by the store's clock, so that a killed writer stands in the way no longer than that. A writer looks
at its claim again right before it commits."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from talkie.errors import ObjectNotFound, StorageConflict
from talkie.storage.address import join, shown
from talkie.storage.objects import Address, delete, list_uris, put, stat
from talkie.storage.patience import PATIENCE, Patience

FOLDER = ".talkie-writers"
LEASE_S = 900.0


class Claim:
    """The right to write below a prefix; `check` before a commit, `renew` between long puts."""

    def __init__(self, uri: str, prefix: str, lease_s: float, patience: Patience):
        self.uri, self._prefix, self._lease_s, self._patience = uri, prefix, lease_s, patience
        self._renewed = time.monotonic()

    def renew(self) -> None:
        """Put the claim again where a third of its life has passed. Raises StorageConflict where it was lost."""
        if time.monotonic() - self._renewed > self._lease_s / 3:
            self.check()
            put(self.uri, b"", patience=self._patience)
            self._renewed = time.monotonic()

    def check(self) -> None:
        """Raises StorageConflict where another writer has taken over."""
        try:
            stat(self.uri, patience=self._patience)
        except ObjectNotFound as error:
            raise StorageConflict("another writer took over", where=shown(self._prefix), cure="run again") from error


@contextmanager
def single_writer(
    prefix: Address, *, lease_s: float = LEASE_S, take_over: bool = False, patience: Patience = PATIENCE
) -> Iterator[Claim]:
    """Hold a prefix alone. take_over: claims of others are removed, live ones too.

    Raises StorageConflict where another writer holds it."""
    folder = join(prefix, FOLDER)
    mine = join(folder, secrets.token_hex(16))
    put(mine, b"", patience=patience)
    try:
        claims = {entry.uri: entry.modified or 0.0 for entry in list_uris(folder + "/", patience=patience)}
        others = {uri: modified for uri, modified in claims.items() if not uri.endswith(mine.rpartition("/")[2])}
        now = next((modified for uri, modified in claims.items() if uri not in others), None)
        if now is None:
            raise StorageConflict("another writer took over", where=shown(prefix), cure="run again")
        if not take_over and (live := [uri for uri, modified in others.items() if modified > now - lease_s]):
            raise StorageConflict(
                f"{len(live)} other writer is at work here" if len(live) == 1 else f"{len(live)} writers are at work",
                where=shown(prefix),
                cure=f"wait for it; if it was killed, wait {lease_s / 60:.0f} minutes or take over",
            )
        for uri in others:
            delete(uri, patience=patience)
        yield Claim(mine, str(prefix), lease_s, patience)
    finally:
        delete(mine, patience=patience)
