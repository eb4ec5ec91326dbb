"""A watcher that looks at a few frames a second and keeps the median of what it measures; scores say what that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version

import numpy as np

from talkie.curation.draft import Draft, Findings, View, Watcher
from talkie.curation.judgement.scores.patches import PICK

Measure = Callable[[View], Mapping[str, float]]


@cache
def own_tool(name: str) -> str:
    """`tool` of a score that talkie computes itself."""
    return f"talkie {name} {version('talkie')}"


def rounded(scores: Mapping[str, float]) -> dict[str, float]:
    """Six digits: far beyond what a score means, and the last bit of a sum stays out of the shards."""
    return {name: round(float(value), 6) for name, value in scores.items()}


class Sampled(Watcher):
    """The medians over frames picked `PICK` apart, where the landmarks were seen. A measure may leave a name out of a
    frame that does not show it; a name that no frame shows has no score."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._next = 0
        self._count = 0
        self._found: dict[str, list[float]] = {}

    def see(self, view: View) -> None:
        count, self._count = self._count, self._count + 1
        if count < self._next or not view.seen:
            return
        self._next = count + PICK
        for name, value in self._measure(view).items():
            self._found.setdefault(name, []).append(value)

    def finish(self, draft: Draft) -> Findings:
        return Findings(scores=rounded({name: float(np.median(values)) for name, values in self._found.items()}))
