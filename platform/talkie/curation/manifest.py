"""Reads a table of footage (CSV, TSV, JSON Lines, Parquet) into source records, row by row; media are not opened.

A column is a field of `SourceRecord` under its name or an alias, or `label.NAME`. Boxes are four columns: `box.left` to
`box.bottom`, with `box.width` and `box.height` of the picture they were measured in."""

from __future__ import annotations

import csv
import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from talkie.curation.record import Box, SourceRecord
from talkie.errors import BadManifest, TalkieError
from talkie.licences import licence_of

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
ALIASES = {
    "path": "uri", "file": "uri", "video": "uri", "url": "uri", "audio": "audio_uri", "id": "key",
    "speaker": "identity", "subject": "identity", "transcript": "text", "lang": "language", "license": "licence",
    "start": "start_s", "end": "end_s",
}  # fmt: skip
_FIELDS = frozenset(SourceRecord.model_fields) - {"labels", "annotations", "box"}
_GROUPS = ("label.", "annotation.", "box.")
_NUMBERS = frozenset(("fps", "start_s", "end_s"))


def read_manifest(path: str | Path) -> list[SourceRecord]:
    """Every row of the table, in its order. Relative addresses are taken from the manifest's own folder.

    Raises BadManifest with one line that names row and column (rows count from 1, without the header) for what does
    not parse, unknown columns and licences, keys that stand twice, and rows that contradict each other: one stretch of
    a file given to two people, or one person to two splits."""
    path = Path(path)
    records: list[SourceRecord] = []
    books = _Books(path)
    for number, row in enumerate(_rows(path), start=1):
        record = _record(path, number, row)
        books.enter(number, record)
        records.append(record)
    if not records:
        raise BadManifest("holds no row", where=str(path))
    return records


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        cure = f"use {', '.join(SUFFIXES)}"
        raise BadManifest(f"{kind or 'no suffix'} is no kind of manifest", where=str(path), cure=cure)
    try:
        if kind == ".parquet":
            yield from _parquet_rows(path)
            return
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _json_rows(path, file) if kind == ".jsonl" else _csv_rows(path, file, kind)
    except OSError as error:
        raise BadManifest(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise BadManifest("is no UTF-8 text", where=str(path), cure="save it as UTF-8") from error


def _csv_rows(path: Path, file: Iterable[str], kind: str) -> Iterator[Mapping[str, Any]]:
    try:
        reader = csv.DictReader(file, delimiter="\t" if kind == ".tsv" else ",", strict=True)
        for number, row in enumerate(reader, start=1):
            if None in row:
                raise BadManifest(f"row {number} has more cells than there are columns", where=str(path))
            if None in row.values():
                raise BadManifest(f"row {number} has fewer cells than there are columns", where=str(path))
            yield row
    except csv.Error as error:
        raise BadManifest(f"does not parse after line {reader.line_num}: {error}", where=str(path)) from error


def _json_rows(path: Path, file: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    number = 0
    for line in file:
        if not line.strip():
            continue
        number += 1
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadManifest(f"row {number} is no JSON: {error}", where=str(path)) from error
        if not isinstance(row, dict):
            raise BadManifest(f"row {number} is no JSON object", where=str(path))
        yield dict(_flat(row))


def _flat(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """`{"labels": {"emotion": "happy"}}` as `label.emotion`, and `box` and `annotations` likewise."""
    short = {"labels": "label.", "annotations": "annotation.", "box": "box."}
    for name, value in row.items():
        if name in short and isinstance(value, dict):
            yield from ((short[name] + inner, v) for inner, v in value.items())
        else:
            yield name, value


def _parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(path).iter_batches():
            for row in batch.to_pylist():
                yield dict(_flat(row))
    except pa.ArrowException as error:
        raise BadManifest(f"is no readable Parquet: {str(error).splitlines()[0]}", where=str(path)) from error


def _record(path: Path, number: int, row: Mapping[str, Any]) -> SourceRecord:
    values: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {group: {} for group in _GROUPS}
    for column, value in row.items():
        if value is None or value == "":
            continue
        group = next((g for g in _GROUPS if column.startswith(g)), None)
        if group is not None:
            groups[group][column.removeprefix(group)] = value
            continue
        name = _field(path, number, column)
        if name in values:
            raise BadManifest(f"row {number}: column {column!r} says {name} a second time", where=str(path))
        values[name] = value if name in _NUMBERS else str(value)
    if "uri" not in values:
        raise BadManifest(f"row {number}: column 'uri' is empty or missing", where=str(path))
    if "licence" in values:
        values["licence"] = _licence(path, number, values["licence"])
    for name in ("uri", "audio_uri"):
        if name in values:
            values[name] = _address(path, values[name])
    labels = {name: str(value) for name, value in groups["label."].items()}
    notes = {name: _address(path, str(value)) for name, value in groups["annotation."].items()}
    try:
        box = Box.model_validate(groups["box."]) if groups["box."] else None
        return SourceRecord.model_validate({**values, "labels": labels, "annotations": notes, "box": box})
    except ValidationError as error:
        first = error.errors()[0]
        column = ".".join(str(part) for part in first["loc"]) or "the row"
        message = first["msg"].removeprefix("Value error, ")
        raise BadManifest(f"row {number}, column {column!r}: {message}", where=str(path)) from error


def _field(path: Path, number: int, column: str) -> str:
    name = ALIASES.get(column.strip().lower(), column.strip())
    if name not in _FIELDS:
        known = [*sorted(_FIELDS), *sorted(ALIASES)]
        near = difflib.get_close_matches(name, known, n=1)
        cure = f"did you mean {near[0]!r}?" if near else f"labels go under 'label.{name}'"
        raise BadManifest(f"row {number}: no column {column!r} is known", where=str(path), cure=cure)
    return name


def _licence(path: Path, number: int, name: str) -> str:
    try:
        return licence_of(name).name
    except TalkieError as error:
        raise BadManifest(f"row {number}, column 'licence': {error}", where=str(path)) from error


def _address(path: Path, value: str) -> str:
    return value if "://" in value or Path(value).is_absolute() else str(path.parent.absolute() / value)


class _Books:
    """What the rows so far have said, to find the one that contradicts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: dict[str, int] = {}
        self._splits: dict[str, tuple[str, int]] = {}
        self._spans: dict[str, list[tuple[float, float, int, SourceRecord]]] = {}

    def enter(self, number: int, record: SourceRecord) -> None:
        if record.key is not None:
            first = self._keys.setdefault(record.key, number)
            self._refuse(first != number, number, "key", f"{record.key!r} is the key of row {first} too")
        if record.identity is not None and record.split is not None:
            split, first = self._splits.setdefault(record.identity, (record.split, number))
            self._refuse(
                split != record.split, number, "split", f"{record.identity!r} is in {split!r} by row {first} already"
            )
        start, end = record.start_s or 0.0, record.end_s or float("inf")
        spans = self._spans.setdefault(record.uri, [])
        for other_start, other_end, first, other in spans:
            if start < other_end and other_start < end and record.box == other.box:
                self._compare(number, record, first, other, same=(start, end) == (other_start, other_end))
        spans.append((start, end, number, record))

    def _compare(self, number: int, record: SourceRecord, first: int, other: SourceRecord, same: bool) -> None:
        """Rows that share footage must agree on who is in it; their words may differ unless it is the same stretch."""
        for column in ("identity", "licence", "consent", "language", *(("text",) if same else ())):
            mine, theirs = getattr(record, column), getattr(other, column)
            message = f"{mine!r}, but row {first} says {theirs!r} of the same footage"
            self._refuse(mine != theirs, number, column, message)
        for name in sorted(record.labels.keys() & other.labels.keys()) if same else ():
            mine, theirs = record.labels[name], other.labels[name]
            self._refuse(mine != theirs, number, f"label.{name}", f"{mine!r}, but row {first} says {theirs!r}")
        self._refuse(same, number, "uri", f"row {first} names the same stretch of the same file")

    def _refuse(self, wrong: bool, number: int, column: str, message: str) -> None:
        if wrong:
            raise BadManifest(f"row {number}, column {column!r}: {message}", where=str(self._path))
