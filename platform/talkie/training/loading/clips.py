"""The clips that a system is prepared on or a fitted phase works through: a phase's choice, in stored order, decoded
as they are asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from talkie.clip import Clip, Split
from talkie.shards import LazyFields
from talkie.shards.fields import decode_record
from talkie.systems import Sampling, System
from talkie.training.loading.catalogue import open_catalogue
from talkie.training.loading.choice import choose
from talkie.training.loading.config import Corpus, LoadConfig


class TrainingClips(Sequence[Clip]):
    """Opens a clip each time it is asked for and keeps none: iterate as often as need be. The fields of each are the
    system's needs and wants, read and decoded when they are asked for. Raises as `Loader` does, at once."""

    def __init__(
        self,
        corpora: Sequence[Corpus],
        system: System | type[System],
        config: LoadConfig | None = None,
        *,
        needs: tuple[str, ...] | None = None,
        split: Split = "train",
    ):
        needs = system.card.needs if needs is None else needs
        config = config or LoadConfig()
        self._catalogue = open_catalogue(corpora, config)
        self._rows = choose(self._catalogue, Sampling(split=split), needs, config).rows
        self._fields = tuple(f for f in (*needs, *system.card.wants) if f != "json")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number):  # type: ignore[no-untyped-def, override]
        if isinstance(number, slice):
            return [self._open(int(row)) for row in self._rows[number]]
        return self._open(int(self._rows[number]))

    def __iter__(self) -> Iterator[Clip]:
        return (self._open(int(row)) for row in self._rows)

    def _open(self, row: int) -> Clip:
        members = self._catalogue.read(row)
        return Clip(decode_record(members["json"]), LazyFields(self._catalogue.id(row), members, self._fields))
