"""One object at a time: what it is, its bytes, putting it there with or without a condition, taking it away."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from talkie.errors import ObjectNotFound, StorageConflict
from talkie.storage.address import bucket_and_key, is_remote, join, local_path, scheme_of, shown
from talkie.storage.http import HttpStore
from talkie.storage.local import LocalStore
from talkie.storage.other import OtherStore
from talkie.storage.patience import PATIENCE, Patience, persevere
from talkie.storage.s3 import S3Store
from talkie.storage.store import Condition, NotMet, Stat, Store
from talkie.storage.stream import Stream

Result = TypeVar("Result")
Address = str | Path
_KINDS: dict[str, Callable[[Patience], Store]] = {
    "file": LocalStore,
    "s3": S3Store,
    "http": HttpStore,
    "https": HttpStore,
}
_MAGIC = re.compile(r"[*?\[]")


def store_of(uri: Address, patience: Patience = PATIENCE) -> Store:
    """The store that an address belongs to."""
    return _KINDS.get(scheme_of(uri), OtherStore)(patience)


def stat(uri: Address, *, patience: Patience = PATIENCE) -> Stat:
    """What is known of an object without reading it. Raises ObjectNotFound, StorageDenied, StorageUnreachable."""
    store = store_of(uri, patience)
    return persevere(lambda: store.stat(str(uri)), patience, shown(uri))


def exists(uri: Address, *, patience: Patience = PATIENCE) -> bool:
    """Whether an object lies there. Raises StorageDenied, StorageUnreachable."""
    try:
        stat(uri, patience=patience)
    except ObjectNotFound:
        return False
    return True


def list_uris(prefix_or_glob: Address, *, patience: Patience = PATIENCE) -> Iterator[Stat]:
    """The objects below a folder or prefix, those that a glob matches, or the one object that is named, sorted.

    In a glob `*` and `?` stay inside one part, `**` crosses parts. What exists is never read as a pattern."""
    uri = str(prefix_or_glob)
    store = store_of(uri, patience)
    whole_bucket = is_remote(uri) and not bucket_and_key(uri)[1]
    if not uri.endswith("/") and not whole_bucket:
        if is_remote(uri) or local_path(uri).is_file():
            try:
                yield stat(uri, patience=patience)
                return
            except ObjectNotFound:
                pass
        if _MAGIC.search(uri):
            pattern = re.compile(_translate(uri))
            start = uri[: _MAGIC.search(uri).start()]  # type: ignore[union-attr]
            yield from (entry for entry in store.list(start) if pattern.fullmatch(entry.uri))
            return
    yield from store.list(uri if uri.endswith("/") else f"{uri}/")


def list_prefix(prefix: Address, *, patience: Patience = PATIENCE) -> Iterator[Stat]:
    """The objects whose addresses begin with a prefix, which may end within a name, sorted."""
    yield from store_of(prefix, patience).list(str(prefix))


def read(uri: Address, *, patience: Patience = PATIENCE) -> bytes:
    """The bytes of an object. Raises as `stat` does, and ObjectChanged."""
    return b"".join(Stream(store_of(uri, patience), str(uri), patience))


def read_with_stamp(uri: Address, *, patience: Patience = PATIENCE) -> tuple[bytes, str | None]:
    """The bytes of an object and the stamp of just this state, for `swap`."""
    stream = Stream(store_of(uri, patience), str(uri), patience)
    return b"".join(stream), stream.stamp


def put(uri: Address, content: Path | bytes, *, patience: Patience = PATIENCE) -> None:
    """Write an object over whatever lies there; it appears whole or not at all."""
    _put(uri, content, Condition(), patience)


def put_if_absent(uri: Address, content: Path | bytes, *, patience: Patience = PATIENCE) -> bool:
    """Write an object where none lies; False where one does. Where the store honours no conditions this is a look and
    then a put, which is safe only for the holder of `single_writer`."""
    if exists(uri, patience=patience):
        return False
    honoured = honours_conditions(uri, patience=patience)
    return _put(uri, content, Condition(absent=honoured), patience)


def swap(uri: Address, content: bytes, stamp: str | None, *, patience: Patience = PATIENCE) -> None:
    """Write an object over the state that `stamp` names (None: over nothing). Raises StorageConflict where another
    state lies there. Where the store honours no conditions the state is looked at before the put, which is safe only
    for the holder of `single_writer`."""
    if honours_conditions(uri, patience=patience):
        done = _put(uri, content, Condition(absent=stamp is None, stamp=stamp), patience)
        # An answer that was lost on the way makes the second attempt meet the first one's object.
        done = done or _holds(uri, content, patience)
    else:
        found = stat(uri, patience=patience).stamp if exists(uri, patience=patience) else None
        done = found == stamp and _put(uri, content, Condition(), patience)
    if not done:
        raise StorageConflict("another writer has written it since", where=shown(uri), cure="run again")


def delete(uri: Address, *, patience: Patience = PATIENCE) -> None:
    """Take an object away, if it is there."""
    store = store_of(uri, patience)
    persevere(lambda: store.delete(str(uri)), patience, shown(uri))


_HONOURED: dict[tuple[str, str], bool] = {}


def honours_conditions(uri: Address, *, patience: Patience = PATIENCE) -> bool:
    """Whether conditional puts are honoured at an address: If-None-Match and If-Match both. Found out once for each
    bucket by putting a small object twice beside the address and taking it away again."""
    store = store_of(uri, patience)
    if store.conditions is not None:
        return store.conditions
    place = (
        os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", ""),
        bucket_and_key(str(uri))[0],
    )
    if place not in _HONOURED:
        trial = join(str(uri).rpartition("/")[0], f".talkie-trial-{secrets.token_hex(8)}")
        try:
            _put(trial, b"talkie", Condition(), patience)
            conditions = (Condition(absent=True), Condition(stamp="0" * 32))
            _HONOURED[place] = not any(_put(trial, b"other", condition, patience) for condition in conditions)
        finally:
            delete(trial, patience=patience)
    return _HONOURED[place]


def _put(uri: Address, content: Path | bytes, condition: Condition, patience: Patience) -> bool:
    store = store_of(uri, patience)
    try:
        persevere(lambda: store.put(str(uri), content, condition), patience, shown(uri))
    except NotMet:
        return False
    except ObjectNotFound:
        if condition.stamp is None:
            raise
        return False  # the state that was to be replaced is gone
    return True


def _holds(uri: Address, content: bytes, patience: Patience) -> bool:
    try:
        return read(uri, patience=patience) == content
    except ObjectNotFound:
        return False


def _translate(pattern: str) -> str:
    """A glob as a regular expression over whole addresses."""
    out, at = [], 0
    while at < len(pattern):
        rest = pattern[at:]
        if rest.startswith("**/"):
            out.append("(?:.*/)?")
            at += 3
        elif rest.startswith("**"):
            out.append(".*")
            at += 2
        elif (found := re.match(r"\[(!?)([^\]]+)\]", rest)) is not None:
            out.append(f"[{'^' if found[1] else ''}{re.escape(found[2]).replace(chr(92) + '-', '-')}]")
            at += found.end()
        else:
            out.append({"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0])))
            at += 1
    return "".join(out)
