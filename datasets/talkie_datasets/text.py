"""Reads the small text files of data sets: lists with row numbers, CSV tables, transcripts, clock times."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path


def rows(path: Path) -> Iterator[tuple[int, str]]:
    """(row number from 1, stripped line) of every line that is not blank; bytes that are no UTF-8 are replaced."""
    with path.open(encoding="utf-8-sig", errors="replace") as handle:
        for number, line in enumerate(handle, 1):
            if line.strip():
                yield number, line.strip()


def table(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(row number, column name to value) of a CSV file with a header; names and values are stripped."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as handle:
        reader = csv.DictReader(handle, skipinitialspace=True)
        for row in reader:
            yield reader.line_num, {(k or "").strip(): (v or "").strip() for k, v in row.items() if isinstance(v, str)}


def spoken(path: Path | None) -> str | None:
    """The transcript of an LRS file (`Text:  WORDS` in its first line), or None."""
    if path is None or not path.is_file():
        return None
    first = next((line for _, line in rows(path)), "")
    match = re.match(r"Text:\s*(.*\S)", first)
    return match[1] if match else None


def clock(text: str) -> float:
    """Seconds of `ss`, `mm:ss` or `hh:mm:ss`. Raises ValueError."""
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def runs(numbers: Sequence[int], step: int = 1) -> list[tuple[int, int]]:
    """(first, last) of every stretch of sorted numbers in which each is `step` after the one before."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number - found[-1][1] == step:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def holes(stretches: Sequence[tuple[int, int]], step: int = 1) -> str:
    """What lies between stretches, for a message: `7, 11-14`."""
    gaps = [(a[1] + step, b[0] - step) for a, b in pairwise(stretches)]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in gaps)
