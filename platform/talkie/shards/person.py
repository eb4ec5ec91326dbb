"""A dataset seen as one person's: only their clips, split by time, for models of a single person."""

from __future__ import annotations

import copy
import hashlib
from functools import cached_property

from talkie.errors import TooFewIdentities
from talkie.shards.catalog import ClipEntry
from talkie.shards.dataset import Dataset

MARK = "#person="
"""Between a dataset's address and the person in the address of a view."""
HELD_OUT = 0.2
"""Share of a person's frames, the last ones in time, that is held out."""


def of_person(dataset: Dataset, identity: str) -> Dataset:
    """The clips of `identity`, in the order of their sources and times: the last fifth of their frames, at least one
    clip, is the test split, everything before it the train split. `open_dataset` finds the view again by its address,
    "shards#person=NAME".

    Raises TooFewIdentities where the person has fewer than two clips, naming who has more.
    """
    if dataset.person == identity:
        return dataset
    view = copy.copy(dataset)
    view.__class__ = type("Person", (_Person, type(dataset)), {})
    view.__dict__.pop("entries", None)
    view.__dict__["_whole"], view.__dict__["person"] = dataset, identity
    if len(view.entries) < 2:
        counts: dict[str, int] = {}
        for entry in dataset.entries.values():
            counts[entry.identity] = counts.get(entry.identity, 0) + 1
        most = max(sorted(counts), key=lambda name: counts[name], default="nobody")
        raise TooFewIdentities(
            f"{identity!r} has {len(view.entries)} clips, and one of at least two is held out",
            where=dataset.where,
            cure=f"add clips of this person, or take {most!r} ({counts.get(most, 0)} clips)",
        )
    return view


def main_person(dataset: Dataset) -> str:
    """Who has the most frames, the first by name among equals. Raises TooFewIdentities for an empty dataset."""
    frames: dict[str, int] = {}
    for entry in dataset.entries.values():
        frames[entry.identity] = frames.get(entry.identity, 0) + entry.frames
    if not frames:
        raise TooFewIdentities("the dataset has no clips", where=dataset.where, cure="record or curate some")
    return max(sorted(frames), key=lambda name: frames[name])


class _Person(Dataset):
    """The view itself; it is made by `of_person` from whatever kind of dataset there is."""

    _whole: Dataset
    person: str

    @cached_property
    def entries(self) -> dict[str, ClipEntry]:
        mine = [(i, e) for i, e in self._whole.entries.items() if e.identity == self.person]
        mine.sort(key=lambda pair: (pair[1].source, pair[1].start_s, pair[0]))
        total = sum(entry.frames for _, entry in mine)
        out, before = {}, 0
        for number, (clip, entry) in enumerate(mine):
            last = number == len(mine) - 1
            late = last or (number > 0 and before >= (1 - HELD_OUT) * total)
            out[clip] = entry.model_copy(update={"split": "test" if late else "train"})
            before += entry.frames
        return out

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def address(self) -> str:
        return f"{self._whole.address}{MARK}{self.person}"

    @property
    def where(self) -> str:
        return f"{self._whole.where}{MARK}{self.person}"

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"{self._whole.digest}|person|{self.person}".encode()).hexdigest()
