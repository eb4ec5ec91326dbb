"""Which clips a step trains on: a pure function of (seed, step), whatever the number of workers, plus the digest that
proves a resumed run saw the same sequence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """A permutation of range(count) that depends on nothing but its arguments."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch]))).permutation(count)


def global_batch(ids: Sequence[str], seed: int, step: int, size: int) -> list[str]:
    """The clip ids of one step over all workers: entries [step * size, (step + 1) * size) of the epochs laid end to
    end, so that no clip is dropped where the batch size does not divide the corpus."""
    chosen: list[str] = []
    position = step * size
    while len(chosen) < size:
        epoch, start = divmod(position, len(ids))
        order = epoch_order(len(ids), seed, epoch)[start : start + size - len(chosen)]
        chosen += [ids[i] for i in order]
        position += len(order)
    return chosen


def slice_of(batch: Sequence[str], rank: int, world: int) -> list[str]:
    """The part of a global batch that one worker trains on."""
    each = len(batch) // world
    return list(batch[rank * each : (rank + 1) * each])


def extend_digest(digest: str, batch: Sequence[str]) -> str:
    """The running digest of the sequence of clip ids: SHA-256 over the last digest and the next batch."""
    return hashlib.sha256("\n".join([digest, *batch]).encode()).hexdigest()
