"""A source: one media file or folder of frames with all that is known of it. How it is found is not here."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from talkie.curation.record import MediaKind, SourceRecord
from talkie.curation.sources.digests import DigestCache
from talkie.errors import (
    BadInput,
    NotFootage,
    ObjectChanged,
    ObjectNotFound,
    PassedOver,
    StorageDenied,
    StorageError,
    StorageUnreachable,
    TalkieError,
    UnreadableMedia,
)
from talkie.media import pictures_of
from talkie.storage import PATIENCE, Patience, fetch, is_remote, join, list_uris, local_path, name_of, open_uri

_ERRORS: dict[str, type[TalkieError]] = {
    kind.cause: kind
    for kind in (
        BadInput, NotFootage, ObjectChanged, ObjectNotFound, PassedOver, StorageDenied, StorageError,
        StorageUnreachable, UnreadableMedia,
    )
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """One file, or folder of frames, to be decoded once for all its `records`; pickles small.

    uri: its address as it may be shown and stored. size: bytes, 0 where nobody says. key: what the ledger knows it by:
    content (or stamp), sidecars and records, so that a corrected transcript makes a source new. sha256: of the bytes
    (frames: over the digests of the pictures in order); None of a remote one until `local` has brought it. stamp: the
    store's word for the state of a remote one. given: what its owner says of it, sorted by start; empty where nobody
    says anything. trouble: why it cannot be curated, with `cause`, a slug of `talkie.errors`. through: the
    manifests, lists and roots of data sets that spoke of it, one a line; None where it was found by itself.
    """

    uri: str
    size: int
    key: str
    sha256: str | None = None
    stamp: str | None = None
    kind: MediaKind = "video"
    given: tuple[SourceRecord, ...] = ()
    trouble: str | None = None
    cause: str | None = None
    through: str | None = None
    address: str = field(default="", repr=False)
    """Where it is read: with the signature that `uri` leaves out; for a name that is no UTF-8 the name itself."""
    addresses: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The same for those sounds and annotations of the records that differ from what is shown."""
    copies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Local copies by address, inside `local` alone."""

    @property
    def name(self) -> str:
        """The last part of its address."""
        return name_of(self.uri)

    @property
    def records(self) -> tuple[SourceRecord, ...]:
        """One or more: the persons, spans and words that are to be taken from it; a bare one where nothing is known."""
        return self.given or (SourceRecord(uri=self.uri),)

    @property
    def content(self) -> str:
        """Stands for the bytes: equal for equal files, and for the same state of a remote object."""
        return self.sha256 or self.stamp or self.key

    @property
    def path(self) -> Path:
        """The local file or folder. Raises BadInput for a remote one outside `local`."""
        return self._local(self.address)

    @property
    def audio(self) -> Path | None:
        """The local file of the sound beside the picture, of the first record that has one."""
        found = next((record for record in self.given if record.audio_uri is not None), None)
        return None if found is None else self.sound_of(found)

    def sound_of(self, record: SourceRecord) -> Path | None:
        """The local file of the sound that a record names. Raises BadInput for a remote one outside `local`."""
        return None if record.audio_uri is None else self._local(self.address_of(record.audio_uri))

    def address_of(self, shown: str) -> str:
        """The full address of a sound or annotation that a record shows."""
        return dict(self.addresses).get(shown, shown)

    def refusal(self) -> TalkieError | None:
        """The error that says why it cannot be curated; None where nothing is known against it."""
        if self.trouble is None:
            return None
        return _ERRORS.get(self.cause or "", UnreadableMedia)(self.trouble, where=self.name)

    def open(self, patience: Patience = PATIENCE) -> IO[bytes]:
        """The file's bytes, sought and read where they lie."""
        return open_uri(self.address, patience=patience)

    @contextmanager
    def local(self, folder: Path, patience: Patience = PATIENCE) -> Iterator[Source]:
        """The same source with `path`, `sound_of` and `sha256` at hand: what is remote is copied into `folder` and
        removed at the end of the block. Raises as `storage.fetch` does, and ObjectChanged where it has become another
        since it was found. A source that is local, or in trouble, is yielded as it is."""
        sounds = {self.address_of(r.audio_uri) for r in self.given if r.audio_uri is not None}
        wanted = sorted(a for a in {self.address, *sounds} if is_remote(a))
        if not wanted or self.trouble is not None:
            yield self
            return
        folder.mkdir(parents=True, exist_ok=True)
        spool = Path(tempfile.mkdtemp(dir=folder, prefix="source-"))
        try:
            yield self._brought(wanted, spool, patience)
        finally:
            shutil.rmtree(spool, ignore_errors=True)

    def _brought(self, wanted: list[str], spool: Path, patience: Patience) -> Source:
        copies: list[tuple[str, str]] = []
        known: dict[str, Any] = {}
        for address in wanted:
            if address == self.address and self.kind == "frames":
                folder = _frames(address, spool, patience)
                copies.append((address, str(folder)))
                known = dict(zip(("sha256", "size"), DigestCache().sha256_of_all(pictures_of(folder)), strict=True))
                continue
            fetched = fetch(address, spool, patience=patience)
            copies.append((address, str(fetched.path)))
            if address == self.address:
                known = {"sha256": fetched.sha256, "size": fetched.size}
                if self.stamp is not None and self.stamp != stamp_of(self.uri, fetched.stamp, fetched.size):
                    raise ObjectChanged("has changed since it was found", where=self.name, cure="run again")
        return replace(self, copies=tuple(copies), **known)

    def _local(self, address: str) -> Path:
        copy = dict(self.copies).get(address)
        if copy is None and is_remote(address):
            raise BadInput("lies elsewhere", where=self.name, cure="read it inside `source.local(folder)`")
        return local_path(copy or address)


def stamp_of(uri: str, tag: str | None, size: int | None) -> str:
    """What a remote object is known by before it is read: its address with the store's tag and size."""
    return hashlib.sha256(f"remote|{uri}|{tag}|{size}".encode()).hexdigest()


def _frames(address: str, spool: Path, patience: Patience) -> Path:
    """Remote pictures in a local folder, under their own names."""
    folder = spool / "frames"
    folder.mkdir()
    for entry in list_uris(join(address, ""), patience=patience):
        fetch(entry.uri, folder, patience=patience).path.rename(folder / name_of(entry.uri))
    return folder
