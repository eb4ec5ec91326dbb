"""What a run knows that outlives a cluster: its work, the troubles of its units, its counts, and whom to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from talkie.curation.engine.backlog import Backlog
from talkie.curation.engine.events import Event, SourceDone
from talkie.curation.engine.meter import Meter
from talkie.curation.engine.unit import Limits, Unit


class ClusterLost(Exception):
    """Ray on this machine is gone; what was done is staged, what ran is back in the backlog."""


@dataclass
class Trouble:
    """What has befallen a unit so far. `single`: it is no longer batched; `alone`: nothing runs beside it."""

    deaths: int = 0
    transients: int = 0
    moves: int = 0
    single: bool = False
    alone: bool = False


@dataclass
class State:
    """A run between clusters."""

    backlog: Backlog
    limits: Limits
    memory_bytes: int
    tell: Callable[[Event], None]
    total_sources: int | None = None
    meter: Meter = field(default_factory=Meter)
    troubles: dict[str, Trouble] = field(default_factory=dict)

    def close_sources(self, names: Iterable[str]) -> None:
        for name in names:
            self.meter.sources_done += 1
            self.tell(SourceDone(name))

    def trouble(self, unit: Unit) -> Trouble:
        """To look at; most units have none."""
        return self.troubles.get(unit.key) or Trouble()

    def note(self, unit: Unit) -> Trouble:
        """To write into."""
        return self.troubles.setdefault(unit.key, Trouble())
