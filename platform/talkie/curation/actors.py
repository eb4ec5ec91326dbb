"""Curation's work on Ray: a pool of actors, one source at a time each; what they do to a source is `process`'s."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkie.cluster import start_ray
from talkie.curation.config import CurateConfig
from talkie.curation.process import Curator, Outcome
from talkie.curation.sources import SourceFile
from talkie.curation.staging import Staging
from talkie.errors import RunFailed, WorkerDied
from talkie.shards import LedgerEntry

ATTEMPTS = 2
"""Times a source is given to a worker before its death counts as the source's fault."""


@dataclass(frozen=True)
class Brief:
    """What an actor tells of a finished source; the work itself lies staged on disk."""

    clips: int
    footage_s: float
    cause: str | None


class CurationActor:
    """A Curator in a process of its own, on one core."""

    def __init__(self, config: CurateConfig, out: str, settings_digest: str) -> None:
        import cv2
        import torch

        from talkie.heads import builtin_head

        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        self._curator = Curator(config, builtin_head(), settings_digest)
        self._staging = Staging(Path(out), settings_digest)

    def ready(self) -> bool:
        return True

    def process(self, source: SourceFile) -> Brief:
        outcome = self._curator.process(source)
        self._staging.put(source.key, outcome)
        return brief(outcome)


def brief(outcome: Outcome) -> Brief:
    return Brief(len(outcome.clips), outcome.footage_s, outcome.entries[-1].cause)


Report = Callable[[str, SourceFile, Brief | None], None]
"""Called with ("started" | "finished", source, its brief once finished)."""


def run(
    sources: list[SourceFile],
    staging: Staging,
    out: Path,
    config: CurateConfig,
    settings_digest: str,
    workers: int | None,
    report: Report,
) -> None:
    """Stage the outcome of every source. On a cluster of several machines `out` must be on a shared disk.

    A worker that dies is replaced; its source gets a second try, then it is a dead letter. Raises RunFailed
    where workers cannot even start.
    """
    import ray

    with start_ray(num_cpus=workers) as cluster:
        pool = _Pool((config, str(out.resolve()), settings_digest), min(workers or cluster.cpus, len(sources)))
        # The largest first: the last core to finish then finishes early.
        queue = deque((source, 1) for source in sorted(sources, key=lambda s: (-s.size, s.uri)))
        pending: dict[Any, tuple[Any, SourceFile, int]] = {}
        while queue or pending:
            while queue and pool.idle:
                source, attempt = queue.popleft()
                actor = pool.idle.pop()
                pending[actor.process.remote(source)] = (actor, source, attempt)
                report("started", source, None)
            ready, _ = ray.wait(list(pending), num_returns=1, timeout=1.0)
            for reference in ready:
                actor, source, attempt = pending.pop(reference)
                try:
                    result = ray.get(reference)
                except ray.exceptions.RayTaskError as error:
                    raise RunFailed(f"a curation worker failed: {error.cause}", where=source.name) from error
                except ray.exceptions.RayError as error:
                    pool.replace()
                    if attempt < ATTEMPTS:
                        queue.append((source, attempt + 1))
                        continue
                    outcome = _worker_died(source, settings_digest, error)
                    staging.put(source.key, outcome)
                    result = brief(outcome)
                else:
                    pool.idle.append(actor)
                report("finished", source, result)
        pool.close()


class _Pool:
    """Actors that wait for a source."""

    def __init__(self, arguments: tuple[Any, ...], size: int) -> None:
        import ray

        self._arguments = arguments
        # Ray's stubs do not know the methods that it adds.
        self._kind: Any = ray.remote(num_cpus=1, max_restarts=0)(CurationActor)
        self._all: list[Any] = [self._kind.remote(*arguments) for _ in range(size)]
        self.idle: list[Any] = list(self._all)
        try:
            ray.get([actor.ready.remote() for actor in self.idle])
        except ray.exceptions.RayError as error:
            cause = str(error).strip().splitlines()[-1]
            raise RunFailed(f"curation workers cannot start: {cause}") from error

    def replace(self) -> None:
        """A fresh actor in the place of one that died."""
        actor = self._kind.remote(*self._arguments)
        self._all.append(actor)
        self.idle.append(actor)

    def close(self) -> None:
        """End the actors: on a cluster that goes on, they would keep their cores."""
        import ray

        for actor in self._all:
            ray.kill(actor)


def _worker_died(source: SourceFile, settings_digest: str, error: Exception) -> Outcome:
    reason = str(error).strip().splitlines()[0]
    message = str(WorkerDied(f"the worker died {ATTEMPTS} times ({reason})", where=source.name))
    entry = LedgerEntry(
        sha256=source.key,
        name=source.name,
        uri=source.uri,
        status="dead",
        cause=WorkerDied.cause,
        message=message,
        step="process",
        settings=settings_digest,
    )
    return Outcome(entries=[entry])
