"""The batches of a phase, step by step, from any step on. Which clips stand in them follows from (seed, phase, step)
alone; the number of workers and of loaders decides only who reads them."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import torch

from talkie.errors import BadConfig
from talkie.shards import Tally
from talkie.systems import Phase, System
from talkie.systems.contract import Batch
from talkie.training.loading.ahead import Ahead
from talkie.training.loading.catalogue import open_catalogue
from talkie.training.loading.chance import key_of, mixed
from talkie.training.loading.choice import choose
from talkie.training.loading.config import Corpus, LoadConfig
from talkie.training.loading.drawing import Drawing
from talkie.training.loading.keeper import Keeper
from talkie.training.loading.order import Order
from talkie.training.loading.reading import Prepared, Reading, Skipped


class Loader:
    """Serves one worker's slices of the batches of a phase; a `with` block closes it.

    `left_out`: clips of the split that the phase cannot draw from, counted by reason. `epoch_steps`: steps of an
    epoch, as a float. `tally`: what reading has cost so far."""

    def __init__(
        self,
        corpora: Sequence[Corpus],
        system: System,
        phase: Phase,
        config: LoadConfig,
        *,
        seed: int,
        batch_size: int,
        rank: int = 0,
        world: int = 1,
        start_step: int = 0,
    ):
        """batch_size: of all workers together. start_step: where `batch` will begin, so that it can be prepared.

        Raises, before anything is decoded: BadConfig, BadInput, NotADataset, MissingField, CorruptShard (a shard is
        missing or of another size), StorageError."""
        if batch_size % world or not 0 <= rank < world:
            raise BadConfig(f"a batch of {batch_size} cannot be shared evenly by {world} workers", cure="choose others")
        self._each, self._batch_size, self._rank = batch_size // world, batch_size, rank
        self._system = system
        weights = _weights_of(corpora, config)
        catalogue = open_catalogue(corpora, config)
        needs = phase.needs if phase.needs is not None else system.card.needs
        choice = choose(catalogue, phase.sampling, needs, config)
        people = catalogue.codes("identity")[0]
        rows_of = [choice.rows[catalogue.corpus[choice.rows] == number] for number in range(len(corpora))]
        order = Order(
            [(rows, people[rows]) for rows in rows_of],
            weights,
            seed=seed,
            phase=phase.name,
            windows=phase.sampling.windows,
            balance=config.balance,
        )
        self._drawing = Drawing(catalogue, choice, order, phase, seed)
        self._keeper = Keeper(config.cache_mb * 2**20)
        self._reading = Reading(
            catalogue,
            system,
            phase,
            self._drawing,
            (*needs, *system.card.wants),
            seed=seed,
            batch_size=batch_size,
            keeper=self._keeper,
            corrupt_limit=config.corrupt_limit,
        )
        stop = phase.steps or None
        self._ahead = Ahead(self._reading.prepare, self._positions, config.loaders, config.prefetch, stop)
        self._ahead.begin(start_step)
        self._weights, self.left_out = choice.weights, choice.left_out
        self._collate_key = key_of(seed, phase.name, "collate")
        self.epoch_steps = order.epoch / batch_size
        self._skipped: list[Skipped] = []

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Corrupt clips that substitutes stood in for, in this worker's slices so far."""
        return tuple(self._skipped)

    @property
    def tally(self) -> Tally:
        return self._reading.tally

    @property
    def kept_bytes(self) -> int:
        """Memory of the examples and pictures that are kept so far."""
        return self._keeper.used

    def ids(self, step: int) -> list[str]:
        """What the step's batch of all workers is drawn from: "clip", or "clip@first frame" where there are windows.
        A corrupt clip stands here too; the batch's own "ids" name its substitute."""
        return [
            self._drawing.name(position) for position in range(step * self._batch_size, (step + 1) * self._batch_size)
        ]

    def batch(self, step: int) -> Batch:
        """This worker's slice of a step, collated under a random state that follows from (seed, phase, step, rank);
        with "weights" (B,) float32 where a confidence was asked for. Raises CorruptShard and StorageError, and what
        the system's own code raises, with a note that names the clip."""
        return self._collated(step, self._ahead.step(step))

    def close(self) -> None:
        """Ends what works in the background."""
        self._ahead.close()

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _positions(self, step: int) -> range:
        first = step * self._batch_size + self._rank * self._each
        return range(first, first + self._each)

    def _collated(self, step: int, prepared: Sequence[Prepared]) -> Batch:
        for item in prepared:
            self._skipped += item.skipped
        with torch.random.fork_rng(devices=[]):
            # Only the generator that the fork restores: those of devices belong to the step.
            torch.default_generator.manual_seed(mixed(self._collate_key, step, self._rank))
            batch = self._system.collate([item.example for item in prepared])
        if self._weights is not None:
            batch["weights"] = torch.from_numpy(self._weights[[item.row for item in prepared]])
        return batch


def _weights_of(corpora: Sequence[Corpus], config: LoadConfig) -> Sequence[float] | None:
    if config.weights is not None:
        if len(config.weights) != len(corpora):
            raise BadConfig(f"{len(config.weights)} weights for {len(corpora)} corpora", cure="give each corpus one")
        return config.weights
    given = [corpus.weight for corpus in corpora]
    weights = [weight for weight in given if weight is not None]
    if weights and (len(weights) < len(given) or min(weights) <= 0):
        raise BadConfig("some corpora have no positive weight", cure="weight all of them, or none")
    return weights or None
