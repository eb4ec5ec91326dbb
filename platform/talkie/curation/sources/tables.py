"""Arguments that name other files: manifests, lists of addresses (.txt), and the roots of public data sets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from talkie.curation import manifest
from talkie.curation.record import SourceRecord
from talkie.curation.sources.adapters import load_dataset
from talkie.curation.sources.footage import Found
from talkie.errors import BadInput, ObjectNotFound
from talkie.storage import Patience, fetch, is_remote, join, local_path, read, shown, suffix_of

LIST_SUFFIX = ".txt"


def is_table(argument: str | Path) -> bool:
    """Whether an argument is a manifest or a list, by its suffix."""
    return suffix_of(argument) in (*manifest.SUFFIXES, LIST_SUFFIX)


def of_table(argument: str | Path, patience: Patience) -> Iterator[Found]:
    """What a manifest or a list names. Raises BadManifest naming row and column, BadInput naming the line."""
    if suffix_of(argument) == LIST_SUFFIX:
        yield from _of_list(argument, patience)
    elif not is_remote(argument):
        yield from (Found(record.uri, (record,)) for record in manifest.read_manifest(local_path(argument)))
    else:
        base = str(argument).partition("?")[0].rpartition("/")[0]
        with tempfile.TemporaryDirectory() as folder:
            copy = fetch(argument, Path(folder), patience=patience).path
            records = manifest.read_manifest(copy, base=base, where=shown(argument))
        yield from (Found(record.uri, (record,)) for record in records)


def of_dataset(root: str | Path, slug: str, options: Mapping[str, Any]) -> Iterator[Found]:
    """The records of an adapter, and what it passed over with its reason. Raises BadInput as the adapter does."""
    if is_remote(root):
        raise BadInput("a data set's root is a local folder", where=shown(root), cure="copy or mount it")
    for item in load_dataset(slug, **options).records(local_path(root)):
        if isinstance(item, SourceRecord):
            yield Found(item.uri, (item,))
        else:
            yield Found(item.path, skipped=f"{item.reason}: {item.message}")


def _of_list(argument: str | Path, patience: Patience) -> Iterator[Found]:
    """One address or path a line; empty lines and those that begin with # are passed over. Paths are taken from the
    list's own folder."""
    try:
        lines = read(argument, patience=patience).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise BadInput("is no UTF-8 list", where=shown(argument), cure="save it as UTF-8") from error
    except ObjectNotFound as error:
        raise BadInput("no such file or folder", where=shown(argument)) from error
    base = str(argument).partition("?")[0].rpartition("/")[0] if is_remote(argument) else None
    for number, line in enumerate(lines, start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        if "\0" in entry:
            raise BadInput(f"line {number} is no address", where=shown(argument))
        if is_remote(entry) or entry.startswith("file://"):
            yield Found(entry, beside=() if is_remote(entry) else None)
        elif base is not None:
            yield Found(join(base, entry), beside=())
        else:
            yield Found(str(local_path(argument).absolute().parent / entry))
