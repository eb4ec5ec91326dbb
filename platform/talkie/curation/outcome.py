"""What became of a source, or of a piece of one: its clips, the lines of the ledger, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from talkie.shards import LedgerEntry, RawClip


@dataclass
class Outcome:
    """clips, and lines for the ledger, of which that of a whole source closes it last. footage_s: seconds that were
    looked at, of which `faceless` frames show nobody, or lie between two shots. decoded, needed: pictures that went
    through the decoder, and those whose time was asked for; encodes: crops that were encoded."""

    clips: list[RawClip] = field(default_factory=list)
    entries: list[LedgerEntry] = field(default_factory=list)
    footage_s: float = 0.0
    faceless: int = 0
    decoded: int = 0
    needed: int = 0
    encodes: int = 0


def merged(parts: Sequence[Outcome]) -> Outcome:
    """The outcome of pieces together, in their order."""
    return Outcome(
        clips=[clip for part in parts for clip in part.clips],
        entries=[entry for part in parts for entry in part.entries],
        footage_s=sum(part.footage_s for part in parts),
        faceless=sum(part.faceless for part in parts),
        decoded=sum(part.decoded for part in parts),
        needed=sum(part.needed for part in parts),
        encodes=sum(part.encodes for part in parts),
    )


def spans(indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Runs of consecutive numbers as (first, last + 1)."""
    if not indices:
        return
    breaks = np.flatnonzero(np.diff(indices) > 1)
    starts = [indices[0], *(indices[b + 1] for b in breaks)]
    ends = [*(indices[b] for b in breaks), indices[-1]]
    yield from ((start, end + 1) for start, end in zip(starts, ends, strict=True))
