"""What one Ray Train worker does: restore, train step by step, tell, checkpoint. Which settings are sound and where
Ray comes from is settled before, in run.py."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file

from talkie.errors import TalkieError
from talkie.shards import open_dataset
from talkie.systems import Phase, System, load_weights, save_system
from talkie.training import checkpoint
from talkie.training.config import TrainConfig
from talkie.training.data import Examples
from talkie.training.engine import PhaseEngine, choose_accelerator
from talkie.training.events import TrainEvent, append_event, error_event
from talkie.training.order import extend_digest, global_batch, slice_of


@dataclass(frozen=True)
class Folders:
    """Where a run keeps what: the prepared system, checkpoints, events, the finished model."""

    out: Path

    @property
    def prepared(self) -> Path:
        return self.out / "prepared"

    @property
    def checkpoints(self) -> Path:
        return self.out / "checkpoints"

    @property
    def events(self) -> Path:
        return self.out / "events.jsonl"

    @property
    def model(self) -> Path:
        return self.out / "model"


@dataclass
class Position:
    """Where training stands: steps done and the digest of the clip ids seen."""

    step: int = 0
    samples: str = ""


def work(settings: dict[str, str]) -> None:
    """The training function that Ray Train runs on every worker. `settings`: config (JSON), data, out."""
    config = TrainConfig.model_validate_json(settings["config"])
    worker = Worker(config, Path(settings["data"]), Folders(Path(settings["out"])))
    try:
        worker.run()
    except TalkieError as error:
        append_event(worker.folders.events, error_event(error, worker.position.step, worker.steps))
        raise RuntimeError(str(error)) from error


@dataclass
class Worker:
    """The live state of one worker."""

    config: TrainConfig
    data: Path
    folders: Folders
    position: Position = field(default_factory=Position)
    steps: int = 0

    def run(self) -> None:
        """Trains from the newest committed checkpoint, or from the start, to the end."""
        choose_accelerator()
        _be_deterministic(self.config, self.rank)
        system = load_weights(self.folders.prepared)
        self.plan = _plan(system)
        self.steps = self.plan[-1][1] + self.plan[-1][0].steps
        restored = checkpoint.latest(self.folders.checkpoints)
        if restored:
            self.position = Position(**json.loads((restored / "state.json").read_text()))
        self.examples = Examples(open_dataset(self.data), system, self.config.cache_mb * 2**20)
        self.meter = Meter(self.steps, self.position.step, self.config.batch_size)
        self._tell(TrainEvent(kind="start", step=self.position.step, steps=self.steps))
        for phase, start in self.plan:
            # The last phase is entered even when its steps are done: a run killed between its last checkpoint and
            # the model still has to restore the weights.
            if self.position.step < start + phase.steps or phase is self.plan[-1][0]:
                system = self._train_phase(system, phase, start, restored)
                restored = None
        if self.rank == 0:
            save_system(system, self.folders.model)
        dist.barrier()
        self._tell(TrainEvent(kind="done", step=self.position.step, steps=self.steps))

    @property
    def rank(self) -> int:
        return dist.get_rank()

    def _train_phase(self, system: System, phase: Phase, start: int, restored: Path | None) -> System:
        """Runs a phase from the current position; returns the system with its full weights.

        DeepSpeed leaves its marks on a module (hooks, ZeRO-3's empty parameters), so a new phase begins with a fresh
        one; the random state is kept apart from building it, so that resuming and going on draw alike.
        """
        with torch.random.fork_rng(devices=[]):
            if restored:
                system.load_state_dict(load_file(restored / "weights.safetensors"))
            engine = PhaseEngine(system, phase, start, self.config)
        if restored:
            state = json.loads((restored / "phase.json").read_text())
            if state["phase"] == phase.name:
                engine.load_optimisers(restored)
            _load_random_state(restored, self.rank)
        while self.position.step < start + phase.steps:
            self._train_step(engine)
        with torch.random.fork_rng(devices=[]):
            weights = engine.weights()
            engine.close()
            fresh = load_weights(self.folders.prepared, check=False)
        fresh.load_state_dict(weights)
        return fresh

    def _train_step(self, engine: PhaseEngine) -> None:
        step, config = self.position.step, self.config
        ids = global_batch(self.examples.ids, config.seed, step, config.batch_size)
        batch = self.examples.batch(slice_of(ids, self.rank, config.workers))
        losses = engine.step(step, batch)
        self.position = Position(step + 1, extend_digest(self.position.samples, ids))
        self.meter.add(losses)
        last = self.position.step == self.steps
        if self.position.step % config.log_every == 0 or last:
            self._tell(self.meter.event(self.position.step, engine.phase.name))
        if self.position.step % config.checkpoint_every == 0 or last:
            self._checkpoint(engine)

    def _checkpoint(self, engine: PhaseEngine) -> None:
        root, step = self.folders.checkpoints, self.position.step
        if self.rank == 0:
            checkpoint.begin(root, step)
        dist.barrier()
        folder = checkpoint.pending_of(root, step)
        weights = engine.weights()
        engine.save_optimisers(folder, self.rank)
        _save_random_state(folder, self.rank)
        if self.rank == 0:
            save_file({k: v.contiguous() for k, v in weights.items()}, folder / "weights.safetensors")
            (folder / "state.json").write_text(json.dumps({"step": step, "samples": self.position.samples}))
            (folder / "phase.json").write_text(json.dumps({"phase": engine.phase.name, "workers": self.config.workers}))
        dist.barrier()
        if self.rank == 0:
            checkpoint.commit(root, step, self.config.keep)
        dist.barrier()
        self._tell(TrainEvent(kind="checkpoint", step=step, steps=self.steps, phase=engine.phase.name))

    def _tell(self, event: TrainEvent) -> None:
        if self.rank == 0:
            append_event(self.folders.events, event)


class Meter:
    """Means of the losses between events, the rate and the time left."""

    def __init__(self, steps: int, start: int, batch_size: int):
        self._steps, self._start, self._batch_size = steps, start, batch_size
        self._began = time.monotonic()
        self._sums: dict[str, float] = defaultdict(float)
        self._count = 0

    def add(self, losses: dict[str, float]) -> None:
        self._count += 1
        for name, value in losses.items():
            self._sums[name] += value

    def event(self, step: int, phase: str) -> TrainEvent:
        rate = (step - self._start) / max(1e-9, time.monotonic() - self._began)
        event = TrainEvent(
            kind="step",
            step=step,
            steps=self._steps,
            phase=phase,
            losses={name: total / self._count for name, total in self._sums.items()},
            samples_per_s=rate * self._batch_size,
            eta_s=(self._steps - step) / max(1e-9, rate),
        )
        self._sums.clear()
        self._count = 0
        return event


def _plan(system: System) -> list[tuple[Phase, int]]:
    """The phases with the global step at which each begins."""
    plan, start = [], 0
    for phase in system.phases():
        plan.append((phase, start))
        start += phase.steps
    return plan


def _be_deterministic(config: TrainConfig, rank: int) -> None:
    torch.set_num_threads(config.threads)
    torch.use_deterministic_algorithms(True)
    seed = config.seed * 1_000_003 + rank
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def _save_random_state(folder: Path, rank: int) -> None:
    """The generators of torch, numpy and Python as JSON."""
    kind, keys, *rest = np.random.get_state()
    states: dict[str, Any] = {
        "torch": torch.get_rng_state().tolist(),
        "numpy": [kind, np.asarray(keys).tolist(), *rest],
        "python": random.getstate(),
    }
    (folder / f"random-{rank}.json").write_text(json.dumps(states))


def _load_random_state(folder: Path, rank: int) -> None:
    states = json.loads((folder / f"random-{rank}.json").read_text())
    torch.set_rng_state(torch.tensor(states["torch"], dtype=torch.uint8))
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), *rest))
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
