"""Arrow columns that grow value by value; what the columns of a catalogue mean is in catalog.py.

A row takes some hundred bytes here, as a dictionary ten thousand. And pyarrow's own way from Python objects to columns
imports pandas where that is installed: 20 MB and half a second of every process that writes a shard."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

_NUMBERS = {pa.int64(): "q", pa.float64(): "d"}


class Column:
    """A column of one Arrow type without nulls: int64, float64, string, fixed binary, or a struct, list or map of
    these. `array()` is the column so far; equal values give the array that `pyarrow.array` would give."""

    def __init__(self, kind: pa.DataType) -> None:
        self._kind, self._count = kind, 0
        self._numbers = array(_NUMBERS.get(kind, "q"))
        self._ends, self._bytes = array("i", [0]), bytearray()
        self._parts = [Column(part) for part in _parts(kind)]

    def append(self, value: Any) -> None:
        """value: as Python has it; of a struct its fields in order, of a map a mapping, which is stored sorted."""
        self._count += 1
        if self._kind in _NUMBERS:
            self._numbers.append(value)
        elif pa.types.is_fixed_size_binary(self._kind):
            self._bytes += value
        elif pa.types.is_string(self._kind):
            self._bytes += value.encode()
            self._ends.append(len(self._bytes))
        elif pa.types.is_struct(self._kind):
            for part, one in zip(self._parts, value, strict=True):
                part.append(one)
        else:
            items = sorted(value.items()) if isinstance(value, Mapping) else value
            for item in items:
                self._parts[0].append(item)
            self._ends.append(self._ends[-1] + len(items))

    def array(self) -> pa.Array:
        """All values so far."""
        buffers: list[Any]
        if self._kind in _NUMBERS:
            buffers = [self._numbers]
        elif pa.types.is_fixed_size_binary(self._kind):
            buffers = [self._bytes]
        elif pa.types.is_string(self._kind):
            buffers = [self._ends, self._bytes]
        elif pa.types.is_struct(self._kind):
            buffers = []
        else:
            buffers = [self._ends]
        # The first buffer would say which values are null: none is.
        given = [None, *(pa.py_buffer(bytes(buffer)) for buffer in buffers)]
        return pa.Array.from_buffers(self._kind, self._count, given, children=[part.array() for part in self._parts])


def _parts(kind: pa.DataType) -> list[pa.DataType]:
    if pa.types.is_map(kind):
        return [pa.struct([pa.field("key", kind.key_type, False), pa.field("value", kind.item_type)])]
    if pa.types.is_list(kind):
        return [kind.value_type]
    return [kind.field(i).type for i in range(kind.num_fields)] if pa.types.is_struct(kind) else []
