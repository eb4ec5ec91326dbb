"""How a system describes its training: phases, their optimisers and schedules, and what an example is drawn from. Who
carries this out is `talkie.training`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from torch import Tensor

from talkie.clip import Clip, Split


@dataclass(frozen=True)
class Schedule:
    """The learning rate's factor as a pure function of the phase's step, so that it needs no state.

    `warm_up` steps rise linearly from 0; then `kind` falls from 1 to `final` at the phase's end: half a cosine, a
    straight line, or a constant ratio a step ("exponential"); "steps" multiplies by `final` at each milestone, given as
    shares of the phase.
    """

    kind: Literal["constant", "cosine", "linear", "exponential", "steps"] = "constant"
    final: float = 0.1
    warm_up: int = 0
    milestones: tuple[float, ...] = ()

    def factor(self, step: int, steps: int) -> float:
        """What the rate is multiplied by at `step` of `steps`."""
        if step < self.warm_up:
            return (step + 1) / self.warm_up
        done = min(1.0, (step - self.warm_up) / max(1, steps - self.warm_up))
        match self.kind:
            case "cosine":
                return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * done))
            case "linear":
                return 1 - (1 - self.final) * done
            case "exponential":
                return self.final**done
            case "steps":
                return self.final ** sum(step >= share * steps for share in self.milestones)
            case _:
                return 1.0


@dataclass(frozen=True)
class Optimiser:
    """One role's optimiser, on the parameters whose names start with one of `trains` (a leading "!" excludes).

    `rates` multiplies `lr` for the parameters under a prefix, the longest one that fits: {"audio.attention.": 5.0}.
    Of sgd `betas[0]` is the momentum. The role is updated in every `every`-th step, from step `begin` of its phase on.
    `clip_norm` 0 does not clip.
    """

    lr: float
    trains: tuple[str, ...] = ("",)
    algorithm: Literal["adam", "adamw", "sgd"] = "adam"
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    schedule: Schedule = Schedule()
    clip_norm: float = 0.0
    rates: Mapping[str, float] = field(default_factory=dict)
    every: int = 1
    begin: int = 0

    def selects(self, parameter: str) -> bool:
        excluded = any(parameter.startswith(p[1:]) for p in self.trains if p.startswith("!"))
        return not excluded and any(parameter.startswith(p) for p in self.trains if not p.startswith("!"))

    def multiplier(self, parameter: str) -> float:
        """The factor on `lr` of one parameter."""
        fitting = [prefix for prefix in self.rates if parameter.startswith(prefix)]
        return self.rates[max(fitting, key=len)] if fitting else 1.0

    def rate(self, step: int, steps: int) -> float:
        """The learning rate at `step` of a phase of `steps`."""
        return self.lr * self.schedule.factor(step, steps)

    def acts(self, step: int) -> bool:
        """Whether the role is updated in `step` of its phase."""
        return step >= self.begin and (step - self.begin) % self.every == 0


@dataclass(frozen=True)
class Partner:
    """Another clip that an example is drawn with: it agrees with the first in every attribute of `same` and differs in
    every one of `differs`. Attributes: "identity", "group", "language", or "labels.NAME"; it is never the clip itself.
    """

    same: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sampling:
    """What one example of a phase is drawn from.

    `frames`: consecutive frames at `stride` (None: the whole clip). `references`: single frames of the same clip beside
    the window, anywhere in it. `partners`: further clips by name. `windows`: examples per clip and epoch. `size`: side
    in pixels to which pictures are reduced when they are decoded (None: as stored). `split`: whose clips; an ensemble
    trains its meta-model on "val".
    """

    frames: int | None = None
    stride: int = 1
    references: int = 0
    partners: Mapping[str, Partner] = field(default_factory=dict)
    windows: int = 1
    size: int | None = None
    split: Split = "train"

    @property
    def whole(self) -> bool:
        """True where an example is a function of its clip alone and may be kept from epoch to epoch."""
        return self.frames is None and not self.references and not self.partners


@dataclass(frozen=True)
class Draw:
    """The choice behind one example: a pure function of (seed, epoch, position), whoever loads it.

    `window`: frame numbers of the clip; `references`: frame numbers; `partners`: clips by name with their own draws in
    `partner_windows`; `rng` for whatever else varies (of a whole clip it depends on the clip alone);
    `progress`: share of the phase that is done, for curricula.
    """

    window: range
    rng: np.random.Generator
    references: tuple[int, ...] = ()
    partners: Mapping[str, Clip] = field(default_factory=dict)
    partner_windows: Mapping[str, range] = field(default_factory=dict)
    progress: float = 0.0

    @classmethod
    def whole(cls, clip: Clip, seed: int = 0) -> Draw:
        """Every frame of a clip; `rng` follows from the clip's id and `seed`."""
        key = int.from_bytes(hashlib.sha256(clip.id.encode()).digest()[:8], "big")
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, key])))
        return cls(range(clip.record.frames), rng)


@dataclass(frozen=True)
class Phase:
    """A stretch of training: how many steps, and one optimiser per role, updated in this order in every step.

    A phase without optimisers is *fitted*: `System.fit` runs once, without gradients (a codebook, a retrieval bank, a
    classical part). Optimisers start afresh in each phase. `batch_size` None takes the run's. `ema` > 0 keeps an
    exponential mean of what is trained, with that decay; it is what the phase hands on. `needs`: clip fields of this
    phase where they are not the card's. `patience`: validations without improvement after which the phase ends early
    (0: never).
    """

    name: str
    steps: int = 0
    optimisers: Mapping[str, Optimiser] = field(default_factory=dict)
    sampling: Sampling = Sampling()
    batch_size: int | None = None
    ema: float = 0.0
    needs: tuple[str, ...] | None = None
    patience: int = 0

    @property
    def fitted(self) -> bool:
        return not self.optimisers


class Moments(Protocol):
    """The optimiser's memory of a parameter, by rows, for systems that move points about while they train."""

    def copy_rows(self, parameter: str, to: Tensor, source: Tensor) -> None:
        """Rows `to` (N,) of the parameter's moments become those of rows `source` (N,)."""

    def zero_rows(self, parameter: str, rows: Tensor) -> None:
        """Forgets the moments of `rows` (N,)."""
