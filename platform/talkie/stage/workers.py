"""Takes on many cores: Ray tasks, bounded in flight, in any order; one worker is this process itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from talkie.cluster import start_ray
from talkie.errors import RunFailed, TalkieError
from talkie.stage.shoot import Shoot

Result = TypeVar("Result")
_IN_FLIGHT = 2
"""Tasks waiting or running per core: enough to keep it busy, few enough to bound what lies in the object store."""


def each_take(
    work: Callable[[Shoot, int, int, bool], Result],
    shoot: Shoot,
    clips: int,
    numbers: list[int],
    footage: bool,
    workers: int | None,
) -> Iterator[tuple[int, Result]]:
    """(number, result) of every take as it finishes. `workers` None means all cores of this machine or cluster.

    A worker that dies is replaced and its take filmed again, twice at most. Errors of the stage come through typed."""
    if not numbers:
        return
    if workers == 1 or len(numbers) == 1:
        yield from ((number, work(shoot, clips, number, footage)) for number in numbers)
        return
    import ray

    with start_ray(num_cpus=workers) as cluster:
        remote = ray.remote(num_cpus=1, max_retries=2)(work)
        description = ray.put(shoot)
        waiting, running = list(reversed(numbers)), dict[Any, int]()
        try:
            while waiting or running:
                while waiting and len(running) < _IN_FLIGHT * (workers or cluster.cpus):
                    number = waiting.pop()
                    running[remote.remote(description, clips, number, footage)] = number
                done, _ = ray.wait(list(running), num_returns=1)
                for reference in done:
                    yield running.pop(reference), _fetch(reference)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)


def _fetch(reference: Any) -> Any:
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, TalkieError):
            raise error.cause from None
        raise
    except ray.exceptions.WorkerCrashedError as error:
        raise RunFailed("a filming process died three times", cure="look for an out-of-memory kill in dmesg") from error
