"""What a run tells while it goes on: typed events, the log file that carries them from the worker to the driver, and
the errors among them. Who shows or stores them is not decided here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from talkie.errors import RunFailed, TalkieError


class TrainEvent(BaseModel):
    """One line of progress. `losses` are means since the last event; `eta_s` is the time left in seconds; `meters`:
    what a step costs (meters.py); `message`, `ids` and `files`: what happened, on which clips, and what was written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["start", "step", "phase", "checkpoint", "skip", "warning", "validation", "samples", "done", "error"]
    step: int
    steps: int
    phase: str = ""
    losses: dict[str, float] = {}
    samples_per_s: float = 0.0
    eta_s: float = 0.0
    meters: dict[str, float] = {}
    message: str = ""
    ids: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    error: dict[str, str | None] = {}

    @property
    def loss(self) -> float:
        return sum(self.losses.values())


OnEvent = Callable[[TrainEvent], None]


def append_event(log: Path, event: TrainEvent) -> None:
    """Adds one line; a line is written whole, so that a reader never sees half of one for long."""
    with log.open("a") as file:
        file.write(event.model_dump_json() + "\n")


def error_event(error: TalkieError, step: int, steps: int) -> TrainEvent:
    """An error as an event: Ray would wrap and re-pickle the exception itself."""
    details = {"cause": error.cause, "message": error.message, "where": error.where, "cure": error.cure}
    return TrainEvent(kind="error", step=step, steps=steps, error=details)


def raise_error(event: TrainEvent) -> None:
    """Raises the typed error that an event carries."""
    by_cause = {cls.cause: cls for cls in _subclasses(TalkieError)}
    cls = by_cause.get(event.error["cause"] or "", RunFailed)
    raise cls(event.error["message"] or "", where=event.error["where"], cure=event.error["cure"])


def _subclasses(cls: type[TalkieError]) -> Iterator[type[TalkieError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _subclasses(child)


class _Tail:
    """Reads what was appended to a log since the last look, whole lines only."""

    def __init__(self, log: Path):
        self.log = log
        self.offset = log.stat().st_size if log.exists() else 0

    def read(self) -> list[TrainEvent]:
        if not self.log.exists():
            return []
        with self.log.open("rb") as file:
            file.seek(self.offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        return [TrainEvent.model_validate_json(line) for line in whole.splitlines()]


@contextmanager
def followed(log: Path, on_event: OnEvent, interval_s: float = 0.2) -> Iterator[None]:
    """Calls `on_event`, on a thread of its own, for every event appended during the block; all of them have been
    delivered when it ends. An exception in `on_event` is raised at the end of the block."""
    tail, stop = _Tail(log), threading.Event()
    failure: list[Exception] = []

    def deliver() -> None:
        for event in tail.read():
            on_event(event)

    def follow() -> None:
        try:
            while not stop.wait(interval_s):
                deliver()
            deliver()
        except Exception as error:
            failure.append(error)

    thread = threading.Thread(target=follow, name="talkie-train-events", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failure:
        raise failure[0]
