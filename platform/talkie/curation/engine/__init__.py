"""The engine: units of work on Ray actors, bounded by bytes, none able to stop another. It knows nothing of faces."""

from talkie.curation.engine.events import (
    EngineStatus,
    Event,
    Finished,
    Retried,
    SourceDied,
    SourceDone,
    Started,
    StepStatus,
)
from talkie.curation.engine.run import run
from talkie.curation.engine.unit import CPU, Brief, Factory, Limits, Resource, Unit, Worker

__all__ = [
    "CPU",
    "Brief",
    "EngineStatus",
    "Event",
    "Factory",
    "Finished",
    "Limits",
    "Resource",
    "Retried",
    "SourceDied",
    "SourceDone",
    "Started",
    "StepStatus",
    "Unit",
    "Worker",
    "run",
]
