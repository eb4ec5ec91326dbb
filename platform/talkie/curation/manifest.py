"""Reads a table of footage (CSV, TSV, JSON Lines, Parquet) into source records, row by row; media are not opened.

A column is a field of `SourceRecord` under its name or an alias, or `label.NAME`. Boxes are four columns: `box.left` to
`box.bottom`, with `box.width` and `box.height` of the picture they were measured in."""

from __future__ import annotations

import csv
import difflib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from talkie.curation.agreement import contradiction
from talkie.curation.record import Box, SourceRecord
from talkie.errors import BadManifest, TalkieError
from talkie.licences import licence_of
from talkie.storage import join, shown

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
ALIASES = {
    "path": "uri", "file": "uri", "video": "uri", "url": "uri", "audio": "audio_uri", "id": "key",
    "speaker": "identity", "subject": "identity", "transcript": "text", "lang": "language", "license": "licence",
    "start": "start_s", "end": "end_s",
}  # fmt: skip
_FIELDS = frozenset(SourceRecord.model_fields) - {"labels", "annotations", "box"}
_GROUPS = {
    "label.": "label.", "labels.": "label.", "annotation.": "annotation.", "annotations.": "annotation.",
    "box.": "box.",
}  # fmt: skip
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_NUMBERS = frozenset(("fps", "start_s", "end_s"))


def read_manifest(path: str | Path, *, base: str | None = None, where: str | None = None) -> list[SourceRecord]:
    """Every row of the table, in its order. Relative addresses are taken from the manifest's own folder, or from `base`
    where the file is a copy of one that lies elsewhere; `where` is its name in errors then.

    Raises BadManifest with one line that names row and column (rows count from 1, without the header) for what does
    not parse, unknown columns and licences, keys that stand twice, and rows that contradict each other: one stretch of
    a file given to two people, or one person to two splits."""
    table = Path(path)
    place = _Place(where or str(table), base or str(table.parent.absolute()))
    records: list[SourceRecord] = []
    books = _Books(place.name)
    for number, row in enumerate(_rows(table, place.name), start=1):
        record = _record(place, number, row)
        books.enter(number, record)
        records.append(record)
    if not records:
        raise BadManifest("holds no row", where=place.name)
    return records


class _Place(NamedTuple):
    """A manifest's name in errors, and the folder that its relative addresses are taken from."""

    name: str
    base: str

    def address(self, value: str) -> str:
        """One spelling of an address, so that rows about one file are known as such."""
        if "://" in value:
            return value
        joined = value if Path(value).is_absolute() else join(self.base, value)
        return joined if "://" in joined else os.path.normpath(joined)


def _rows(path: Path, where: str) -> Iterator[Mapping[str, Any]]:
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        cure = f"use {', '.join(SUFFIXES)}"
        raise BadManifest(f"{kind or 'no suffix'} is no kind of manifest", where=where, cure=cure)
    try:
        if kind == ".parquet":
            yield from _parquet_rows(path, where)
            return
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _json_rows(where, file) if kind == ".jsonl" else _csv_rows(where, file, kind)
    except OSError as error:
        raise BadManifest(f"cannot be read: {error.strerror or error}", where=where) from error
    except UnicodeDecodeError as error:
        raise BadManifest("is no UTF-8 text", where=where, cure="save it as UTF-8") from error


def _csv_rows(where: str, file: Iterable[str], kind: str) -> Iterator[Mapping[str, Any]]:
    try:
        reader = csv.DictReader(file, delimiter="\t" if kind == ".tsv" else ",", strict=True)
        for number, row in enumerate(reader, start=1):
            if None in row:
                raise BadManifest(f"row {number} has more cells than there are columns", where=where)
            if None in row.values():
                raise BadManifest(f"row {number} has fewer cells than there are columns", where=where)
            yield row
    except csv.Error as error:
        raise BadManifest(f"does not parse after line {reader.line_num}: {error}", where=where) from error


def _json_rows(where: str, file: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    number = 0
    for line in file:
        if not line.strip():
            continue
        number += 1
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadManifest(f"row {number} is no JSON: {error}", where=where) from error
        if not isinstance(row, dict):
            raise BadManifest(f"row {number} is no JSON object", where=where)
        yield dict(_flat(row))


def _flat(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """`{"labels": {"emotion": "happy"}}` as `label.emotion`, and `box` and `annotations` likewise."""
    short = {"labels": "label.", "annotations": "annotation.", "box": "box."}
    for name, value in row.items():
        if name in short and isinstance(value, dict):
            yield from ((short[name] + inner, v) for inner, v in value.items())
        else:
            yield name, value


def _parquet_rows(path: Path, where: str) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(path).iter_batches():
            for row in batch.to_pylist():
                yield dict(_flat(row))
    except pa.ArrowException as error:
        raise BadManifest(f"is no readable Parquet: {str(error).splitlines()[0]}", where=where) from error


def _record(place: _Place, number: int, row: Mapping[str, Any]) -> SourceRecord:
    values: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {group: {} for group in _GROUPS.values()}
    for column, value in row.items():
        if value is None or value == "":
            continue
        prefix = next((g for g in _GROUPS if column.startswith(g)), None)
        if prefix is not None:
            groups[_GROUPS[prefix]][column.removeprefix(prefix)] = value
            continue
        name = _field(place, number, column)
        if name in values:
            raise BadManifest(f"row {number}: column {column!r} says {name} a second time", where=place.name)
        values[name] = value if name in _NUMBERS else str(value)
    if "uri" not in values:
        raise BadManifest(f"row {number}: column 'uri' is empty or missing", where=place.name)
    if "language" in values and not _LANGUAGE.fullmatch(values["language"]):
        what = f"row {number}, column 'language': {values['language']!r} is no language code"
        raise BadManifest(what, where=place.name, cure="write a code such as en, pt-BR or und (BCP 47)")
    if "licence" in values:
        values["licence"] = _licence(place, number, values["licence"])
    for name in ("uri", "audio_uri"):
        if name in values:
            values[name] = place.address(values[name])
    labels = {name: str(value) for name, value in groups["label."].items()}
    notes = {name: place.address(str(value)) for name, value in groups["annotation."].items()}
    try:
        box = Box.model_validate(groups["box."]) if groups["box."] else None
        return SourceRecord.model_validate({**values, "labels": labels, "annotations": notes, "box": box})
    except ValidationError as error:
        first = error.errors()[0]
        column = ".".join(str(part) for part in first["loc"]) or "the row"
        message = first["msg"].removeprefix("Value error, ")
        raise BadManifest(f"row {number}, column {column!r}: {message}", where=place.name) from error


def _field(place: _Place, number: int, column: str) -> str:
    name = ALIASES.get(column.strip().lower(), column.strip())
    if name not in _FIELDS:
        known = [*sorted(_FIELDS), *sorted(ALIASES)]
        near = difflib.get_close_matches(name, known, n=1)
        cure = f"did you mean {near[0]!r}?" if near else f"labels go under 'label.{name}'"
        raise BadManifest(f"row {number}: no column {column!r} is known", where=place.name, cure=cure)
    return name


def _licence(place: _Place, number: int, name: str) -> str:
    try:
        return licence_of(name).name
    except TalkieError as error:
        raise BadManifest(f"row {number}, column 'licence': {error}", where=place.name) from error


class _Books:
    """What the rows so far have said, to find the one that contradicts."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._keys: dict[str, int] = {}
        self._splits: dict[str, tuple[str, int]] = {}
        self._said: dict[str, list[tuple[int, SourceRecord]]] = {}

    def enter(self, number: int, record: SourceRecord) -> None:
        if record.key is not None:
            first = self._keys.setdefault(record.key, number)
            self._refuse(first != number, number, "key", f"{record.key!r} is the key of row {first} too")
        if record.identity is not None and record.split is not None:
            split, first = self._splits.setdefault(record.identity, (record.split, number))
            self._refuse(
                split != record.split, number, "split", f"{record.identity!r} is in {split!r} by row {first} already"
            )
        said = self._said.setdefault(shown(record.uri), [])
        for first, other in said:
            clash = contradiction(other, record)
            if clash is not None:
                self._refuse(True, number, clash[0], clash[1].replace("{first}", f"row {first}"))
        said.append((number, record))

    def _refuse(self, wrong: bool, number: int, column: str, message: str) -> None:
        if wrong:
            raise BadManifest(f"row {number}, column {column!r}: {message}", where=self._where)
