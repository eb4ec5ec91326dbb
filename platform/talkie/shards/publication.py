"""Puts a dataset into a store so that at every moment either the old state or the new one can be read.

Shards and catalogues carry digests in their names and are put where they are absent; the index comes last and is the
commit: a conditional put over just the state that was read at the beginning. Where the store honours no conditions, a
publisher holds the prefix alone (see `storage.claim`)."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from talkie.errors import ObjectNotFound, SettingsConflict
from talkie.shards.catalog import decode_catalog, read_catalog
from talkie.shards.dataset import Dataset, corrupt
from talkie.shards.index import INDEX_NAME, Index, ShardEntry, decode_index, encode_index
from talkie.storage import (
    PATIENCE,
    Patience,
    delete,
    fetch,
    honours_conditions,
    join,
    list_uris,
    put,
    put_if_absent,
    read_with_stamp,
    shown,
    single_writer,
    swap,
)
from talkie.storage.claim import Claim


class Published(BaseModel):
    """What a publication did: objects and bytes that were sent, objects that were removed. `changed` is False where
    the store held this state already."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uri: str
    digest: str
    shards: int
    clips: int
    uploaded: int
    bytes_uploaded: int
    removed: int
    changed: bool


def publish(
    dataset: Dataset,
    prefix: str,
    *,
    replace: bool = False,
    prune: bool = False,
    take_over: bool = False,
    patience: Patience = PATIENCE,
    on_object: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Published:
    """Make the store hold the state of a local dataset below `prefix`. What lies there already is not sent again.

    replace: over a dataset made with other settings. prune: what the new state does not name is removed, which ends
    readers of the old one; nobody else may publish here at that time. take_over: do not wait for a publisher that was
    killed. on_object(name, done, total): called before each object and, as index.json, before the commit.

    Raises CorruptShard (a local shard does not verify, or the store holds other bytes under its name),
    SettingsConflict, StorageConflict (somebody else published in the meantime), StorageError.
    """
    index_uri = join(prefix, INDEX_NAME)
    with ExitStack() as stack:
        claim = None
        if prune or not honours_conditions(index_uri, patience=patience):
            claim = stack.enter_context(single_writer(prefix, take_over=take_over, patience=patience))
        before, stamp = _current(index_uri, patience)
        _check_settings(dataset, before, prefix, replace)
        upload = _Upload(dataset, prefix, before, patience, claim, on_object)
        index = dataset.index.model_copy(update={"shards": [upload.shard(entry) for entry in dataset.index.shards]})
        data = encode_index(index)
        on_object(INDEX_NAME, len(index.shards), len(index.shards))
        changed = before is None or encode_index(before) != data
        if changed:
            if claim is not None:
                claim.check()
            swap(index_uri, data, stamp, patience=patience)
        removed = _prune(prefix, index, patience) if prune else 0
    return Published(
        uri=shown(prefix),
        digest=dataset.digest,
        shards=len(index.shards),
        clips=len(dataset),
        uploaded=upload.objects + changed,
        bytes_uploaded=upload.bytes + len(data) * changed,
        removed=removed,
        changed=changed,
    )


def _current(index_uri: str, patience: Patience) -> tuple[Index | None, str | None]:
    try:
        data, stamp = read_with_stamp(index_uri, patience=patience)
    except ObjectNotFound:
        return None, None
    return decode_index(data, shown(index_uri)), stamp


def _check_settings(dataset: Dataset, before: Index | None, prefix: str, replace: bool) -> None:
    if before is not None and not replace and before.settings != dataset.index.settings:
        names = sorted(
            k
            for k in before.settings.keys() | dataset.index.settings
            if before.settings.get(k) != dataset.index.settings.get(k)
        )
        raise SettingsConflict(
            f"holds shards made with other settings ({', '.join(names)})",
            where=shown(prefix),
            cure="choose another prefix, or --replace to put these in their place",
        )


class _Upload:
    """Brings objects into the store, and counts what it had to send."""

    def __init__(
        self,
        dataset: Dataset,
        prefix: str,
        before: Index | None,
        patience: Patience,
        claim: Claim | None,
        on_object: Callable[[str, int, int], None],
    ):
        self._dataset, self._prefix, self._patience, self._claim = dataset, prefix, patience, claim
        self._on_object, self._total, self._done = on_object, len(dataset.index.shards), 0
        self._before = {entry.name: entry.catalog for entry in before.shards} if before else {}
        self._there = {entry.uri: entry.size for entry in list_uris(join(prefix, ""), patience=patience)}
        self.objects = self.bytes = 0

    def shard(self, entry: ShardEntry) -> ShardEntry:
        """Both objects of a shard; the entry with the digest of the catalogue that the store holds."""
        self._on_object(entry.name, self._done, self._total)
        self._done += 1
        folder = self._dataset.folder
        if self._there.get(join(self._prefix, entry.name)) != entry.size:
            _verify(folder / entry.name, entry)
            self._put(folder / entry.name, entry.size)
        return self._catalogue(folder / entry.catalog_name, entry)

    def _catalogue(self, path: Path, entry: ShardEntry) -> ShardEntry:
        uri = join(self._prefix, entry.catalog_name)
        table = read_catalog(path, entry.catalog)
        if uri not in self._there:
            self._put(path, path.stat().st_size)
            return entry
        if self._before.get(entry.name) == entry.catalog:
            return entry
        with tempfile.TemporaryDirectory() as folder:
            theirs = fetch(uri, Path(folder), patience=self._patience)
            if theirs.sha256 == entry.catalog:
                return entry
            # Another version of the Parquet library writes the same rows in other bytes: those that are there stay,
            # because readers of the present state know them by their digest.
            if decode_catalog(read_catalog(theirs.path, theirs.sha256), "") != decode_catalog(table, ""):
                raise corrupt(shown(uri), "another catalogue lies under this name")
            return entry.model_copy(update={"catalog": theirs.sha256})

    def _put(self, path: Path, size: int) -> None:
        if self._claim is not None:
            self._claim.renew()
        uri = join(self._prefix, path.name)
        if uri in self._there:  # cut short by a store whose puts are not atomic
            put(uri, path, patience=self._patience)
        elif not put_if_absent(uri, path, patience=self._patience):
            return
        self.objects += 1
        self.bytes += size


def _verify(path: Path, entry: ShardEntry) -> None:
    try:
        with path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
    except OSError as error:
        raise corrupt(str(path), f"cannot be read ({error.strerror})") from error
    if not same:
        raise corrupt(str(path), "its digest differs from the commit record")


def _prune(prefix: str, index: Index, patience: Patience) -> int:
    """Remove shards and catalogues that the index does not name."""
    named = {name for entry in index.shards for name in (entry.name, entry.catalog_name)}
    removed = 0
    for entry in list(list_uris(join(prefix, ""), patience=patience)):
        name = entry.uri.rpartition("/")[2]
        if name.startswith("talkie-b") and name.endswith((".tar", ".parquet")) and name not in named:
            delete(entry.uri, patience=patience)
            removed += 1
    return removed
