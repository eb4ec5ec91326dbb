"""Which clips share a shard: leaves of a binary tree over their sources. A pure function of the set of clips.

A clip's place is a digest of its source. A node of the tree is all places with one bit prefix; it is a leaf, one shard,
as soon as its clips fit. So the layout depends neither on the order nor on the number of commits, clips of one source
lie side by side, and a change touches the leaves of its sources alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

_BITS = 64


@dataclass(frozen=True, slots=True)
class Placed:
    """What the layout needs of a clip: its id, its source's digest, where in the source it starts, and the bytes of its
    members in the shard."""

    clip: str
    source: str
    start_s: float
    size: int


@dataclass(frozen=True)
class Leaf:
    """The clips of one shard in their order, and the bit prefix that they share."""

    prefix: str
    clips: tuple[str, ...]


def leaves(clips: list[Placed], max_bytes: int) -> list[Leaf]:
    """The shards of a set of clips, in the order of their prefixes; within a shard by source, start and id.

    A source whose own clips exceed `max_bytes` is a shard of that size: sources are not torn."""
    placed = sorted((_place(clip.source), clip.source, clip.start_s, clip.clip, clip.size) for clip in clips)
    return list(_split(placed, "", max_bytes))


_Row = tuple[int, str, float, str, int]


def _split(placed: list[_Row], prefix: str, max_bytes: int) -> Iterator[Leaf]:
    if not placed:
        return
    alone = placed[0][0] == placed[-1][0]
    if alone or sum(row[4] for row in placed) <= max_bytes:
        yield Leaf(prefix, tuple(row[3] for row in placed))
        return
    bit = 1 << (_BITS - 1 - len(prefix))
    ones = next((i for i, row in enumerate(placed) if row[0] & bit), len(placed))
    yield from _split(placed[:ones], prefix + "0", max_bytes)
    yield from _split(placed[ones:], prefix + "1", max_bytes)


def _place(source: str) -> int:
    """64 bits of a digest: sources that were named by something other than a digest spread as evenly."""
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[: _BITS // 8], "big")
