"""Units that wait: read lazily, held in order, let go once what they wait for is done. It knows no workers."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from talkie.curation.engine.feed import Feed
from talkie.curation.engine.unit import Unit
from talkie.errors import BadInput

WINDOW = 64
"""Units that may wait before no more are read: descriptions of a few hundred bytes, not their footage."""


@dataclass
class _Source:
    """A source of which something is still to be done. `read`: whether the feed has gone on to the next one."""

    number: int
    read: bool = False
    open: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    blocked: list[tuple[int, Unit]] = field(default_factory=list)


_Entry = tuple[int, int, Unit]


class Backlog:
    """The units of `feed`, sources begun first going first. The feed gives the units of a source one after another;
    a source is complete when the feed has gone on and all its units are done, and is then forgotten: what is held
    does not grow with the number of sources."""

    def __init__(self, feed: Feed, doers: Mapping[str, str], window: int = WINDOW) -> None:
        """doers: for each class that a unit may ask for, the class that does it here."""
        self._feed, self._doers, self._window = feed, doers, window
        self._numbers = itertools.count()
        self._sources: dict[str, _Source] = {}
        self._dead: set[str] = set()
        self._ready: dict[str, list[_Entry]] = {}
        self._later: list[tuple[float, int, Unit]] = []
        self._current: str | None = None
        self.exhausted = False
        self.waiting: Counter[str] = Counter()

    @property
    def empty(self) -> bool:
        return self.exhausted and not self._sources

    def fill(self) -> list[str]:
        """Read on until enough units wait. Returns the sources that turn out to be complete."""
        complete = []
        while not self.exhausted and self.waiting.total() < self._window:
            unit = self._feed.take()
            if unit is None and not self._feed.exhausted:
                break
            self.exhausted = unit is None
            if self._current is not None and (unit is None or unit.source != self._current):
                complete += self._leave(self._current)
            self._current = unit.source if unit else None
            if unit is not None and unit.source not in self._dead:
                self._add(unit)
        return complete

    def _leave(self, name: str) -> list[str]:
        """The feed has gone on from a source."""
        self._dead.discard(name)
        source = self._sources.get(name)
        if source is None:
            return []
        source.read = True
        return self._forget_if_complete(name)

    def _add(self, unit: Unit) -> None:
        source = self._sources.get(unit.source)
        if source is None:
            source = self._sources[unit.source] = _Source(next(self._numbers))
        known = source.open | source.done
        unknown = [key for key in unit.after if key not in known]
        if unit.key in known or unknown:
            fault = f"waits for {unknown[0]!r}, which does not come before it" if unknown else "comes twice"
            raise BadInput(f"unit {unit.key!r} {fault}", where=unit.source)
        if unit.resource not in self._doers:
            raise BadInput(f"unit {unit.key!r} asks for the unknown class {unit.resource!r}", where=unit.source)
        source.open.add(unit.key)
        self.waiting[unit.step] += 1
        number = next(self._numbers)
        if source.done.issuperset(unit.after):
            self._push(source, number, unit)
        else:
            source.blocked.append((number, unit))

    def _push(self, source: _Source, number: int, unit: Unit) -> None:
        heapq.heappush(self._ready.setdefault(self._doers[unit.resource], []), (source.number, number, unit))

    def ripen(self, now: float) -> None:
        """Let go the units whose time to be tried again has come."""
        while self._later and self._later[0][0] <= now:
            _, number, unit = heapq.heappop(self._later)
            if unit.source in self._sources:
                self._push(self._sources[unit.source], number, unit)

    def peek(self, resource: str) -> Unit | None:
        """The unit whose turn it is among those that this class does."""
        queue = self._ready.get(resource)
        return queue[0][2] if queue else None

    def ready(self, resource: str) -> int:
        """Units of this class that could run at once."""
        return len(self._ready.get(resource, []))

    def is_live(self, unit: Unit) -> bool:
        """Whether the unit is still to be done: its source has not been given up."""
        source = self._sources.get(unit.source)
        return source is not None and unit.key in source.open

    def take(self, resource: str) -> Unit:
        """The unit that `peek` showed, no longer waiting."""
        unit = heapq.heappop(self._ready[resource])[2]
        self.waiting[unit.step] -= 1
        return unit

    def retry(self, unit: Unit, due: float = 0.0) -> None:
        """Take a unit back that was not done; it is let go again at the time `due`."""
        if self.is_live(unit):
            self.waiting[unit.step] += 1
            heapq.heappush(self._later, (due, next(self._numbers), unit))

    def done(self, unit: Unit, further: Iterable[Unit] = ()) -> list[str]:
        """A unit is done and has led to further ones of its source. Returns the source if it is complete now."""
        source = self._sources.get(unit.source)
        if source is None:
            return []
        source.open.discard(unit.key)
        source.done.add(unit.key)
        for more in further:
            if more.source != unit.source:
                raise BadInput(f"unit {more.key!r} is of another source", where=unit.source)
            self._add(more)
        free = [entry for entry in source.blocked if source.done.issuperset(entry[1].after)]
        source.blocked = [entry for entry in source.blocked if entry not in free]
        for number, freed in free:
            self._push(source, number, freed)
        return self._forget_if_complete(unit.source)

    def _forget_if_complete(self, name: str) -> list[str]:
        source = self._sources[name]
        if source.open or not source.read:
            return []
        del self._sources[name]
        return [name]

    def give_up(self, name: str, running: Iterable[Unit]) -> int:
        """Forget a source; `running` are units of it at workers. Returns the number of its units not done any more."""
        source = self._sources.pop(name, None)
        if source is None:
            return 0
        if not source.read:
            self._dead.add(name)
        queued = [unit for queue in self._ready.values() for *_, unit in queue] + [unit for *_, unit in self._later]
        waiting = [u for u in itertools.chain(queued, (u for _, u in source.blocked)) if u.source == name]
        self.waiting.subtract(unit.step for unit in waiting)
        self._ready = {kind: _without(queue, name) for kind, queue in self._ready.items()}
        self._later = _without(self._later, name)
        return len(waiting) + sum(unit.source == name for unit in running)


def _without(queue: list[Any], name: str) -> list[Any]:
    kept = [entry for entry in queue if entry[2].source != name]
    heapq.heapify(kept)
    return kept
