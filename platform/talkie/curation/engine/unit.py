"""What the engine is given: units of work, the workers that do them, the limits they keep. Nothing runs here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from talkie.errors import BadConfig

CPU = "cpu"


@dataclass(frozen=True)
class Unit:
    """One piece of work on one source.

    `key` is its own among all units of a run. `bytes`: memory that the work holds at its height, beyond what a fresh
    worker holds anyway. `after`: keys of units of the same source that must be done first. `resource`: the class of
    actors that does it. `timeout_s` overrides that of the limits. `payload` is the worker's affair and must be small:
    a path, never footage.
    """

    key: str
    source: str
    step: str
    bytes: int = 0
    after: tuple[str, ...] = ()
    payload: Any = None
    resource: str = CPU
    timeout_s: float | None = None


@dataclass(frozen=True)
class Brief:
    """What a worker tells of a unit. Its results lie staged on disk; `note` is small and picklable. `units`: further
    work on the same source that only now is known, such as the pieces of a recording once its length is."""

    note: Any = None
    units: tuple[Unit, ...] = ()


class Worker(Protocol):
    """Lives in an actor. Raises TalkieError where the unit itself is at fault: that is a dead letter at once, unless
    the error is `transient`. It may also have `work_batch(units) -> list[Brief | TalkieError]` for batched classes."""

    def work(self, unit: Unit) -> Brief: ...


class Factory(Protocol):
    """Makes a worker inside the actor's process; must be picklable."""

    def __call__(self) -> Worker: ...


@dataclass(frozen=True)
class Resource:
    """A class of actors: what one reserves of the cluster, and how many units it is given at a time."""

    cpus: float = 1.0
    gpus: float = 0.0
    batch: int = 1


_CPU_ONLY: Mapping[str, Resource] = MappingProxyType({CPU: Resource()})


@dataclass(frozen=True)
class Limits:
    """What a run may use.

    workers: actors of each class (default: what the cluster holds, also when it grows). memory_bytes: of each machine,
    for the driver, Ray and all workers together (default: 80 % of what is free). step_timeout_s: of one unit.
    attempts: times that a unit may end its worker, by a crash, a hang or its memory, before its source is given up.
    patience: times that a transient error is answered by another try, `backoff_s` later at first, then twice that.
    resources: the classes of actors. One that asks for GPUs is done by the CPU class where the cluster has none.
    """

    workers: int | None = None
    memory_bytes: int | None = None
    step_timeout_s: float = 600.0
    attempts: int = 2
    patience: int = 5
    backoff_s: float = 0.5
    resources: Mapping[str, Resource] = field(default_factory=lambda: _CPU_ONLY)

    def __post_init__(self) -> None:
        if CPU not in self.resources:
            raise BadConfig("the engine's resources lack the class 'cpu'", cure="it does what no other class can do")
        for name, low in {
            "workers": self.workers,
            "attempts": self.attempts,
            "memory_bytes": self.memory_bytes,
        }.items():
            if low is not None and low < 1:
                raise BadConfig(f"{name} is {low}, must be at least 1")
        if self.step_timeout_s <= 0:
            raise BadConfig(f"step_timeout_s is {self.step_timeout_s:g}, must be above 0")
