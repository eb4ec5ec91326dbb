"""What a worker takes before there is a system to train: a program that `--estimate` runs, since it differs by build.
Prints the KiB that it held at most and the seconds that the engine itself adds to a step."""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from typing import Any, ClassVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from talkie.systems import Card, Optimiser, Phase, System, SystemConfig, load_system
from talkie.training.config import TrainConfig
from talkie.training.costs import counted
from talkie.training.deepspeed_setup import choose_accelerator

WARM, MEASURED = 5, 20


class _One(System):
    """A system of one weight."""

    card: ClassVar[Card] = Card(slug="one", title="", paper="", task="", licence="", needs=())
    Config: ClassVar = SystemConfig
    presets: ClassVar = {}
    constants: ClassVar = {}

    def __init__(self) -> None:
        super().__init__(SystemConfig())
        self.weight = nn.Parameter(torch.ones(1))

    def prepare(self, clips: Any) -> None: ...
    def restore(self, constants: Any) -> None: ...
    def generate(self, request: Any) -> Any: ...

    def phases(self) -> tuple[Phase, ...]:
        return ()

    def losses(self, batch: Any, phase: str, role: str) -> dict[str, Tensor]:
        return {"loss": self.weight.square().sum()}


def main(slug: str) -> None:
    """`slug`: the system that will be trained, for what its modules import."""
    choose_accelerator()
    torch.set_num_threads(1)
    import ray.train.torch  # noqa: F401

    import talkie.training.worker  # noqa: F401
    from talkie.training.engine import PhaseEngine
    from talkie.training.randomness import reseed

    load_system(slug)
    os.environ["LOCAL_RANK"] = "0"
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    phase = Phase("all", WARM + MEASURED, {"model": Optimiser(1e-3)})
    engine = PhaseEngine(_One(), phase, TrainConfig(system=slug, batch_size=1, threads=1), 1)
    times: list[float] = []
    with counted([]):
        engine.step(0, [{"ids": ["a"]}])
    for number in range(WARM + MEASURED):
        began = time.perf_counter()
        reseed(0, number, 0)
        engine.step(number, [{"ids": ["a"]}])
        times.append(time.perf_counter() - began)
    # ru_maxrss is in KiB on Linux.
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, statistics.median(times[WARM:]))


if __name__ == "__main__":
    main(sys.argv[1])
