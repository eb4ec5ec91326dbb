"""What is done about a unit that failed: another try, or its source is given up. Watching is not done here."""

from __future__ import annotations

import time
from typing import NoReturn

from talkie.cluster import Cluster
from talkie.curation.engine.crew import Crew, Hand
from talkie.curation.engine.events import Retried, SourceDied
from talkie.curation.engine.memory import kernel_kills
from talkie.curation.engine.state import ClusterLost, State
from talkie.curation.engine.unit import Unit
from talkie.errors import OutOfMemory, TalkieError, TimedOut, WorkerDied

_MOVES = 5
"""Times that a unit may lose its machine under it."""


class Faults:
    """Answers the faults of one stretch of a run."""

    def __init__(self, state: State, cluster: Cluster, crew: Crew) -> None:
        self._state, self._cluster, self._crew = state, cluster, crew
        self._kernel_kills = kernel_kills()

    def lost(self, hand: Hand, error: Exception) -> None:
        """An actor has ended without an answer."""
        if not self._cluster.is_alive():
            self.abandon()
        if hand.seat is None:
            self._crew.false_start(hand, error)
        else:
            self.dropped(hand, self._cause(hand, error))

    def _cause(self, hand: Hand, error: Exception) -> TalkieError | None:
        """Why an actor ended; None where its machine did."""
        import ray

        if self._crew.has_lost(hand):
            return None
        before, self._kernel_kills = self._kernel_kills, kernel_kills()
        if isinstance(error, ray.exceptions.OutOfMemoryError) or self._kernel_kills > before:
            return OutOfMemory("the worker was ended for want of memory")
        return WorkerDied("the worker died (a crash in native code, or somebody killed it)")

    def dropped(self, hand: Hand, error: TalkieError | None) -> None:
        """End an actor whose units shall not or cannot go on there; without an error they are not to blame."""
        units = hand.units
        self._crew.end(hand)
        for unit in units:
            trouble = self._state.note(unit)
            if error is None and trouble.moves < _MOVES:
                trouble.moves += 1
                self._state.backlog.retry(unit)
            elif len(units) > 1:
                # Which of them it was shows when each has an actor for itself.
                trouble.single = True
                self._state.backlog.retry(unit)
            else:
                cause = error or WorkerDied(f"its machine was lost {_MOVES + 1} times")
                self.failed(unit, type(cause)(cause.message, where=unit.source, cure=cause.cure))

    def failed(self, unit: Unit, error: TalkieError) -> None:
        """Another try, where that can help; else its source is a dead letter."""
        trouble, limits = self._state.note(unit), self._state.limits
        if isinstance(error, OutOfMemory | TimedOut | WorkerDied):
            trouble.deaths += 1
            trouble.alone = isinstance(error, OutOfMemory)
            attempt, again, pause_s = trouble.deaths, trouble.deaths < limits.attempts, 0.0
        else:
            trouble.transients += 1
            attempt, again = trouble.transients, error.transient and trouble.transients < limits.patience
            pause_s = limits.backoff_s * 2 ** (attempt - 1)
        if again:
            self._state.backlog.retry(unit, time.monotonic() + pause_s)
            self._state.tell(Retried(unit, error, attempt))
        else:
            self.die(unit, error, attempt)

    def die(self, unit: Unit, error: TalkieError, attempts: int) -> None:
        """Give up the unit and with it its source; what runs of that elsewhere is ended."""
        state = self._state
        state.meter.failed[unit.step] += 1
        state.meter.sources_dead += 1
        mates = [hand for hand in self._crew.hands if any(u.source == unit.source for u in hand.units)]
        doomed = [u for hand in mates for u in hand.units if u.source == unit.source and u.key != unit.key]
        cancelled = state.backlog.give_up(unit.source, doomed)
        for one in (unit, *doomed):
            state.troubles.pop(one.key, None)
        for hand in mates:
            innocent = [u for u in hand.units if u.source != unit.source]
            self._crew.end(hand)
            for other in innocent:
                state.backlog.retry(other)
        state.tell(SourceDied(unit, error, attempts, cancelled))

    def abandon(self) -> NoReturn:
        """Ray is gone: its workers are ended, their units wait again."""
        for hand in list(self._crew.hands):
            units = hand.units
            self._crew.end(hand)
            for unit in units:
                self._state.backlog.retry(unit)
        raise ClusterLost
