"""The contract of a system: one published method as a torch module with a card, a config, training phases, named
losses, a typed generate and measurable claims. How systems are trained or found is elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from talkie.clip import Clip
from talkie.errors import NotStreaming
from talkie.systems.measurement import Claim

Example = dict[str, Any]
"""One clip as a system sees it: tensors and plain values by name; always with its clip id under "id"."""
Batch = dict[str, Any]
"""Collated examples; always with the clip ids under "ids"."""


class Card(BaseModel):
    """What a system is and where it comes from. `needs`: clip fields read in training. `parts`: what stands in
    each pretrained part's place in this run, so that a stand-in is never silent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slug: str
    title: str
    paper: str
    task: str
    licence: str
    needs: tuple[str, ...]
    summary: str = ""
    parts: dict[str, str] = {}


class SystemConfig(BaseModel):
    """Base of every system's settings: checked whole, unknown names refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Optimiser:
    """Adam on the parameters whose names start with one of `trains` (a leading "!" excludes a prefix).

    `schedule` is a pure function of the phase's step: constant, or a cosine from `lr` to a tenth of it.
    """

    lr: float
    trains: tuple[str, ...] = ("",)
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: Literal["constant", "cosine"] = "constant"
    clip_norm: float = 0.0

    def selects(self, parameter: str) -> bool:
        excluded = any(parameter.startswith(p[1:]) for p in self.trains if p.startswith("!"))
        return not excluded and any(parameter.startswith(p) for p in self.trains if not p.startswith("!"))

    def rate(self, step: int, steps: int) -> float:
        """The learning rate at `step` of a phase of `steps`."""
        if self.schedule == "constant":
            return self.lr
        cosine = torch.cos(torch.tensor(torch.pi * step / max(1, steps))).item()
        return self.lr * (0.55 + 0.45 * cosine)


@dataclass(frozen=True)
class Phase:
    """A stretch of training: how many steps, and one optimiser per role. Optimisers start afresh in each phase."""

    name: str
    steps: int
    optimisers: Mapping[str, Optimiser] = field(default_factory=dict)


class System(nn.Module, ABC):
    """One published method.

    Life: `cls(config)`, then either `prepare(clips)` before training or `restore(constants)` before loading weights;
    both fix every shape that depends on data. Then `losses` in training, `generate` in use.
    """

    card: ClassVar[Card]
    Config: ClassVar[type[SystemConfig]]
    presets: ClassVar[Mapping[str, SystemConfig]]

    def __init__(self, config: SystemConfig):
        super().__init__()
        self.config = config

    def describe(self) -> Card:
        """The card of this instance: with `parts` filled in."""
        return self.card

    @abstractmethod
    def prepare(self, clips: Iterable[Clip]) -> None:
        """Takes from the training clips what must be known before the first step (identity table, PCA, scales)."""

    @property
    @abstractmethod
    def constants(self) -> dict[str, Any]:
        """JSON-able result of `prepare` beside the buffers; stored with the weights."""

    @abstractmethod
    def restore(self, constants: dict[str, Any]) -> None:
        """Gives every parameter and buffer its shape, so that a state dict can be loaded."""

    @abstractmethod
    def phases(self) -> tuple[Phase, ...]:
        """Ordered training phases."""

    @abstractmethod
    def example(self, clip: Clip) -> Example:
        """What training keeps of a clip; deterministic, because it is cached."""

    @abstractmethod
    def collate(self, examples: Sequence[Example]) -> Batch:
        """Examples as one padded batch."""

    @abstractmethod
    def losses(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        """Named scalar losses of one optimiser role, each already weighted: their sum is what is minimised."""

    @abstractmethod
    def generate(self, request: Any) -> Any:
        """The task's typed request -> the task's typed result."""

    def stream(self, session: Any) -> Iterator[Any]:
        """Frames out while audio comes in. Raises NotStreaming unless the method can run online."""
        raise NotStreaming(
            f"{self.card.slug} hears the whole window before its first frame", cure="send the whole recording instead"
        )

    def claims(self) -> tuple[Claim, ...]:
        """The paper's distinguishing claims as executable measurements on held-out clips."""
        return ()

    def forward(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        # Engines call forward, so that their hooks (ZeRO gathers parameters in them) run around the losses.
        return self.losses(batch, phase, role)
