"""Which clip stands at each position of a phase: a pure function of (seed, phase, position), whoever asks and in
whatever sequence. What is drawn from the clip is decided in drawing.py."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from fractions import Fraction
from threading import Lock
from typing import Literal

import numpy as np

from talkie.errors import BadConfig
from talkie.training.loading.chance import key_of, mixed, permutation

_BLOCK = 1024
"""Positions among which corpora are shuffled; over a whole block the shares are exact to one clip."""
_DENOMINATOR = 10**6


class Order:
    """The rows (of a catalogue) of a phase, position by position.

    Without weights the corpora are one: every clip comes `windows` times an epoch, in an order of its own each epoch.
    With weights (one a corpus), each corpus has its own epochs, and of the first n positions, n a multiple of 1024,
    corpus c has n * share to within one a corpus. With balance "identity", the people of a corpus take turns, in a
    new order each turn, and so do the clips of each.
    """

    def __init__(
        self,
        pools: Sequence[tuple[np.ndarray, np.ndarray]],
        weights: Sequence[float] | None,
        *,
        seed: int,
        phase: str,
        windows: int = 1,
        balance: Literal["none", "identity"] = "none",
    ):
        """pools: for each corpus its rows (K,) and their identities (K,) as numbers."""
        if weights is not None and len(weights) != len(pools):
            raise BadConfig(f"{len(weights)} weights for {len(pools)} corpora", cure="give each corpus one")
        if weights is None:
            pools = [(np.concatenate([r for r, _ in pools]), np.concatenate(_apart([i for _, i in pools])))]
        for number, (rows, _) in enumerate(pools):
            if not len(rows):
                raise BadConfig(f"corpus {number} has no clip to draw", cure="leave it out or relax what filters it")
        kind = _Turns if balance == "identity" else _Epochs
        self._pools = [
            kind(rows, people, key_of(seed, phase, "order", number), windows)
            for number, (rows, people) in enumerate(pools)
        ]
        self._mix = _Mix(weights or [1.0], key_of(seed, phase, "mix"))
        self._spare = key_of(seed, phase, "spare")
        self.epoch = windows * sum(len(rows) for rows, _ in pools)
        """Positions of an epoch."""

    def row(self, position: int) -> int:
        """The clip at a position."""
        pool, number = self._mix.at(position)
        return self._pools[pool].row(number)

    def substitute(self, position: int, attempt: int) -> int:
        """The clip that stands in where the one at a position, and `attempt` - 1 substitutes, cannot be read."""
        rows = self._pools[self._mix.at(position)[0]].rows
        return int(rows[mixed(self._spare, position, attempt) % len(rows)])


def _apart(identities: list[np.ndarray]) -> list[np.ndarray]:
    """Numbers under which nobody in one corpus is taken for somebody in another, for want of knowing better."""
    base, apart = 0, []
    for numbers in identities:
        apart.append(numbers + base)
        base += int(numbers.max(initial=-1)) + 1
    return apart


class _Mix:
    """Which corpus a position belongs to, and how many positions before it do: share by share, the first corpus takes
    floor((p + 1) a) - floor(p a) of the positions, the next its part of what is left, and so on."""

    def __init__(self, weights: Sequence[float], key: int):
        exact = [Fraction(weight).limit_denominator(_DENOMINATOR) for weight in weights]
        self._shares = [w / sum(exact[number:]) for number, w in enumerate(exact)]
        self._key, self._blocks = key, _Recent(4)

    def at(self, position: int) -> tuple[int, int]:
        if len(self._shares) == 1:
            return 0, position
        block, offset = divmod(position, _BLOCK)
        # Unshuffled, the turns of the corpora would beat against the batch: one worker might never see one of them.
        order = self._blocks.get(block, lambda: permutation(_BLOCK, self._key, block))
        left = block * _BLOCK + int(order[offset])
        for corpus, share in enumerate(self._shares):
            taken = left * share.numerator // share.denominator
            if (left + 1) * share.numerator // share.denominator > taken:
                return corpus, taken
            left -= taken
        raise AssertionError("the last share is 1")


class _Epochs:
    """Every clip of a corpus `windows` times an epoch."""

    def __init__(self, rows: np.ndarray, people: np.ndarray, key: int, windows: int):
        del people
        self.rows, self._key, self._windows, self._epochs = rows, key, windows, _Recent(2)

    def row(self, number: int) -> int:
        epoch, offset = divmod(number, len(self.rows) * self._windows)
        order = self._epochs.get(epoch, lambda: permutation(len(self.rows) * self._windows, self._key, epoch))
        return int(self.rows[order[offset] // self._windows])


class _Turns:
    """One clip of every person a round; a person's clips each `windows` times before the first comes again."""

    def __init__(self, rows: np.ndarray, people: np.ndarray, key: int, windows: int):
        self.rows, self._key, self._windows = rows, key, windows
        by_person = np.argsort(people, kind="stable")
        self._sorted = rows[by_person]
        _, starts = np.unique(people[by_person], return_index=True)
        self._starts = np.append(starts, len(rows))
        self._rounds = _Recent(2)
        # One cycle of each person is all that consecutive positions ask for: together no larger than an epoch.
        self._cycles = _Recent(len(starts))

    def row(self, number: int) -> int:
        count = len(self._starts) - 1
        turn, offset = divmod(number, count)
        person = int(self._rounds.get(turn, lambda: permutation(count, self._key, turn))[offset])
        begin, end = self._starts[person], self._starts[person + 1]
        size = int(end - begin) * self._windows
        cycle, offset = divmod(turn, size)
        key = mixed(self._key, person)
        order = self._cycles.get((person, cycle), lambda: permutation(size, key, cycle))
        return int(self._sorted[begin + order[offset] // self._windows])


class _Recent:
    """The few permutations that are in use, for several threads."""

    def __init__(self, limit: int):
        self._limit, self._lock = limit, Lock()
        self._held: OrderedDict[object, np.ndarray] = OrderedDict()

    def get(self, name: object, make: Callable[[], np.ndarray]) -> np.ndarray:
        with self._lock:
            found = self._held.get(name)
            if found is None:
                found = self._held[name] = make()
                if len(self._held) > self._limit:
                    self._held.popitem(last=False)
            return found
