"""One phase on one worker: from where a checkpoint left it to its end, step by step. What a step is lies in engine.py,
which phases there are in worker.py."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor

from talkie.clip import Clip
from talkie.errors import CorruptCheckpoint, NonFiniteLoss, Preempted
from talkie.systems import Phase, System
from talkie.systems.contract import Batch
from talkie.systems.weights import load_state
from talkie.training import checkpoint
from talkie.training.config import TrainConfig
from talkie.training.costs import Tracer, counted, matmul_peak
from talkie.training.engine import PhaseEngine, StepReport
from talkie.training.events import TrainEvent
from talkie.training.handover import Folders, Position
from talkie.training.loading import Corpus, Loader
from talkie.training.meters import Meter
from talkie.training.randomness import reseed
from talkie.training.samples import sample_clips, write_samples
from talkie.training.saver import Saver
from talkie.training.telling import Teller
from talkie.training.validation import BEST, Progress, Validation, score_of

WEIGHTS, MEANS, STATE = "weights", "means", "state"
"""Files of a checkpoint, beside "optimiser-<role>"."""


class PhaseRun:
    """The live state of a phase. `examples`: a copy of the system as the phase began, which the loader draws with, so
    that an example does not depend on when it is made; `spare` makes another one, to generate with."""

    def __init__(
        self,
        config: TrainConfig,
        system: System,
        examples: System,
        phase: Phase,
        corpora: Sequence[Corpus],
        position: Position,
        saver: Saver | None,
        tell: Teller,
        folders: Folders,
        spare: Callable[[], System],
    ):
        self.config, self.phase, self.position, self._tell = config, phase, position, tell
        self._saver, self._corpora, self._examples = saver, corpora, examples
        self._system, self._folders, self._spare = system, folders, spare
        self._progress, self._skipped = Progress(), 0
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        self.batch_size = phase.batch_size or config.batch_size

    def run(self, restored: Path | None) -> dict[str, Tensor]:
        """Trains to the end of the phase, from a checkpoint within it where there is one. Returns what it hands on."""
        engine = self._engine = self._restore(restored)
        parts, each = self.config.accumulate, self.batch_size // self.config.accumulate
        self._meter = Meter(self._tell.steps)
        self._validation = self._validate_with()
        self._shown = self._show_with()
        self._tracer = Tracer(self._folders.trace) if self.config.profile and self.rank == 0 else None
        with Loader(
            self._corpora,
            self._examples,
            # The loader counts a step's parts as steps of its own.
            replace(self.phase, steps=self.phase.steps * parts),
            self.config.load,
            seed=self.config.seed,
            batch_size=each,
            rank=self.rank,
            world=self.world,
            start_step=self.position.step * parts,
        ) as loader:
            self._tell(TrainEvent(kind="phase", phase=self.phase.name, **self._where()))
            while self.position.step < self.phase.steps and not self._exhausted():
                self._step(loader)
                self._after(loader)
        # The loader's threads are gone before the weights are taken apart.
        weights = engine.weights(mean=True)
        if self._saver:
            self._saver.wait()
            weights = self._best(weights)
        if self._tracer:
            self._tracer.close()
        engine.close()
        return weights

    def _best(self, last: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights that a phase with patience hands on: those of its best validation. `last`: of its last step."""
        step, total = self._progress.step, self.position.total
        if not self.phase.patience or not step or step == total:
            return last
        folder = checkpoint.folder_of(self._folders.checkpoints, step)
        try:
            checkpoint.verify(folder)
        except CorruptCheckpoint as error:
            message = f"the last weights are handed on, for the best ones are damaged: {error}"
            self._tell(TrainEvent(kind="warning", phase=self.phase.name, message=message, **self._where()))
            return last
        message = f"hands on the weights of step {step}, its best validation, and not those of step {total}"
        self._tell(TrainEvent(kind="phase", phase=self.phase.name, message=message, **self._where()))
        found = load_file(folder / f"{WEIGHTS}.safetensors")
        means = folder / f"{MEANS}.safetensors"
        return last | found | (load_file(means) if means.is_file() else {})

    def _step(self, loader: Loader) -> None:
        step, parts = self.position.step, self.config.accumulate
        began = time.perf_counter()
        batches: list[Batch] = [loader.batch(step * parts + part) for part in range(parts)]
        ids = [i for part in range(parts) for i in loader.ids(step * parts + part)]
        wait = time.perf_counter() - began
        # The phase is in the count of all steps: no two steps of a run share their random state.
        reseed(self.config.seed, self.position.total, self.rank)
        report = self._measured_step(step, batches)
        self.position = self.position.after(extend_digest(self.position.samples, ids))
        self._meter.add(report, wait, self.batch_size)
        self._judge(report)

    def _measured_step(self, step: int, batches: list[Batch]) -> StepReport:
        """A step; the first one of a worker also counts its floating point operations."""
        if self._tracer and self._tracer.step():
            self._tracer = None
        # ZeRO-3 does its own work in the hooks that the counter would watch; what is called under the counter first is
        # never compiled.
        if self._meter.peak or self.config.zero_stage == 3 or self.config.compile:
            return self._engine.step(step, batches)
        kind = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[self.config.precision]
        self._meter.peak = matmul_peak(kind)
        flops: list[float] = []
        with counted(flops):
            report = self._engine.step(step, batches)
        self._meter.flops = flops[0]
        return report

    def _after(self, loader: Loader) -> None:
        """What is due after a step: events, validation, samples, a checkpoint, the end that somebody asked for."""
        config, total = self.config, self.position.total
        last = self.position.step == self.phase.steps
        if total % config.log_every == 0 or last:
            fields = self._meter.take(total)
            self._tell(TrainEvent(kind="step", phase=self.phase.name, **self._where(), **fields))  # type: ignore[arg-type]
        better = bool(config.validate_every and total % config.validate_every == 0 and self._validate())
        if config.samples_every and total % config.samples_every == 0:
            self._sample()
        if better or (total % config.checkpoint_every == 0 and not last):
            self._save()
        while self._skipped < len(loader.skipped):
            clip = loader.skipped[self._skipped]
            self._skipped += 1
            message = f"clip left out: {clip}"
            self._tell(TrainEvent(kind="warning", phase=self.phase.name, message=message, **self._where()))
        if self._asked_to_stop():
            self._leave()

    def _exhausted(self) -> bool:
        """Whether the phase has stopped improving for as long as it has patience."""
        return bool(self.phase.patience and self._progress.stale >= self.phase.patience)

    def _validate_with(self) -> Validation | None:
        if not self.config.validate_every:
            return None
        each = self.batch_size // self.config.accumulate
        made = Validation(self._corpora, self._examples, self.phase, self.config, each, self.rank, self.world)
        if not made.held_out:
            message = f"validation of phase {self.phase.name!r} is {made.said}: it cannot see overfitting"
            self._tell(TrainEvent(kind="warning", phase=self.phase.name, message=message, **self._where()))
        return made

    def _validate(self) -> bool:
        """Tells the losses on the validation's batches; whether they are the best so far."""
        assert self._validation is not None
        losses = self._validation.losses(self._engine)
        better = self._progress.note(score_of(self._engine, losses), self.position.total)
        if better and self._saver:
            self._saver.wait()
            self._saver.best = self.position.total
        said = self._validation.said + (BEST if better else "")
        self._tell(TrainEvent(kind="validation", phase=self.phase.name, losses=losses, message=said, **self._where()))
        return better

    def _show_with(self) -> list[Clip]:
        wanted = self.config.samples_every and self.rank == 0
        return sample_clips(self._corpora, self._system, self.config) if wanted else []

    def _sample(self) -> None:
        """Generates for the fixed clips with the weights as they would be handed on now."""
        weights = self._engine.weights(mean=True)
        if not self._shown:
            return
        system = self._spare()
        load_state(system, weights)
        files = write_samples(system, self._shown, self._folders.samples / f"step-{self.position.total:08d}")
        self._tell(TrainEvent(kind="samples", phase=self.phase.name, files=files, **self._where()))

    def _judge(self, report: StepReport) -> None:
        """Says what was left out, and stops a run that leaves out one step after the other."""
        guard = self._engine.guard
        if not report.skipped:
            guard.in_a_row = 0
            return
        guard.in_a_row += 1
        where = self._where()
        clips = f" on the clips {', '.join(report.ids)}" if report.ids else ""
        message = f"{report.skipped} at step {where['step']}{clips}"
        self._tell(TrainEvent(kind="skip", phase=self.phase.name, message=message, ids=report.ids, **where))
        if guard.in_a_row >= self.config.max_skips:
            raise NonFiniteLoss(
                f"{guard.in_a_row} steps in a row could not be used: {message}",
                cure="look at these clips with `talkie inspect`, lower the learning rate, or raise spike_factor",
            )

    def _asked_to_stop(self) -> bool:
        """Whether somebody wants the run to end; all workers learn it after the same step."""
        asked = self.rank == 0 and self._folders.stop.exists()
        if self.world == 1:
            return asked
        flag = torch.tensor(float(asked))
        dist.all_reduce(flag)
        return bool(flag)

    def _leave(self) -> None:
        """Saves and ends the run."""
        self._save()
        if self._saver:
            self._saver.wait()
        dist.barrier()
        raise Preempted(
            f"stopped by SIGTERM after step {self.position.total} of {self._tell.steps}; it is saved",
            cure="go on with --resume",
        )

    def _where(self) -> dict[str, int]:
        return {"step": self.position.total, "steps": self._tell.steps}

    # --- checkpoints --------------------------------------------------------------------------------------------

    def _save(self) -> None:
        """Every worker takes part in gathering; rank 0 hands the copies to the writer."""
        engine = self._engine
        tensors = {WEIGHTS: engine.weights()}
        if engine.ema:
            trained = {name for state in engine.states.values() for name in state.names}
            tensors[MEANS] = {n: t for n, t in engine.weights(mean=True).items() if n in trained}
        for role, values in engine.optimiser_tensors().items():
            tensors[f"optimiser-{role}"] = values
        if self._saver:
            record = {
                "position": asdict(self.position),
                "phase": self.phase.name,
                "guard": engine.guard.state(),
                "scales": engine.scales(),
                "progress": asdict(self._progress),
            }
            self._saver.save(self.position.total, tensors, {STATE: record})

    def _restore(self, restored: Path | None) -> PhaseEngine:
        """The engine, as it stood when the checkpoint was taken."""
        reseed(self.config.seed, self.position.total, self.rank)
        micro = self.batch_size // self.config.accumulate // self.world
        weights = load_file(restored / f"{WEIGHTS}.safetensors") if restored else None
        engine = PhaseEngine(self._system, self.phase, self.config, micro, weights)
        if restored:
            state = json.loads((restored / f"{STATE}.json").read_text())
            roles = self.phase.optimisers
            engine.load_optimisers({role: load_file(restored / f"optimiser-{role}.safetensors") for role in roles})
            engine.load_scales(state["scales"])
            engine.guard.load(state["guard"])
            self._progress = Progress(**state["progress"])
            if self._saver and self._progress.step:
                self._saver.best = self._progress.step
            if engine.ema:
                engine.load_means(load_file(restored / f"{MEANS}.safetensors"))
        return engine


def extend_digest(digest: str, ids: Sequence[str]) -> str:
    """The running digest of the sequence of clip ids: SHA-256 over the last digest and the next batch."""
    return hashlib.sha256("\n".join([digest, *ids]).encode()).hexdigest()


def stored_position(folder: Path) -> Position:
    """Where a run stood when a checkpoint was taken."""
    return Position(**json.loads((folder / f"{STATE}.json").read_text())["position"])


def assert_equal_start(system: System) -> None:
    """Workers that begin with other weights would never agree again. Raises RuntimeError."""
    state = torch.stack([t.double().sum() for t in system.state_dict().values() if t.is_floating_point()])
    first = state.clone()
    dist.broadcast(first, 0)
    if not torch.equal(first, state):
        raise RuntimeError("the workers read different weights")
