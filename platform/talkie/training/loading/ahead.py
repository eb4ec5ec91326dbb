"""Prepares the examples of coming steps on threads of this process. What an example is made of is reading.py's.

Threads, not processes: the codecs, PyAV, Pillow, zlib and hashing work without the interpreter's lock, one memory of
decoded pictures serves all, a system's weights need not be sent anywhere, and nothing can outlive the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from talkie.training.loading.reading import Prepared

_PARTS = 4
"""Parts of a batch for each thread: enough to even out long and short clips."""

Prepare = Callable[[int], Prepared]


class Ahead:
    """`loaders` threads that keep `steps` steps ahead of the one asked for; without loaders, work is done on the spot.

    positions(step) are those of a step; `stop` is the first step that will never be asked for, or None."""

    def __init__(self, prepare: Prepare, positions: Callable[[int], range], loaders: int, steps: int, stop: int | None):
        self._prepare, self._positions, self._steps, self._stop = prepare, positions, steps, stop
        self._pool = ThreadPoolExecutor(loaders, "talkie-loader") if loaders else None
        self._parts = max(1, _PARTS * loaders)
        self._coming: dict[int, list[Future[list[Prepared]]]] = {}

    def begin(self, step: int) -> None:
        """Starts on a step and on those after it; what was begun of any other is dropped."""
        if self._pool is None:
            return
        last = step + self._steps if self._stop is None else min(step + self._steps, max(step, self._stop - 1))
        for other in [s for s in self._coming if not step <= s <= last]:
            _cancel(self._coming.pop(other))
        for coming in range(step, last + 1):
            if coming not in self._coming:
                positions = self._positions(coming)
                size = -(-len(positions) // self._parts)
                parts = [positions[at : at + size] for at in range(0, len(positions), size)]
                self._coming[coming] = [self._pool.submit(self._part, part) for part in parts]

    def step(self, step: int) -> list[Prepared]:
        """The examples of a step, in order. Raises what preparing them raised."""
        if self._pool is None:
            return self._part(self._positions(step))
        self.begin(step)
        return [item for future in self._coming.pop(step) for item in future.result()]

    def close(self) -> None:
        """Waits for what is being prepared and drops the rest."""
        if self._pool is not None:
            for futures in self._coming.values():
                _cancel(futures)
            self._coming.clear()
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _part(self, positions: Sequence[int]) -> list[Prepared]:
        return [self._prepare(position) for position in positions]


def _cancel(futures: list[Future[list[Prepared]]]) -> None:
    for future in futures:
        future.cancel()
