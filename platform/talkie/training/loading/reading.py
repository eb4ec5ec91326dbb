"""From a draw to an example: opens the clips lazily, lets the system take what it wants, steps over what is corrupt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from talkie.clip import Clip
from talkie.errors import CorruptShard
from talkie.shards import LazyFields, Tally
from talkie.shards.fields import decode_record
from talkie.systems import Draw, Phase, System
from talkie.systems.contract import Example
from talkie.training.loading.catalogue import Catalogue
from talkie.training.loading.drawing import Drawing, Drawn
from talkie.training.loading.keeper import Keeper


@dataclass(frozen=True)
class Skipped:
    """A corrupt clip that a substitute stood in for: where it was to come, its id, what is wrong with it."""

    position: int
    clip: str
    reason: str


@dataclass(frozen=True)
class Prepared:
    """The example of a position, the clip's row in the catalogue, and what was skipped on the way to it."""

    example: Example
    row: int
    skipped: tuple[Skipped, ...] = ()


class LazyDraw(Draw):
    """A draw whose generator is made when it is asked for: most systems never do, and making one takes longer than
    reading a record."""

    def __init__(
        self,
        make_rng: Callable[[], np.random.Generator],
        window: range,
        references: tuple[int, ...] = (),
        partners: Mapping[str, Clip] | None = None,
        partner_windows: Mapping[str, range] | None = None,
        progress: float = 0.0,
    ):
        self.__dict__.update(
            _make_rng=make_rng,
            window=window,
            references=references,
            partners=partners or {},
            partner_windows=partner_windows or {},
            progress=progress,
        )

    @cached_property
    def rng(self) -> np.random.Generator:  # type: ignore[override]
        return self.__dict__["_make_rng"]()


class Reading:
    """Prepares examples; holds no position, so that several threads may use it."""

    def __init__(
        self,
        catalogue: Catalogue,
        system: System,
        phase: Phase,
        drawing: Drawing,
        fields: Sequence[str],
        *,
        seed: int,
        batch_size: int,
        keeper: Keeper,
        corrupt_limit: int,
    ):
        self._catalogue, self._system, self._phase, self._drawing = catalogue, system, phase, drawing
        self._fields, self._seed, self._batch_size = tuple(f for f in fields if f != "json"), seed, batch_size
        self._needs = tuple(f for f in self._fields if f not in system.card.wants)
        self._keeper, self._corrupt_limit = keeper, corrupt_limit
        self._corrupt: dict[int, str] = {}
        self.tally = Tally()

    def prepare(self, position: int) -> Prepared:
        """The example of a position, or of the first substitute that can be read. Raises CorruptShard after so many
        corrupt clips in a row, and whatever else goes wrong, with the clip's id."""
        skipped: list[Skipped] = []
        while True:
            drawn = self._drawing.at(position, len(skipped))
            try:
                return Prepared(self._example(drawn), drawn.row, tuple(skipped))
            except CorruptShard as error:
                clip = error.where or self._catalogue.id(drawn.row)
                skipped.append(Skipped(position, clip, error.message))
            if len(skipped) >= self._corrupt_limit:
                raise CorruptShard(
                    f"{len(skipped)} corrupt clips in a row, the last one {skipped[-1].clip} ({skipped[-1].reason})",
                    where=self._catalogue.datasets[self._catalogue.corpus[drawn.row]].where,
                    cure="restore the shards (`talkie verify` names what differs)",
                )

    def _example(self, drawn: Drawn) -> Example:
        whole = self._phase.sampling.whole
        if whole and (kept := self._keeper.get(drawn.row)) is not None:
            return kept
        try:
            clip = self._open(drawn.row)
            example = self._system.example(clip, self._draw(clip, drawn))
        except CorruptShard:
            raise
        except Exception as error:
            error.add_note(f"while preparing clip {self._catalogue.id(drawn.row)} (position {drawn.position})")
            raise
        if whole:
            self._keeper.offer(drawn.row, example)
        return example

    def _draw(self, clip: Clip, drawn: Drawn) -> Draw:
        if self._phase.sampling.whole:
            return LazyDraw(lambda: Draw.whole(clip, self._seed).rng, drawn.window)
        return LazyDraw(
            lambda: self._drawing.random(drawn.position),
            drawn.window,
            drawn.references,
            {name: self._open(row) for name, row in drawn.partners.items()},
            drawn.partner_windows,
            drawn.position // self._batch_size / max(1, self._phase.steps),
        )

    def _open(self, row: int) -> Clip:
        """A clip whose fields are read when they are asked for. Raises CorruptShard with its id as the place."""
        clip_id = self._catalogue.id(row)
        if row in self._corrupt:
            raise CorruptShard(self._corrupt[row], where=clip_id)
        members = self._catalogue.read(row, self._needs)
        try:
            record = decode_record(members["json"])
        except (CorruptShard, ValueError) as error:
            self._corrupt[row] = str(error).splitlines()[0]
            raise CorruptShard(self._corrupt[row], where=clip_id) from error
        size, keeper = self._phase.sampling.size, self._keeper
        return Clip(record, LazyFields(clip_id, members, self._fields, size=size, keeper=keeper, tally=self.tally))
