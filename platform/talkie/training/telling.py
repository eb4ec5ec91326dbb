"""What a worker tells: rank 0 appends events to the run's log. What an event is lies in events.py."""

from __future__ import annotations

from pathlib import Path

from talkie.training.events import TrainEvent, append_event


class Teller:
    """Appends events where `rank` is 0; `steps`: of the whole run."""

    def __init__(self, log: Path, rank: int, steps: int):
        self._log, self._rank, self.steps = log, rank, steps

    def __call__(self, event: TrainEvent) -> None:
        if self._rank == 0:
            append_event(self._log, event)
