"""The branches of TalkingGaussian: motion fields over a canonical set of Gaussians, their pictures and how two of them
lie over the torso. Losses and phases are in talking_gaussian_losses.py and talking_gaussian.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from talkie.render import Camera
from talkie_zoo.avatars.talking_gaussian_config import BranchConfig, TalkingGaussianConfig
from talkie_zoo.blocks.audio_attention import SpeechCode
from talkie_zoo.blocks.gaussians import Gaussians, Moved, draw
from talkie_zoo.blocks.hash_grid import TriPlane
from talkie_zoo.blocks.rectified import rectified

CODE = 32
UNITS = ("AU1", "AU4", "AU5", "AU6", "AU7", "AU45")
"""What the face is told beside speech: brows, lids and cheeks, none of the mouth; the last is the blink."""
SIDEWAYS = 5.0
"""By how much less the inside of a mouth moves to the side and forth than up and down."""

Field = Literal["face", "mouth", "paint"]


@dataclass(frozen=True)
class Shots:
    """F frames to be drawn: their camera as the skull at rest sees it, windows (F, 8, 29, 16) of sound, units
    (F, 6)."""

    camera: Camera
    windows: Tensor
    units: Tensor

    def __len__(self) -> int:
        return len(self.windows)

    def at(self, frames: slice) -> Shots:
        """Some of them."""
        return Shots(self.camera.at(frames), self.windows[frames], self.units[frames])

    @property
    def half_m(self) -> Tensor:
        """(F,) metres of half a picture at the skull's distance."""
        return self.camera.t[:, 2] * self.camera.width / 2 / self.camera.K[:, 0, 0]


@dataclass(frozen=True)
class Deltas:
    """What a motion field answers for N points in F frames: changes (F, N, ...) by the names of `Gaussians.moved`, and
    (N, 2) how far the gates of speech and of expression are open."""

    changes: Mapping[str, Tensor] = field(default_factory=dict)
    gates: Tensor | None = None


@dataclass(frozen=True)
class Layer:
    """A branch's pictures of F frames: colour (F, H, W, 3) on black, alpha (F, H, W), gates (F, H, W, 2) drawn as
    colours where the branch has gates; the Gaussians and the deltas behind them."""

    colour: Tensor
    alpha: Tensor
    gates: Tensor | None
    moved: Moved
    deltas: Deltas

    def over(self, behind: Tensor) -> Tensor:
        """Before one picture (H, W, 3) or one each, (F, H, W, 3)."""
        return self.colour + (1 - self.alpha)[..., None] * behind


def perceptron(*widths: int) -> nn.Sequential:
    """Linear layers without bias with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.ReLU()]
    return rectified(nn.Sequential(*layers[:-1]))


class FaceMotion(nn.Module):
    """(places (N, P), codes of speech (F, 32), units (F, 6)) -> 11 numbers a Gaussian and frame: shift, turn, fade (not
    used, as published) and stretch.

    Each place opens two gates: one channel by channel on the code of speech, one on the six numbers of expression.
    `paints`: the same field that changes opacities and colours instead, which is what the method sets itself apart
    from."""

    def __init__(self, places: int, reach: float, paints: bool):
        super().__init__()
        self.reach, self.paints = reach, paints
        self.hears = perceptron(places, 32, CODE)
        self.feels = nn.Sequential(*perceptron(places, 16, len(UNITS)), nn.ReLU())
        self.brows = perceptron(len(UNITS) - 1, 16, len(UNITS) - 1)
        self.moves = perceptron(places + CODE + len(UNITS), 64, 64, 11)

    def forward(self, places: Tensor, codes: Tensor, units: Tensor) -> Deltas:
        told = torch.cat([self.brows(units[:, :-1]), units[:, -1:]], 1)
        hears, feels = self.hears(places), self.feels(places)
        answer = _moved_by(self.moves, places, torch.cat([hears * codes[:, None], feels * told[:, None]], 2))
        gates = torch.stack([hears.norm(dim=1), feels.norm(dim=1)], 1)
        first, turn, fade, last = answer.split([3, 4, 1, 3], dim=2)
        if self.paints:
            return Deltas({"tint": first[:, :, None], "fade": fade[..., 0]}, gates)
        return Deltas({"shift": self.reach * first, "turn": turn, "stretch": last}, gates)


class MouthMotion(nn.Module):
    """(places (N, P), codes of speech (F, 32)) -> a shift of each Gaussian in each frame, mostly upright: teeth and
    tongue do not turn or grow."""

    def __init__(self, places: int, reach: float):
        super().__init__()
        self.moves = perceptron(places + CODE, 32, 32, 3)
        self.register_buffer("reach", reach * torch.tensor([1 / SIDEWAYS, 1.0, 1 / SIDEWAYS]), persistent=False)

    def forward(self, places: Tensor, codes: Tensor, units: Tensor) -> Deltas:
        return Deltas({"shift": self.reach * _moved_by(self.moves, places, codes[:, None])})


def _moved_by(net: nn.Sequential, places: Tensor, told: Tensor) -> Tensor:
    """A perceptron's answers (F, N, ...) to places (N, P) beside what they are told in each frame, (F, N or 1, C)."""
    # Its first layer sees the places once and not once a frame.
    first = net[0]
    assert isinstance(first, nn.Linear)
    of_places, of_told = first.weight.split([places.shape[1], told.shape[2]], 1)
    answer: Tensor = net[1:](linear(places, of_places) + linear(told, of_told))
    return answer


class Branch(nn.Module):
    """A canonical set of Gaussians, the features of their places, what it hears, and the field that moves it."""

    def __init__(self, c: TalkingGaussianConfig, own: BranchConfig, kind: Field, centre: Tensor, cube: Tensor):
        super().__init__()
        self.points = Gaussians(own.capacity, own.start, c.degree, centre, own.spread, own.scale)
        self.places = TriPlane(c.levels, 1, own.base, own.finest, c.log2_table, c.bound, cube)
        self.speech = SpeechCode(CODE)
        width = self.places.width
        self.motion: nn.Module
        self.motion = (
            MouthMotion(width, c.reach) if kind == "mouth" else FaceMotion(width, c.reach, paints=kind == "paint")
        )

    @torch.no_grad()
    def begin_as(self, *branches: Branch) -> None:
        """Takes over the weights of the first branch and the Gaussians of all of them, one set after the other, which
        must be as many as this one's rows."""
        first = branches[0].state_dict()
        sets = [branch.points.state_dict() for branch in branches]
        joined = {f"points.{n}": torch.cat([s[n] for s in sets]) for n, value in sets[0].items() if value.ndim}
        self.load_state_dict({**first, **joined})

    def deltas(self, shots: Shots) -> Deltas:
        """What moves in each frame."""
        # Where a Gaussian rests is found by its picture; the field's slope would drag it about.
        places = self.places(self.points.means.detach())
        return self.motion(places, self.speech(shots.windows), shots.units)

    def layer(self, shots: Shots, still: bool = False, watched: bool = False) -> Layer:
        """The branch's pictures, at rest where `still`; `watched`: their gradients count for density."""
        deltas = Deltas() if still else self.deltas(shots)
        # At rest too every frame has means of its own, whose gradients are watched one by one.
        rest = {"shift": shots.units.new_zeros(len(shots), 1, 1)}
        moved = self.points.moved(**{**rest, **deltas.changes})
        if watched:
            self.points.watch(moved.means, shots.half_m)
        seen = draw(moved, shots.camera, deltas.gates)
        gates = None if deltas.gates is None else seen.colour[..., 3:]
        return Layer(seen.colour[..., :3], seen.alpha, gates, moved, deltas)


def composed(face: Layer, mouth: Layer | None, behind: Tensor) -> Tensor:
    """The face's shell before the inside of the mouth before torso and background (H, W, 3): (F, H, W, 3)."""
    return face.over(behind if mouth is None else mouth.over(behind))
