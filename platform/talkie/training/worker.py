"""What one Ray Train worker does: find where the run stands, carry out phase after phase, leave the model. Which
settings are sound and where Ray comes from is settled before, in run.py."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import torch.distributed as dist

from talkie.errors import TalkieError
from talkie.systems import Phase, System, load_weights, save_system
from talkie.systems.weights import load_state
from talkie.training import checkpoint
from talkie.training.config import TrainConfig
from talkie.training.deepspeed_setup import check_phase, choose_accelerator
from talkie.training.events import TrainEvent, append_event, error_event
from talkie.training.handover import Folders, Position, hand_over, standing
from talkie.training.loading import Corpus, TrainingClips
from talkie.training.phase_run import PhaseRun, assert_equal_start, stored_position
from talkie.training.randomness import be_deterministic, reseed
from talkie.training.saver import Saver
from talkie.training.telling import Teller


def work(settings: dict[str, str]) -> None:
    """The training function that Ray Train runs on every worker. `settings`: config (JSON), corpora (JSON), out, and
    attempt, the name of the driver's call.

    A worker that ends with an error of its own takes the others with it; started again, they find that error's mark
    and end at once: only what killed a worker from outside is worth another try.
    """
    config = TrainConfig.model_validate_json(settings["config"])
    corpora = [Corpus(place, weight) for place, weight in json.loads(settings["corpora"])]
    worker = Worker(config, corpora, Folders(Path(settings["out"])))
    failed = worker.folders.failed
    if failed.is_file() and failed.read_text() == settings["attempt"]:
        return
    try:
        worker.run()
    except TalkieError as error:
        failed.write_text(settings["attempt"])
        append_event(worker.folders.events, error_event(error, worker.position.total, worker.steps))
        raise RuntimeError(str(error)) from error


@dataclass
class Worker:
    """The live state of one worker."""

    config: TrainConfig
    corpora: list[Corpus]
    folders: Folders
    position: Position = field(default_factory=Position)
    steps: int = 0

    def run(self) -> None:
        """Trains from the newest sound checkpoint, or from the start, to the end."""
        choose_accelerator()
        be_deterministic(self.config.threads)
        phases = load_weights(self.folders.prepared).phases()
        self.steps = sum(phase.steps for phase in phases)
        self.tell = Teller(self.folders.events, dist.get_rank(), self.steps)
        model, restored = self._find(phases)
        self._tell("start")
        if dist.get_world_size() < self.config.workers:
            self._tell("warning", f"going on with {dist.get_world_size()} of {self.config.workers} workers")
        saver = Saver(self.folders.checkpoints, self.config.keep, self._saved) if dist.get_rank() == 0 else None
        for phase in phases[self.position.phase :]:
            model = self._phase(phase, model, restored, saver)
            restored = None
        if dist.get_rank() == 0:
            save_system(load_weights(model), self.folders.model)
        dist.barrier()
        self._tell("done")

    def _find(self, phases: tuple[Phase, ...]) -> tuple[Path, Path | None]:
        """Where the run stands: the model that its phase begins with, and a checkpoint within the phase. Rank 0 looks,
        and says what it found damaged."""
        found: list[object] = [None]
        if dist.get_rank() == 0:
            position, model, complaints = standing(self.folders, phases)
            folder, damaged = checkpoint.newest(self.folders.checkpoints)
            if folder is not None and stored_position(folder).phase == position.phase < len(phases):
                position = stored_position(folder)
            else:
                folder = None
            for text in (*complaints, *damaged):
                self._tell("warning", text)
            for step in checkpoint.committed(self.folders.checkpoints):
                if step > position.total:
                    # What lies after the point that the run goes on from would outrank what is written from now on.
                    shutil.rmtree(checkpoint.folder_of(self.folders.checkpoints, step))
            found = [(position, model, folder)]
        dist.broadcast_object_list(found, 0)
        self.position, model, folder = found[0]  # type: ignore[misc]
        return model, folder

    def _phase(self, phase: Phase, model: Path, restored: Path | None, saver: Saver | None) -> Path:
        """Carries out a phase from the model it begins with; returns the folder of the one it hands on."""
        reseed(self.config.seed, self.position.total, 0)
        system = load_weights(model, check=False)
        assert_equal_start(system)
        check_phase(system, phase, self.config, dist.get_world_size())
        handed = self._fit(system, phase) if phase.fitted else self.train(system, phase, model, restored, saver)
        folder = self.folders.handed(self.position.phase, phase)
        self.position = self.position.next_phase()
        if dist.get_rank() == 0:
            hand_over(handed, self.folders, phase, self.position)
        dist.barrier()
        return folder

    def train(self, system: System, phase: Phase, model: Path, restored: Path | None, saver: Saver | None) -> System:
        """A phase by its steps, on `system` as read from `model`; returns what is handed on."""
        # DeepSpeed leaves its marks on a module (hooks, ZeRO-3's empty parameters): what is handed on is a fresh one.
        examples, fresh = load_weights(model, check=False), load_weights(model, check=False)
        examples.enter(phase.name)
        fresh.enter(phase.name)
        run = PhaseRun(
            self.config,
            system,
            examples.eval(),
            phase,
            self.corpora,
            self.position,
            saver,
            self.tell,
            self.folders,
            spare=lambda: load_weights(model, check=False),
        )
        try:
            weights = run.run(restored)
        finally:
            self.position = run.position
        load_state(fresh, weights)
        return fresh.eval()

    def _fit(self, system: System, phase: Phase) -> System:
        """Rank 0 fits; the others wait for the model that it hands on."""
        if dist.get_rank() == 0:
            self._tell("phase", phase=phase.name)
            needs, split = phase.needs, phase.sampling.split
            system.fit(phase.name, TrainingClips(self.corpora, system, self.config.load, needs=needs, split=split))
        dist.barrier()
        return system.eval()

    def _saved(self, step: int) -> None:
        self.tell(TrainEvent(kind="checkpoint", step=step, steps=self.steps))

    def _tell(self, kind: str, message: str = "", phase: str = "") -> None:
        where = {"step": self.position.total, "steps": self.steps}
        self.tell(TrainEvent(kind=kind, message=message, phase=phase, **where))  # type: ignore[arg-type]
