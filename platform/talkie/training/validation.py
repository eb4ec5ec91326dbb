"""Losses on clips that a phase does not train on, on the same batches every time, and what follows from them: which
step was the best, and whether the phase still improves. When it is done is decided in phase_run.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from talkie.shards import Dataset
from talkie.systems import Phase, System
from talkie.training.config import TrainConfig
from talkie.training.engine import PhaseEngine
from talkie.training.loading import Corpus, Loader
from talkie.training.loading.catalogue import opened
from talkie.training.randomness import reseed

BEST = ", the best so far"
"""How a validation's message ends where it was the best."""


@dataclass
class Progress:
    """The best validation so far: its score, the step of the whole run, and how many came after it."""

    best: float = float("inf")
    step: int = 0
    stale: int = 0

    def note(self, score: float, step: int) -> bool:
        """Whether `score` is the best so far."""
        if score < self.best:
            self.best, self.step, self.stale = score, step, 0
            return True
        self.stale += 1
        return False


class Validation:
    """The batches of a phase's validation: of the val split where a corpus has one, else of the training clips, which
    `said` tells. They are drawn as the phase draws, once."""

    def __init__(
        self,
        corpora: Sequence[Corpus],
        examples: System,
        phase: Phase,
        config: TrainConfig,
        batch_size: int,
        rank: int,
        world: int,
    ):
        self._phase, self._config = phase, config
        datasets: list[Dataset] = [opened(corpus.dataset) for corpus in corpora]
        split = "val" if all(dataset.ids("val") for dataset in datasets) else phase.sampling.split
        count = max(1, min(config.validate_clips, sum(len(d.ids(split)) for d in datasets)) // batch_size)
        drawn = replace(phase, steps=count, sampling=replace(phase.sampling, split=split))
        load = config.load.model_copy(update={"loaders": 0})
        with Loader(
            corpora, examples, drawn, load, seed=config.seed, batch_size=batch_size, rank=rank, world=world
        ) as loader:
            self._batches = [loader.batch(step) for step in range(count)]
        self.held_out = split == "val"
        place = "held out" if self.held_out else "of the training split, since there is no val split"
        self.said = f"on {count * batch_size} draws {place}"

    def losses(self, engine: PhaseEngine) -> dict[str, float]:
        """Mean losses of every role, over all workers; every worker calls this."""
        sums: dict[str, float] = {}
        reseed(self._config.seed, 0, 0)
        for batch in self._batches:
            for name, value in engine.evaluate(batch).items():
                sums[name] = sums.get(name, 0.0) + value / len(self._batches)
        return sums


def score_of(engine: PhaseEngine, losses: dict[str, float]) -> float:
    """What "best" means: the sum of the losses of the phase's first role."""
    first = engine.loss_names()
    return sum(value for name, value in losses.items() if name in first)
