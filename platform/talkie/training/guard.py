"""Judges losses before they reach the weights: not finite, or far above what they have been. What follows from a
verdict is decided in phase_run.py."""

from __future__ import annotations

import math
import statistics
from collections import deque
from typing import Any

WINDOW, LEAST = 64, 16
"""Steps that the running median is taken over, and how many there must be before anything counts as a spike."""


class Guard:
    """Keeps the last absolute losses of each role. `factor`: times their median that is still let through; 0 lets
    everything finite through."""

    def __init__(self, factor: float):
        self.factor = factor
        self.in_a_row = 0
        self._seen: dict[str, deque[float]] = {}

    def verdict(self, role: str, losses: dict[str, float]) -> str | None:
        """What is wrong with a role's losses, None for nothing; what is sound enters the median."""
        for name, value in losses.items():
            if not math.isfinite(value):
                return f"loss {name} is {value}"
        total = abs(sum(losses.values()))
        seen = self._seen.setdefault(role, deque(maxlen=WINDOW))
        limit = self.limit(role)
        if limit is not None and total > limit:
            return f"the loss of {role} is {total:.4g}, over {self.factor:g} times its median of {len(seen)} steps"
        seen.append(total)
        return None

    def limit(self, role: str) -> float | None:
        """The absolute loss from which on it is a spike."""
        seen = self._seen.get(role, ())
        if not self.factor or len(seen) < LEAST:
            return None
        return self.factor * statistics.median(seen)

    def state(self) -> dict[str, Any]:
        """JSON-able; part of a checkpoint, since a resumed run has to judge alike."""
        return {"in_a_row": self.in_a_row, "seen": {role: list(values) for role, values in self._seen.items()}}

    def load(self, state: dict[str, Any]) -> None:
        self.in_a_row = int(state["in_a_row"])
        self._seen = {role: deque(values, maxlen=WINDOW) for role, values in state["seen"].items()}
