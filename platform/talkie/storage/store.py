"""What every kind of store can do, and what it tells of an object. The kinds are in files of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Stat:
    """An object: its full address, bytes (None where the store does not say), what changes when its content does (an
    entity tag, else a time of change; None where the store says nothing) and when it was written, seconds since 1970.
    """

    uri: str
    size: int | None
    stamp: str | None
    modified: float | None = None


@dataclass(frozen=True)
class Opened:
    """An object being read from `start`: `read` gives some bytes, at most as many as asked for, none at the end."""

    size: int | None
    stamp: str | None
    start: int
    read: Callable[[int], bytes]


@dataclass(frozen=True)
class Condition:
    """When a put may happen: `absent`, only where nothing lies yet; `stamp`, only over that state."""

    absent: bool = False
    stamp: str | None = None

    def __bool__(self) -> bool:
        return self.absent or self.stamp is not None


class NotMet(Exception):
    """A conditional put that the store refused; never leaves this room."""


class Store(Protocol):
    """One kind of store. Methods raise the errors of `talkie.errors`, or Transient where asking again may help."""

    @property
    def conditions(self) -> bool | None:
        """Whether conditional puts are honoured; None where only a trial tells."""
        ...

    def stat(self, uri: str) -> Stat: ...

    def list(self, prefix: str) -> Iterator[Stat]:
        """Every object whose address begins with a prefix, sorted."""
        ...

    def open(self, uri: str, start: int = 0, stop: int | None = None) -> AbstractContextManager[Opened]: ...

    def put(self, uri: str, content: Path | bytes, condition: Condition) -> None:
        """Raises NotMet where a condition that the store honours does not hold."""
        ...

    def delete(self, uri: str) -> None:
        """Nothing lies there afterwards, whether or not something did."""
        ...


def content_range(header: str | None) -> tuple[int, int | None] | None:
    """(first byte, bytes of the whole or None) of an answer's Content-Range, `bytes 2-4/5` (RFC 9110, 14.4)."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", header or "")
    return (int(match[1]), None if match[2] == "*" else int(match[2])) if match else None
