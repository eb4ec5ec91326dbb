"""Finds partners: clips that agree with another in some attributes and differ in others. When one is drawn is the
loader's business."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from talkie.systems import Partner
from talkie.training.loading.catalogue import Catalogue
from talkie.training.loading.chance import mixed

_TRIES = 64
"""Draws at random before all candidates are listed: enough where one in ten of a group fits."""


class Partners:
    """The partners of each of `rows` (K,) under one rule, among `rows`; they come from the clip's own corpus, because
    a person's name means nothing in another. A clip without one of the attributes neither has partners nor is one.

    Nothing grows with the number of pairs: groups of clips that agree are runs of one sorted array."""

    def __init__(self, catalogue: Catalogue, rows: np.ndarray, rule: Partner):
        self._rows, self._rule = rows, rule
        same = [catalogue.corpus[rows].astype(np.int64)] + [catalogue.codes(a)[0][rows] for a in rule.same]
        self._differs = [catalogue.codes(a)[0][rows] for a in rule.differs]
        self._known = np.all([c >= 0 for c in (*same, *self._differs)], axis=0)
        self._group = _joined(same)
        self._group[~self._known] = -1
        self._sorted = np.argsort(self._group, kind="stable")
        ordered = self._group[self._sorted]
        self._begin = np.searchsorted(ordered, self._group, "left")
        self._end = np.searchsorted(ordered, self._group, "right")
        self._place = {int(row): number for number, row in enumerate(rows)}
        self.count = np.where(self._known, self._counted(), 0)
        """(K,): how many partners each clip has."""

    def draw(self, row: int, key: int, position: int) -> int:
        """A partner of a clip that has one, each with the same chance: a function of the arguments."""
        me = self._place[row]
        begin, size = self._begin[me], int(self._end[me] - self._begin[me])
        for attempt in range(_TRIES):
            other = self._sorted[begin + mixed(key, position, attempt) % size]
            if self._fits(me, other):
                return int(self._rows[other])
        fitting = [other for other in self._sorted[begin : begin + size] if self._fits(me, other)]
        return int(self._rows[fitting[mixed(key, position, _TRIES) % len(fitting)]])

    def _fits(self, me: int, other: int) -> bool:
        return other != me and all(codes[me] != codes[other] for codes in self._differs)

    def _counted(self) -> np.ndarray:
        """Inclusion and exclusion over the attributes that must differ: from the clips of the group, those are taken
        that agree in one of them, those that agree in two are put back, and so on."""
        if not self._differs:
            return self._end - self._begin - 1
        total = np.zeros(len(self._rows), np.int64)
        for size in range(len(self._differs) + 1):
            for chosen in combinations(self._differs, size):
                keys = _joined([self._group, *chosen])
                _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
                total += (-1) ** size * counts[inverse]
        return total


def _joined(codes: list[np.ndarray]) -> np.ndarray:
    """(K,) int64: equal numbers exactly where all of the codes are equal."""
    joined = np.zeros(len(codes[0]), np.int64)
    for column in codes:
        _, values = np.unique(column, return_inverse=True)
        _, joined = np.unique(joined * (int(values.max(initial=0)) + 1) + values, return_inverse=True)
    return joined.astype(np.int64)
