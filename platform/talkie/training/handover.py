"""What one phase leaves to the next: a whole model folder, and beside it where the run stood. Every phase begins from
such a folder, on every worker, so that going on and resuming are the same thing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from talkie.errors import CorruptModel, UnknownModel
from talkie.systems import Phase, System, save_system
from talkie.systems.weights import verify_model


@dataclass(frozen=True)
class Position:
    """Where a run stands: the phase, steps done in it and in all, and the digest of the clip ids seen."""

    phase: int = 0
    step: int = 0
    total: int = 0
    samples: str = ""

    def after(self, samples: str) -> Position:
        return replace(self, step=self.step + 1, total=self.total + 1, samples=samples)

    def next_phase(self) -> Position:
        return replace(self, phase=self.phase + 1, step=0)


@dataclass(frozen=True)
class Folders:
    """Where a run keeps what: the prepared system, hand-overs, checkpoints, events, time, samples, the finished
    model."""

    out: Path

    @property
    def prepared(self) -> Path:
        return self.out / "prepared"

    @property
    def phases(self) -> Path:
        return self.out / "phases"

    @property
    def checkpoints(self) -> Path:
        return self.out / "checkpoints"

    @property
    def events(self) -> Path:
        return self.out / "events.jsonl"

    @property
    def clock(self) -> Path:
        """The seconds that the run has taken so far."""
        return self.out / "seconds"

    @property
    def samples(self) -> Path:
        return self.out / "samples"

    @property
    def trace(self) -> Path:
        """What --profile records."""
        return self.out / "trace.json"

    @property
    def stop(self) -> Path:
        """Whoever wants the run to save and end makes this file."""
        return self.out / "stop"

    @property
    def failed(self) -> Path:
        """What ended the workers for good, so that a restart does not try it again."""
        return self.out / "failed"

    @property
    def model(self) -> Path:
        return self.out / "model"

    def handed(self, index: int, phase: Phase) -> Path:
        """The model that a phase handed on."""
        return self.phases / f"{index:02d}-{phase.name}"


def hand_over(system: System, folders: Folders, phase: Phase, position: Position) -> None:
    """Stores what `phase` leaves; `position` is the beginning of the next. The model folder's appearance commits it."""
    folder = folders.handed(position.phase - 1, phase)
    folders.phases.mkdir(exist_ok=True)
    record = _record(folder)
    temporary = record.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(position)))
    os.replace(temporary, record)
    save_system(system, folder)


def standing(folders: Folders, phases: Sequence[Phase]) -> tuple[Position, Path, list[str]]:
    """The beginning of the first phase that is not done, the model it begins with, and what was found damaged on the
    way: such a hand-over is removed, and its phase done again from the checkpoints that are left."""
    position, model, complaints = Position(), folders.prepared, []
    for index, phase in enumerate(phases):
        folder = folders.handed(index, phase)
        try:
            verify_model(folder)
            record = json.loads(_record(folder).read_text())
        except UnknownModel:
            break
        except (CorruptModel, OSError, ValueError) as error:
            complaints.append(f"{error}; the phase is done again")
            shutil.rmtree(folder, ignore_errors=True)
            break
        position, model = Position(**record), folder
    return position, model, complaints


def _record(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")
