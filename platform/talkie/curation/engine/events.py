"""What the engine tells while it works: what became of units and sources, and now and then how it stands as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from talkie.curation.engine.unit import Unit
from talkie.errors import TalkieError


@dataclass(frozen=True)
class Started:
    """A worker has begun a unit; `attempt` counts from 1."""

    unit: Unit
    attempt: int


@dataclass(frozen=True)
class Finished:
    """A unit is done, in `wall_s` seconds of a worker that held `rss` bytes afterwards; `note` is the worker's."""

    unit: Unit
    note: Any
    wall_s: float
    rss: int


@dataclass(frozen=True)
class Retried:
    """A unit failed and will be tried again."""

    unit: Unit
    error: TalkieError
    attempt: int


@dataclass(frozen=True)
class SourceDied:
    """A unit failed for good: its source is a dead letter, `cancelled` more units of it are not done any more."""

    unit: Unit
    error: TalkieError
    attempts: int
    cancelled: int


@dataclass(frozen=True)
class SourceDone:
    """All units of a source are done."""

    source: str


@dataclass(frozen=True)
class StepStatus:
    """One step: units that wait, run, are done and failed; done a second (over the last minute); share of the workers'
    time that goes into it (likewise)."""

    waiting: int
    running: int
    done: int
    failed: int
    rate: float
    busy: float


@dataclass(frozen=True)
class EngineStatus:
    """How the engine stands, at most twice a second. Bytes: `in_flight` is the sum of the running units' estimates,
    `rss` what driver, Ray and workers of this machine really hold, `rss_peak` the most seen, `limit` what they may.
    `utilisation`: share of the workers that is busy. `eta_s`: by sources, where their number is known."""

    elapsed_s: float
    steps: dict[str, StepStatus]
    workers: int
    starting: int
    utilisation: float
    in_flight: int
    rss: int
    rss_peak: int
    limit: int
    sources_done: int
    sources_dead: int
    recycled: int
    eta_s: float | None


Event = Started | Finished | Retried | SourceDied | SourceDone | EngineStatus
