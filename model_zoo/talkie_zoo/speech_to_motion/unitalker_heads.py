"""The output heads of UniTalker, one per annotation convention, with the targets they learn and their loss. Encoder
and decoder are in unitalker.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from talkie.clip import Clip, HeadTrack
from talkie.heads import HeadModel
from talkie.systems.tasks.speech_to_motion import EXPRESSIONS
from talkie_zoo.blocks.batches import masked_mean
from talkie_zoo.blocks.head_basis import RestrictedHead, spread
from talkie_zoo.blocks.pca import PCA

COARSE = 600
"""Vertices of the coarser mesh, the fourth convention: another topology of the same face."""


def offsets_of(head: HeadModel, track: HeadTrack, convention: str, frames: Sequence[int] | None = None) -> Tensor:
    """Motion of a clip in a mesh convention: (T, points, 3) metres from the person's own neutral face.

    Head space with the jaw; the head's rotation, the neck and the gaze are left out. `frames`: which ones (all).
    """
    picks = np.arange(len(track)) if frames is None else np.asarray(frames)
    identity = torch.as_tensor(track.identity, dtype=torch.float32)[None]
    expression = torch.as_tensor(track.expression[picks], dtype=torch.float32)
    jaw = torch.as_tensor(track.jaw[picks], dtype=torch.float32)
    with torch.no_grad():
        moving = head.vertices(identity=identity.expand(len(picks), -1), expression=expression, jaw=jaw)
        neutral = head.vertices(identity=identity)
        return points_of(head, moving, convention) - points_of(head, neutral, convention)


def points_of(head: HeadModel, vertices: Tensor, convention: str) -> Tensor:
    """What a mesh convention keeps of vertices (T, V, 3): all, the 478 landmarks, or those of the coarser mesh."""
    if convention == "landmarks":
        return head.landmarks(vertices)
    return vertices[:, coarse(vertices.shape[1])] if convention == "decimated" else vertices


def coarse(vertices: int) -> np.ndarray:
    """The rows of a head's vertices that the coarser mesh keeps."""
    return spread(np.arange(vertices), COARSE)


def _zero_linear(channels: int, outputs: int) -> nn.Linear:
    """A linear layer that says "template" before it has learnt anything."""
    layer = nn.Linear(channels, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


STILL = 1e-4
"""Root mean square below which a coefficient counts as one that does not move."""


class ArkitHead(nn.Module):
    """52 ARKit weights and 3 jaw angles (radians). rec: MSE of face vertices through the head model, divided by their
    mean square over the training motion; plus `weight` times the MSE of the 55 numbers.

    A number is predicted and compared in units of its root mean square over the training motion, and one that never
    moves there stays 0. Vertices alone cannot tell jawOpen from the jaw's angle, which move the same points; a rig
    can."""

    scale: Tensor
    unit: Tensor

    def __init__(self, channels: int, model: HeadModel, vertices: int, weight: float):
        super().__init__()
        self.out = _zero_linear(channels, EXPRESSIONS + 3)
        self.basis = RestrictedHead(model, spread(model.regions["face"], vertices))
        self.weight = weight
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("unit", torch.ones(EXPRESSIONS + 3))

    @property
    def width(self) -> int:
        """Numbers per frame of a target."""
        return EXPRESSIONS + 3

    @property
    def at_rest(self) -> bool:
        """Whether it has learnt nothing yet."""
        return not self.out.weight.any()

    def target(self, clip: Clip) -> Tensor:
        """(T, 55)."""
        track = clip.fields["head.npz"]
        return torch.as_tensor(np.concatenate([track.expression, track.jaw], 1), dtype=torch.float32)

    def measure(self, clips: Sequence[Clip], frames: int) -> None:
        """Sets `scale` (square metres) from at most `frames` frames, and `unit` from all."""
        motion = torch.cat([self.target(clip) for clip in clips])
        rms = motion.square().mean(0).sqrt()
        self.unit.copy_(torch.where(rms > STILL, rms, torch.zeros_like(rms)))
        picks = torch.as_tensor(spread(np.arange(len(motion)), frames))
        with torch.no_grad():
            self.scale.copy_(self._vertices(motion[picks]).square().mean().clamp_min(1e-12))

    def forward(self, hidden: Tensor) -> Tensor:
        return self.out(hidden) * self.unit

    def losses(self, hidden: Tensor, target: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """hidden (B, T, C), target (B, T, 55), mask (B, T)."""
        guess = self(hidden)
        # Only real frames go through the head model: it is the dearest part of a step.
        error = guess.new_zeros(mask.shape)
        gap = self._vertices(guess[mask]) - self._vertices(target[mask])
        error[mask] = gap.square().flatten(1).mean(-1)
        return {
            "vertices": masked_mean(error, mask) / self.scale,
            "weights": self.weight
            * masked_mean(((guess - target) / self.unit.clamp_min(STILL)).square().mean(-1), mask),
        }

    def _vertices(self, motion: Tensor) -> Tensor:
        return self.basis(motion[..., :EXPRESSIONS], motion[..., EXPRESSIONS:])


class OffsetHead(nn.Module):
    """PCA codes of a mesh convention: vertices, dense or of the coarser mesh, or the 478 landmarks, as offsets from the
    neutral face.

    The components are orthonormal, so the MSE over vertices is the squared distance of the codes, plus what the
    components cannot express, over 3V: rec is computed so, and divided by the mean square of the training motion.
    """

    power: Tensor

    def __init__(self, channels: int, model: HeadModel, convention: str, components: int, code_weight: float):
        super().__init__()
        self.model, self.convention, self.code_weight = model, convention, code_weight
        points = _point_count(model, convention)
        self.channels = channels
        self.pca = PCA(components, 3 * points)
        self.out = _zero_linear(channels, components)
        self.register_buffer("power", torch.ones(()))

    @property
    def width(self) -> int:
        """Numbers per frame of a target."""
        return self.pca.components + 1

    @property
    def at_rest(self) -> bool:
        """Whether it has learnt nothing yet."""
        return not self.out.weight.any()

    def target(self, clip: Clip) -> Tensor:
        """(T, K + 1): codes, and the squared distance (m^2) of the motion from their span."""
        motion = offsets_of(self.model, clip.fields["head.npz"], self.convention).flatten(1)
        return torch.cat([self.pca.encode(motion), self.pca.outside(motion)[:, None]], 1)

    def measure(self, clips: Sequence[Clip], frames: int) -> None:
        """Fits the components to at most `frames` frames, spread over the clips; fewer than asked for where the
        motion has a lower rank."""
        each = max(1, frames // len(clips))
        motion = torch.cat([self._frames(clip, each) for clip in clips])[:frames]
        self.pca = PCA.fit(motion, self.pca.components)
        self.out = _zero_linear(self.channels, self.pca.components)
        self.power.copy_(motion.square().mean().clamp_min(1e-12))

    def forward(self, hidden: Tensor) -> Tensor:
        return self.out(hidden)

    def losses(self, hidden: Tensor, target: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """hidden (B, T, C), target (B, T, K + 1), mask (B, T)."""
        square = (self(hidden) - target[..., :-1]).square()
        error = (square.sum(-1) * self.pca.unit**2 + target[..., -1]) / self.pca.dimensions
        return {
            "vertices": masked_mean(error, mask) / self.power,
            "codes": self.code_weight * masked_mean(square.mean(-1), mask),
        }

    def offsets(self, codes: Tensor) -> Tensor:
        """(T, K) -> (T, points, 3) metres."""
        return self.pca.decode(codes).unflatten(-1, (-1, 3))

    def _frames(self, clip: Clip, count: int) -> Tensor:
        track = clip.fields["head.npz"]
        picks = spread(np.arange(len(track)), count)
        return offsets_of(self.model, track, self.convention, [int(i) for i in picks]).flatten(1)


def _point_count(model: HeadModel, convention: str) -> int:
    with torch.no_grad():
        return points_of(model, model.vertices(jaw=torch.zeros(1, 3)), convention).shape[1]
