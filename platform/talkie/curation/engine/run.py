"""`run`: all units of an iterator on Ray, whatever becomes of one of them. What they are is the caller's affair."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from talkie.cluster import start_ray
from talkie.curation.engine.backlog import Backlog
from talkie.curation.engine.events import Event
from talkie.curation.engine.feed import ThreadedFeed
from talkie.curation.engine.memory import free_memory
from talkie.curation.engine.shift import Shift
from talkie.curation.engine.state import ClusterLost, State
from talkie.curation.engine.unit import CPU, Factory, Limits, Unit
from talkie.errors import RunFailed

_CLUSTERS = 3
"""Times that Ray is started for one run, should it be killed on this machine."""

_SHARE_OF_FREE = 0.8


def run(
    units: Iterable[Unit],
    factory: Factory,
    limits: Limits,
    on_event: Callable[[Event], None] = lambda event: None,
    *,
    total_sources: int | None = None,
) -> None:
    """Do every unit, each by a worker of `factory`, within `limits`.

    units: read lazily, by a thread, no faster than they are done; may be endless. The units of a source come one after
    another; they run side by side but for what `after` says. A unit that fails for good costs its own source alone.
    on_event: called in this thread, which goes on when it returns. What it raises ends the run. total_sources: for the
    time left.

    Ctrl-C and SIGTERM raise KeyboardInterrupt here; running units are abandoned, what workers have staged stays.
    Raises RunFailed (workers cannot start, or Ray was lost too often), BadConfig (the memory limit does not hold one
    worker), DiskFull, and what `factory` or `units` raise.
    """
    feed = ThreadedFeed(units)
    wanted = limits.workers
    kinds = limits.resources
    cpus = None if wanted is None else math.ceil(wanted * kinds[CPU].cpus)
    state: State | None = None
    try:
        for _ in range(_CLUSTERS):
            # Ray sets a handler of its own when it starts; ours has to come after it.
            with start_ray(num_cpus=cpus, bare=True) as cluster, _stops_on_sigterm():
                has_gpu = cluster.gpus > 0
                doers = {name: name if has_gpu or not kind.gpus else CPU for name, kind in kinds.items()}
                if state is None:
                    memory = limits.memory_bytes or int(free_memory() * _SHARE_OF_FREE)
                    state = State(Backlog(feed, doers), limits, memory, on_event, total_sources)
                here = {name: kind for name, kind in kinds.items() if doers[name] == name}
                try:
                    Shift(state, cluster, factory, here).work()
                    return
                except ClusterLost:
                    if not cluster.started:
                        break
        raise RunFailed("Ray was lost on this machine", cure="run again: what was finished is kept")
    finally:
        feed.stop()


@contextmanager
def _stops_on_sigterm() -> Iterator[None]:
    """SIGTERM as Ctrl-C, where signals can be had; Ray's own handler would end the process without a word."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
