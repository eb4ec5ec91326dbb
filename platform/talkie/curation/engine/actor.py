"""What runs in an actor's process: a worker, and how its faults are told apart. Who calls it is not here."""

from __future__ import annotations

import os
import resource
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from talkie.curation.engine.unit import Brief, Factory, Unit
from talkie.errors import DISK_FULL_ERRNOS, DiskFull, InternalError, OutOfMemory, RunFailed, TalkieError


@dataclass(frozen=True)
class Seat:
    """Where an actor sits, and what it holds before its first unit."""

    pid: int
    node: str
    rss: int


Answer = Brief | TalkieError


class EngineActor:
    """A worker in a process of its own. `memory_bytes`: more than that in one step can never be right."""

    def __init__(self, factory: Factory, memory_bytes: int) -> None:
        self._fault: TalkieError | None = None
        try:
            self._worker = factory()
        except TalkieError as error:
            self._fault = error
        except Exception as error:
            self._fault = RunFailed(f"workers cannot start: {_told(error)}")
        _limit_data(memory_bytes)

    def ready(self) -> Seat | TalkieError:
        """Where it sits, or why it cannot work."""
        import ray

        return self._fault or Seat(
            os.getpid(), ray.get_runtime_context().get_node_id(), psutil.Process().memory_info().rss
        )

    def work(self, units: Sequence[Unit]) -> list[Answer]:
        """An answer for each unit: its brief, or the error that it ended with."""
        together = getattr(self._worker, "work_batch", None)
        if len(units) == 1 or together is None:
            return [self._one(unit) for unit in units]
        try:
            return list(together(units))
        except Exception:
            # One of them is at fault: alone, each gives its own answer.
            return [self._one(unit) for unit in units]

    def _one(self, unit: Unit) -> Answer:
        try:
            return self._worker.work(unit)
        except TalkieError as error:
            return error
        except MemoryError:
            return OutOfMemory("a step asked for more memory than there is", where=unit.source)
        except OSError as error:
            if error.errno in DISK_FULL_ERRNOS:
                return DiskFull(str(error.strerror), where=error.filename, cure="make room and run again")
            return InternalError(_told(error), where=unit.source)
        except Exception as error:  # the one place where a fault of ours may not stop the other sources
            return InternalError(_told(error), where=unit.source)


def _told(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})"


def _limit_data(extra: int) -> None:
    """Let the process's own memory grow by `extra` bytes at most: a file that claims absurd dimensions then gets a
    MemoryError at once, before a page is touched. What is held for real is watched from outside."""
    lines = Path("/proc/self/status").read_text().splitlines() if Path("/proc/self/status").exists() else []
    now = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:")), None)
    if now is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = now + extra
    if hard == resource.RLIM_INFINITY or wanted < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
