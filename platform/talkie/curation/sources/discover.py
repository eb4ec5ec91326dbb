"""From arguments to sources: every place once, with what is known of it, its digest or stamp, and its key."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from talkie.curation.agreement import contradiction
from talkie.curation.record import SourceRecord
from talkie.curation.sources.digests import DigestCache
from talkie.curation.sources.footage import (
    VIDEO_SUFFIXES,
    Found,
    is_pattern,
    local_footage,
    local_sidecars,
    remote_footage,
    without_sidecars,
)
from talkie.curation.sources.sidecars import record_of
from talkie.curation.sources.source import Source, stamp_of
from talkie.curation.sources.tables import is_table, of_dataset, of_table
from talkie.errors import BadInput, TalkieError
from talkie.media import is_picture, pictures_of
from talkie.storage import PATIENCE, Patience, is_remote, list_uris, local_path, read, shown, stat

THREADS = 8
_AT_ONCE = 512
_AS_FRAMES = (
    "pictures of one shot become clips as a folder of numbered frames: a manifest's row with kind=frames and fps"
)
_NOT_TAKEN = {
    "image": f"is a single picture and no footage; {_AS_FRAMES}",
    "vertices": "is a mesh sequence: curation takes video and frames with fps",
}


def discover(
    arguments: Iterable[str | Path],
    *,
    dataset: str | None = None,
    options: Mapping[str, Any] | None = None,
    digests: DigestCache | None = None,
    patience: Patience = PATIENCE,
    on_found: Callable[[int, int], None] = lambda done, total: None,
) -> list[Source]:
    """Every source that the arguments name, sorted by address, each once.

    An argument is a file, a folder, a glob (`**` crosses folders), any of these as s3:// or another address of fsspec,
    a web address, a manifest (see `manifest`) or a .txt of addresses. dataset: the name of an adapter, with `options`;
    the arguments are roots of that set then. A folder is searched for video and sound by suffix, without hidden files
    and links to folders; a named file is taken whatever its suffix. What lies beside a file under the same name speaks
    for it, unless a manifest or an adapter does. digests: what was read in an earlier run. on_found(done, total):
    called as sources are looked at.

    Raises BadInput for an argument that does not exist or holds no footage, and for files of which two arguments say
    different things; BadManifest; StorageError where a store cannot be listed. Everything that is wrong with one source
    alone is that source's `trouble`.
    """
    found: dict[str, Found] = {}
    for argument in arguments:
        named = _collect(_of(argument, dataset, options or {}, patience))
        if dataset is not None or is_table(argument):
            named = {key: replace(entry, through=_through(argument)) for key, entry in named.items()}
        if not named:
            raise _empty(argument)
        _merge(found, named)
    if not found:
        raise BadInput("no source was named", cure="give a file, a folder or a glob")
    chosen = list(without_sidecars(found))
    found.clear()
    cache = digests or DigestCache()
    look = _Look(cache, patience)
    sources: list[Source] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for chunk in _chunks(chosen):
            # Threads take several at a time: handing over one costs as much as looking at a small file.
            parts = [chunk[number::THREADS] for number in range(THREADS)]
            for described in pool.map(lambda part: [look.describe(entry) for entry in part], parts):
                sources += described
            cache.save()
            on_found(len(sources), len(chosen))
    return sorted(sources, key=lambda source: (source.uri, source.key))


def _of(argument: str | Path, dataset: str | None, options: Mapping[str, Any], patience: Patience) -> Iterator[Found]:
    if dataset is not None:
        return of_dataset(argument, dataset, options)
    if isinstance(argument, Path) or not is_remote(argument):
        path = local_path(argument)
        if is_table(path) and is_pattern(path):
            tables = sorted(glob.glob(str(path), recursive=True))
            return (entry for table in tables for entry in of_table(table, patience))
        if is_table(path) and not path.is_dir():
            return of_table(path, patience)
        if not os.path.lexists(path) and not glob.has_magic(str(path)):
            raise BadInput("no such file or folder", where=shown(argument))
        return local_footage(path)
    return of_table(argument, patience) if is_table(argument) else remote_footage(str(argument), patience)


def _collect(entries: Iterable[Found]) -> dict[str, Found]:
    """The places of one argument by address, each once with all its records."""
    found: dict[str, Found] = {}
    records: dict[str, list[SourceRecord]] = {}
    for entry in entries:
        if not is_remote(entry.address):
            entry = replace(entry, address=os.path.abspath(local_path(entry.address)))
        key = f"{entry.uri}|{entry.skipped}" if entry.skipped else entry.uri
        found.setdefault(key, entry)
        if entry.records:
            # One spelling of the address, so that equal records are equal.
            said = [record.model_copy(update={"uri": entry.uri}) for record in entry.records]
            records.setdefault(key, []).extend(said)
    return {
        key: replace(entry, records=tuple(records[key])) if key in records else entry for key, entry in found.items()
    }


def _merge(found: dict[str, Found], named: dict[str, Found]) -> None:
    """Add an argument's places. Two arguments that name one file add up; the same said twice counts once."""
    for key, entry in named.items():
        before = found.setdefault(key, entry)
        if before is entry:
            continue
        fresh = tuple(record for record in entry.records if record not in before.records)
        for other, record in ((o, r) for o in before.records for r in fresh):
            clash = contradiction(other, record)
            if clash is not None:
                said = clash[1].replace("{first}", "another argument")
                raise BadInput(f"{clash[0]}: {said}", where=entry.uri, cure="name it in one manifest alone")
        found[key] = replace(
            before,
            records=before.records + fresh,
            through=tuple(dict.fromkeys(before.through + entry.through)),
            stat=before.stat or entry.stat,
            beside=before.beside or entry.beside,
        )


def _through(argument: str | Path) -> tuple[str]:
    """The argument as a later run finds it from wherever it is started; without what may not be stored."""
    return (shown(argument) if is_remote(argument) else os.path.abspath(local_path(argument)),)


def _empty(argument: str | Path) -> BadInput:
    return BadInput(
        "holds no footage",
        where=shown(argument),
        cure=f"give videos ({', '.join(sorted(VIDEO_SUFFIXES)[:7])} ...) or a folder of them; {_AS_FRAMES}",
    )


def _chunks(found: Sequence[Found]) -> Iterator[list[Found]]:
    rest = iter(found)
    while chunk := list(islice(rest, _AT_ONCE)):
        yield chunk


class _Look:
    """Looks at places, in many threads."""

    def __init__(self, digests: DigestCache, patience: Patience):
        self._digests, self._patience = digests, patience

    def describe(self, found: Found) -> Source:
        """The source of a place. Never raises for what is wrong with it."""
        if found.skipped is not None:
            return _refused(found, found.skipped, "passed_over")
        kinds = sorted({record.kind for record in found.records}) or ["video"]
        if len(kinds) > 1:
            return _refused(found, f"is said to be {' and '.join(kinds)}", BadInput.cause)
        kind = "image" if kinds[0] == "video" and is_picture(found.uri) else kinds[0]
        if kind in _NOT_TAKEN:
            return _refused(found, _NOT_TAKEN[kind], "not_footage")
        try:
            return self._remote(found) if is_remote(found.address) else self._on_disk(found)
        except TalkieError as error:
            return _refused(found, str(error).removeprefix(f"{found.uri}: "), error.cause)
        except OSError as error:
            other = error.filename is not None and os.fspath(error.filename) != found.address
            what = f"{shown(os.fspath(error.filename))} cannot" if other else "cannot"
            return _refused(found, f"{what} be read: {error.strerror}", "unreadable_media")

    def _on_disk(self, found: Found) -> Source:
        if found.records and found.records[0].kind == "frames":
            sha256, size = self._digests.sha256_of_all(pictures_of(found.address))
        else:
            sha256, size = self._digests.sha256(found.address), os.path.getsize(found.address)
        beside = {} if found.records else dict(local_sidecars(found.address))
        return self._known(found, beside, sha256=sha256, size=size)

    def _remote(self, found: Found) -> Source:
        if found.records and found.records[0].kind == "frames":
            entries = list(list_uris(found.address.rstrip("/") + "/", patience=self._patience))
            told = hashlib.sha256("\n".join(f"{e.uri}|{e.stamp}|{e.size}" for e in entries).encode()).hexdigest()
            return self._known(found, {}, stamp=told, size=sum(e.size or 0 for e in entries))
        entry = found.stat or stat(found.address, patience=self._patience)
        beside = {kind: other.uri for kind, other in found.beside or ()} if not found.records else {}
        stamp = stamp_of(found.uri, entry.stamp, entry.size)
        return self._known(found, beside, stamp=stamp, size=entry.size or 0)

    def _known(
        self, found: Found, beside: dict[str, str], *, size: int, sha256: str | None = None, stamp: str | None = None
    ) -> Source:
        given = found.records or ((record_of(found.uri, beside, self._read),) if beside else ())
        given = tuple(sorted(given, key=_place_in_file))
        hidden = {shown(a): a for r in given for a in (r.audio_uri, *r.annotations.values()) if a and shown(a) != a}
        hidden |= {shown(a): a for a in beside.values() if shown(a) != a}
        given = tuple(_showable(record, found.uri) for record in given)
        content = sha256 or stamp or ""
        key = content
        if given:
            parts = [content, *(self._said(record, hidden) for record in given)]
            key = hashlib.sha256("|".join(parts).encode()).hexdigest()
        kind = given[0].kind if given else "video"
        addresses = tuple(sorted(hidden.items()))
        through = "\n".join(found.through) or None
        return Source(
            found.uri, size, key, sha256, stamp, kind, given,
            through=through, address=found.address, addresses=addresses,
        )  # fmt: skip

    def _said(self, record: SourceRecord, hidden: Mapping[str, str]) -> str:
        """A record for the key: what it says, and the content of the files it names, but not where they lie."""
        said = record.model_dump(mode="json", exclude={"uri", "audio_uri", "annotations"}, exclude_defaults=True)
        files = {"audio": record.audio_uri, **record.annotations}
        for name, place in sorted(files.items()):
            if place is not None:
                said[f"file {name}"] = self._content(hidden.get(place, place))
        return json.dumps(said, sort_keys=True)

    def _content(self, address: str) -> str:
        if is_remote(address):
            entry = stat(address, patience=self._patience)
            return stamp_of(shown(address), entry.stamp, entry.size)
        return shown(address) if os.path.isdir(address) else self._digests.sha256(address)

    def _read(self, address: str) -> bytes:
        return read(address, patience=self._patience)


def _place_in_file(record: SourceRecord) -> tuple[Any, ...]:
    box = record.box
    return (record.start_s or 0.0, record.end_s or 0.0, (box.left, box.top) if box else (0.0, 0.0), record.key or "")


def _showable(record: SourceRecord, uri: str) -> SourceRecord:
    values: dict[str, Any] = {"uri": uri}
    if record.audio_uri is not None:
        values["audio_uri"] = shown(record.audio_uri)
    if record.annotations:
        values["annotations"] = {name: shown(place) for name, place in record.annotations.items()}
    return record.model_copy(update=values)


def _refused(found: Found, trouble: str, cause: str) -> Source:
    # Without content the place itself is the identity, so that the next run knows it again.
    kind = found.records[0].kind if found.records else "video"
    key = hashlib.sha256(b"|".join((cause.encode(), trouble.encode(), os.fsencode(found.uri)))).hexdigest()
    given = tuple(_showable(record, found.uri) for record in found.records)
    through = "\n".join(found.through) or None
    return Source(found.uri, 0, key, None, None, kind, given, trouble, cause, through, address=found.address)
