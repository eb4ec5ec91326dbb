"""The head that talkie makes by code: `builtin_head` builds it; see `assembly` for how it is put together."""

from __future__ import annotations

from functools import lru_cache

from talkie.heads.builtin.head import BuiltinHead

__all__ = ["BuiltinHead", "builtin_head"]


@lru_cache(maxsize=1)
def builtin_head() -> BuiltinHead:
    """The built-in head, deterministic, built once a process (about two seconds)."""
    return BuiltinHead()
