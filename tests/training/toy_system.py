"""A system small enough for tests of the engine, with everything that the contract lets a phase ask for; the clips it
is trained on are those of tone_clips."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import torch.distributed as dist
from torch import nn

from talkie.systems import Card, Optimiser, Phase, Schedule, System, SystemConfig, registry
from talkie.training import TrainConfig
from talkie.training.deepspeed_setup import choose_accelerator
from talkie.training.handover import Folders
from talkie.training.loading import Corpus
from talkie.training.run import prepare
from talkie.training.worker import Worker


class ToyConfig(SystemConfig):
    steps: int = 6
    plan: tuple[str, ...] = ("measure", "warm", "duel")
    poison: tuple[str, ...] = ()
    dropout: float = 0.1


class Toy(System):
    """Learns the mean jaw of a clip from its mean expression. `measure` fits a scale; `warm` trains the maker with an
    exponential mean; `duel` trains maker and judge in turns. Clips in `poison` have a loss that is no number."""

    card: ClassVar[Card] = Card(slug="toy", title="", paper="", task="", licence="", needs=("head.npz",))
    Config: ClassVar = ToyConfig
    presets: ClassVar = {"tiny": ToyConfig()}
    config: ToyConfig

    def __init__(self, config: SystemConfig):
        super().__init__(config)
        self.maker = nn.Sequential(nn.Linear(52, 8), nn.Dropout(config.dropout), nn.Linear(8, 3))
        self.judge = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))
        self.fitted = 0

    def prepare(self, clips): ...

    @property
    def constants(self) -> dict[str, Any]:
        return {"fitted": self.fitted}

    def restore(self, constants):
        self.fitted = constants["fitted"]

    def phases(self):
        both = {
            "maker": Optimiser(1e-2, trains=("maker.",), clip_norm=1.0, schedule=Schedule("cosine")),
            "judge": Optimiser(1e-2, trains=("judge.",), algorithm="adamw", rates={"judge.2.": 0.5}, every=2, begin=1),
        }
        every = {
            "measure": Phase("measure"),
            "warm": Phase("warm", self.config.steps, {"maker": both["maker"]}, ema=0.5),
            "patient": Phase("patient", self.config.steps, {"maker": Optimiser(0.05, trains=("maker.",))}, patience=3),
            "duel": Phase("duel", self.config.steps, both, batch_size=2),
        }
        return tuple(every[name] for name in self.config.plan)

    def fit(self, phase, clips):
        jaws = [torch.from_numpy(clip.fields["head.npz"].jaw).abs().mean() for clip in clips]
        self.scale = torch.stack(jaws).mean()
        self.fitted = len(jaws)

    def example(self, clip, draw):
        head = clip.fields["head.npz"]
        return {
            "id": clip.id,
            "x": torch.from_numpy(head.expression).mean(0),
            "y": torch.from_numpy(head.jaw).mean(0),
        }

    def collate(self, examples):
        return {
            "ids": [e["id"] for e in examples],
            "x": torch.stack([e["x"] for e in examples]),
            "y": torch.stack([e["y"] for e in examples]),
        }

    def losses(self, batch, phase, role):
        made = self.maker(batch["x"])
        if role == "judge":
            made = batch["_made"]
            return {"judge": (self.judge(batch["y"]) - 1).square().mean() + self.judge(made).square().mean()}
        batch["_made"] = made.detach()
        error = (made - batch["y"]).square().mean() / self.scale
        if set(batch["ids"]) & set(self.config.poison):
            error = error * torch.nan
        return {"error": error, **({"fool": -self.judge(made).mean() * 0.01} if phase == "duel" else {})}

    def after_step(self, phase, step, moments):
        self.updates += 1

    def generate(self, request):
        return self.maker(request)


@contextmanager
def gloo_of_one() -> Iterator[None]:
    """A process group of this process alone. It stays: DeepSpeed holds on to the groups that it has seen first."""
    choose_accelerator()
    os.environ["LOCAL_RANK"] = "0"
    if not dist.is_initialized():
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield


@contextmanager
def toy_registered() -> Iterator[None]:
    """Lets the registry find the toy in this process."""
    patch = pytest.MonkeyPatch()
    known = registry.load_system
    patch.setattr(registry, "load_system", lambda slug: Toy if slug == "toy" else known(slug))
    yield
    patch.undo()


def toy_config(**changed: Any) -> TrainConfig:
    return TrainConfig(
        system="toy", **({"batch_size": 4, "threads": 1, "checkpoint_every": 4, "log_every": 1} | changed)
    )


def toy_worker(config: TrainConfig, data: Path, out: Path) -> Worker:
    """A worker in this process, world of one, whose run stands where `out` says."""
    folders = Folders(out)
    out.mkdir(parents=True, exist_ok=True)
    if not folders.prepared.exists():
        from talkie.shards import open_dataset

        system_config = registry.make_config(Toy, config.preset, config.overrides)
        prepare(config, Toy, system_config, [(open_dataset(data), None)], folders)
    return Worker(config, [Corpus(str(data))], folders)


def work_alone(rank: int, world: int, store: str, config: TrainConfig, data: Path, out: Path) -> None:
    """One worker of a group, as the main function of a process of its own."""
    os.environ["LOCAL_RANK"] = str(rank)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", store=dist.FileStore(store, world), rank=rank, world_size=world)
    with toy_registered():
        toy_worker(config, data, out).run()
    dist.destroy_process_group()
