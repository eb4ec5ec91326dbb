"""Counts what the engine does, for its status. It decides nothing."""

from __future__ import annotations

import time
from collections import Counter, deque

from talkie.curation.engine.events import StepStatus
from talkie.curation.engine.unit import Unit

_WINDOW_S = 60.0


class Meter:
    """Done and failed units by step since the start; rates over the last minute."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.sources_done = self.sources_dead = self.recycled = 0
        self._recent: deque[tuple[float, str, float]] = deque()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.started

    def finish(self, unit: Unit, wall_s: float) -> None:
        self.done[unit.step] += 1
        self._recent.append((time.monotonic(), unit.step, wall_s))

    def steps(self, waiting: Counter[str], running: list[tuple[Unit, float]], workers: int) -> dict[str, StepStatus]:
        """Status by step; `running`: units at workers with the seconds that each has taken so far."""
        now = time.monotonic()
        while self._recent and self._recent[0][0] < now - _WINDOW_S:
            self._recent.popleft()
        span = max(min(now - self.started, _WINDOW_S), 1e-3)
        count, seconds, at_work = Counter[str](), Counter[str](), Counter[str]()
        for _, step, wall_s in self._recent:
            count[step] += 1
            seconds[step] += min(wall_s, span)  # type: ignore[assignment]
        for unit, wall_s in running:
            at_work[unit.step] += 1
            seconds[unit.step] += min(wall_s, span)  # type: ignore[assignment]
        names = sorted(self.done.keys() | self.failed.keys() | at_work.keys() | (+waiting).keys())
        return {
            name: StepStatus(
                waiting=waiting[name],
                running=at_work[name],
                done=self.done[name],
                failed=self.failed[name],
                rate=count[name] / span,
                busy=min(1.0, seconds[name] / (span * max(workers, 1))),
            )
            for name in names
        }

    def eta_s(self, total_sources: int | None) -> float | None:
        over = self.sources_done + self.sources_dead
        if total_sources is None or over == 0:
            return None
        return self.elapsed_s * max(total_sources - over, 0) / over
