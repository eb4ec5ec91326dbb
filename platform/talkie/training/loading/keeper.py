"""A bounded memory of examples and decoded pictures. What comes first stays: clips come back in ever new orders, and
against those the oldest is as likely to be asked for next as any other, so that throwing out would only cost."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping
from threading import Lock
from typing import Any

import numpy as np
from torch import Tensor

_OVERHEAD = 200
"""Bytes of an entry beside its contents: key, array header, slot."""


class Keeper:
    """At most `limit` bytes; for several threads."""

    def __init__(self, limit: int):
        self.limit, self.used = limit, 0
        self._held: dict[Hashable, Any] = {}
        self._lock = Lock()

    def get(self, key: Hashable) -> Any | None:
        return self._held.get(key)

    def offer(self, key: Hashable, value: Any) -> None:
        """Keeps a value where there is room for it. Arrays are copied out of larger ones that they are a part of."""
        if not self.has_room(_OVERHEAD):
            return
        size = bytes_of(value) + _OVERHEAD
        if isinstance(value, np.ndarray) and value.base is not None:
            value = value.copy()
        with self._lock:
            if key not in self._held and self.used + size <= self.limit:
                self._held[key] = value
                self.used += size

    def has_room(self, bytes_: int) -> bool:
        return self.used + bytes_ <= self.limit


def bytes_of(value: Any) -> int:
    """Memory of an example: its tensors, arrays and bytes, wherever they are nested."""
    if isinstance(value, Tensor):
        return value.untyped_storage().nbytes()
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(bytes_of(v) for v in value.values()) + 64 * len(value)
    if isinstance(value, (list, tuple)):
        return sum(bytes_of(v) for v in value) + 16 * len(value)
    return sys.getsizeof(value)
