"""The parts of the recurrent ensemble: which frames are kept, the projection of textures, members and meta-model. How
they are trained is in anti_spoofing.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from talkie_zoo.blocks.recurrent import Kind, SeqHead

MEMBERS: tuple[Kind, ...] = ("bilstm", "gru", "lstm")
META, FRAME = "meta", "frame"
SCORERS = (META, *MEMBERS, FRAME)
"""Who can score a video: the meta-model, each member alone, and a linear layer on its first kept frame."""
GENUINE = 1
"""The class number of a person; attacks are 0."""
_FARTHEST, _NOISE = 5.0, 0.6
"""How many deviations a description may lie off the mean, and how many of noise it is trained with."""


@dataclass(frozen=True)
class FrameSkipper:
    """Keeps one frame of every `clip`: that at `offset` in it. A shorter video keeps its last."""

    clip: int = 30
    offset: int = 0

    def kept(self, frames: int) -> list[int]:
        """Numbers of the kept frames of a video of `frames`."""
        return list(range(self.offset % self.clip, frames, self.clip)) or [frames - 1]

    def clips_of(self, frames: int) -> list[int]:
        """For each frame of the video, the place of the kept frame that stands for it."""
        last = len(self.kept(frames)) - 1
        return [min(number // self.clip, last) for number in range(frames)]


class Projection(nn.Module):
    """Descriptions of pictures (B, inputs), brought to zero mean and unit deviation over training frames -> (B,
    features), linearly: of few people, layers that bend learn who they are."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, inputs: int, features: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("deviation", torch.ones(inputs))
        self.out = nn.Linear(inputs, features)
        self.channels = features

    def fit(self, described: Tensor) -> None:
        """Mean and deviation of (N, inputs)."""
        self.mean.copy_(described.mean(0))
        self.deviation.copy_(described.std(0, correction=0).clamp_min(1e-3))

    def forward(self, described: Tensor) -> Tensor:
        x = ((described - self.mean) / self.deviation).clamp(-_FARTHEST, _FARTHEST)
        return self.out(x + _NOISE * torch.randn_like(x) if self.training else x)


class Ensemble(nn.Module):
    """Three recurrent members over features (B, T, D), and the meta-model over the sum of their class scores; without
    one where `meta` is 0."""

    thresholds: Tensor
    attacks: Tensor
    errors: Tensor

    def __init__(self, inputs: int, hidden: dict[str, int], meta: int):
        super().__init__()
        self.members = nn.ModuleDict(
            {kind: SeqHead(kind, inputs, hidden[kind], he_recurrent=kind == "bilstm") for kind in MEMBERS}
        )
        self.frame = nn.Linear(inputs, 2)
        if meta:
            self.stacker = SeqHead("lstm", 2, meta)
        # On development clips: where false accepts and rejects are equal, how many there are then, and 101 quantiles of
        # the attacks' scores.
        self.register_buffer("thresholds", torch.full((len(SCORERS),), 0.5))
        self.register_buffer("errors", torch.full((len(SCORERS),), 0.5))
        self.register_buffer("attacks", torch.zeros(len(SCORERS), 101))

    def threshold(self, who: str) -> float:
        """Above it, a video's score by that scorer is a person's."""
        return float(self.thresholds[SCORERS.index(who)])

    def threshold_at(self, who: str, far: float) -> float:
        """What that share of the development attacks score above."""
        quantiles = self.attacks[SCORERS.index(who)].numpy()
        return float(np.interp(1 - far, np.linspace(0, 1, len(quantiles)), quantiles))

    def best_member(self) -> str:
        """The member that errs least on development clips: whom one would use alone."""
        return min(MEMBERS, key=lambda who: float(self.errors[SCORERS.index(who)]))

    def logits(self, who: str, features: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, 2) of one scorer. The meta-model's gradient ends at its members' scores."""
        if who == FRAME:
            return self.frame(features)
        if who == META:
            return self.stacker(self.summed(features, lengths), lengths)
        return self.members[who](features, lengths)

    def summed(self, features: Tensor, lengths: Tensor) -> Tensor:
        """The members' softmax scores, added up: (B, T, 2)."""
        with torch.no_grad():
            return torch.stack([m(features, lengths).softmax(-1) for m in self.members.values()]).sum(0)

    def scores(self, who: str, features: Tensor, lengths: Tensor) -> Tensor:
        """(B, T) probability of a person in every kept frame."""
        return self.logits(who, features, lengths).softmax(-1)[..., GENUINE]


def skippers(clip: int, offsets: int) -> Iterator[FrameSkipper]:
    """`offsets` of them, spread evenly over a clip, the first at its beginning."""
    return (FrameSkipper(clip, round(k * clip / offsets)) for k in range(offsets))
