"""Serves a system's examples by clip id from committed shards: streamed once through webdataset, kept in memory up to
a budget, read at random beyond it. The order is decided in order.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from talkie.clip import Clip
from talkie.shards import Dataset
from talkie.systems import Draw, System
from talkie.systems.contract import Example


class Examples:
    """Prepared examples of a split. Only the fields that the system's card needs are read."""

    def __init__(self, dataset: Dataset, system: System, budget_bytes: int):
        self._dataset, self._system = dataset, system
        self._fields = tuple(f for f in system.card.needs if f != "json")
        self._kept: dict[str, Example] = {}
        self.ids = dataset.ids("train")
        self._fill(budget_bytes)

    def __getitem__(self, clip_id: str) -> Example:
        if clip_id in self._kept:
            return self._kept[clip_id]
        return self._example(self._dataset.raw(clip_id).decode(self._fields))

    def batch(self, ids: Sequence[str]) -> dict[str, Any]:
        return self._system.collate([self[i] for i in ids])

    def _example(self, clip: Clip) -> Example:
        return self._system.example(clip, Draw.whole(clip))

    def _fill(self, budget_bytes: int) -> None:
        used = 0
        for clip in self._dataset.clips(self._fields, "train"):
            example = self._example(clip)
            used += _bytes_of(example)
            if used > budget_bytes:
                return
            self._kept[clip.id] = example


def training_clips(dataset: Dataset, system: type[System]) -> list[Clip]:
    """The training clips with the fields that `prepare` may read."""
    return list(dataset.clips(tuple(f for f in system.card.needs if f != "json"), "train"))


def _bytes_of(example: Example) -> int:
    return sum(v.numel() * v.element_size() for v in example.values() if isinstance(v, Tensor))
