"""Who may hold how much memory: the limit, what is claimed of it, and who has to go when it gets tight."""

from __future__ import annotations

from talkie.curation.engine.crew import Crew, Hand
from talkie.curation.engine.memory import Census

ADMIT = 0.90
"""Share of the limit up to which work is begun; what lies above it is for estimates that were too low."""

END = 0.95
"""Share of the limit at which the worker furthest over its estimate is ended."""

_NOTICEABLE = 0.02


class Room:
    """The memory of this machine as `crew` shares it.

    Other machines are taken to have the same limit; what else runs on them is not known here, so that there only the
    estimates count.
    """

    def __init__(self, crew: Crew, limit: int) -> None:
        self._crew, self.limit = crew, limit
        self.census = Census()
        self._changes = -1
        self._rest = 0
        self._count()

    def _count(self) -> None:
        """What all hold, and of that what the driver and Ray do: whatever is no actor with a unit to do."""
        self.census.take(anew=self._changes != self._crew.changes)
        self._changes = self._crew.changes
        for hand in self._crew.hands:
            self._crew.weigh(hand)
        self._rest = self.census.total - sum(hand.rss for hand in self._local())

    def _local(self) -> list[Hand]:
        return [hand for hand in self._crew.hands if hand.process is not None]

    def left(self, without: Hand | None = None) -> int:
        """Bytes below `ADMIT` that nobody claims, but for the claim of one actor."""
        if self._changes != self._crew.changes:
            self._count()
        claims = sum(hand.claim for hand in self._local() if hand is not without)
        starting = sum(self._crew.usual for hand in self._crew.hands if hand.seat is None)
        return int(self.limit * ADMIT) - self._rest - claims - starting

    def fits(self, hand: Hand, size: int) -> bool:
        """Whether that actor could take on work of `size` bytes now."""
        if hand.process is not None:
            return hand.rss + size <= self.left(without=hand)
        near = [h for h in self._crew.hands if h.node == hand.node and h is not hand]
        return sum(h.claim for h in near) + hand.rss + size <= self.limit * ADMIT

    def another_fits(self, size: int) -> bool:
        """Whether one more actor could begin and take on work of `size` bytes; not known before there ever was one."""
        return not self._crew.hands or not self._crew.usual or self.left() >= self._crew.usual + size

    def has_grown(self, hand: Hand) -> bool:
        """Whether a fresh actor would hold noticeably less."""
        return hand.rss > hand.settled + _NOTICEABLE * self.limit

    def has_outgrown(self, hand: Hand) -> bool:
        """Whether an actor without work holds more than its even share: it has grown, and a fresh one holds less."""
        if hand.process is None:
            return False
        share = (self.limit * ADMIT - self._rest) / len(self._local())
        return hand.rss > share and self.has_grown(hand)

    def watch(self) -> Hand | None:
        """Count; the actor that has to end because the limit is near, or None."""
        self._count()
        local = self._local()
        if self.census.total <= self.limit * END or not local:
            return None
        return max(local, key=lambda h: h.excess)


def mib(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"
