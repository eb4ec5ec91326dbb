"""The motion space of implicit keypoints (LivePortrait, Guo et al. 2024, arXiv 2407.03168): 21 canonical keypoints that
carry identity, and 265 numbers a frame that move them. The network that renders from them is volume_warp.py's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie_zoo.blocks.convnext import ConvNeXt
from talkie_zoo.blocks.plane import grid, sample

KEYPOINTS, BINS = 21, 66
DEGREES_PER_BIN, LOWEST = 3.0, -97.5
PARTS = {
    "scale": slice(0, 1),
    "pitch": slice(1, 67),
    "yaw": slice(67, 133),
    "roll": slice(133, 199),
    "t": slice(199, 202),
    "exp": slice(202, 265),
}
"""Where each part stands in a frame's motion: scale minus 1, logits of the bins of three angles, translation,
expression."""
POSE = slice(0, 202)
MOTION = 265
LIPS = (6, 12, 14, 17, 19, 20)
EYES = (11, 13, 15, 16, 18)
"""Keypoints that an expression of the mouth and of the eyes moves."""


def degrees(logits: Tensor) -> Tensor:
    """The expected angle of bins: (..., 66) -> (...)."""
    places = torch.arange(BINS, device=logits.device, dtype=logits.dtype)
    return DEGREES_PER_BIN * (logits.softmax(-1) * places).sum(-1) + LOWEST


def rotation(angles: Tensor) -> Tensor:
    """(..., 3) pitch, yaw, roll in degrees -> (..., 3, 3) for row vectors: the transpose of Rz(roll) Ry(yaw) Rx(pitch),
    x to the right of the picture, y down, z away from the camera."""
    cos, sin = torch.deg2rad(angles).cos().unbind(-1), torch.deg2rad(angles).sin().unbind(-1)
    one, nil = torch.ones_like(cos[0]), torch.zeros_like(cos[0])

    def matrix(*entries: Tensor) -> Tensor:
        return torch.stack(entries, -1).unflatten(-1, (3, 3))

    x = matrix(one, nil, nil, nil, cos[0], -sin[0], nil, sin[0], cos[0])
    y = matrix(cos[1], nil, sin[1], nil, one, nil, -sin[1], nil, cos[1])
    z = matrix(cos[2], -sin[2], nil, sin[2], cos[2], nil, nil, nil, one)
    return (z @ y @ x).transpose(-1, -2)


def angles_of(matrix: Tensor) -> Tensor:
    """The inverse of `rotation` for yaws within 90 degrees: (..., 3, 3) -> (..., 3)."""
    turned = matrix.transpose(-1, -2)
    pitch = torch.atan2(turned[..., 2, 1], turned[..., 2, 2])
    yaw = torch.asin((-turned[..., 2, 0]).clamp(-1, 1))
    roll = torch.atan2(turned[..., 1, 0], turned[..., 0, 0])
    return torch.rad2deg(torch.stack([pitch, yaw, roll], -1))


@dataclass(frozen=True)
class Pose:
    """Motion in its own units: scale (..., 1), angles (..., 3) pitch, yaw, roll in degrees, t (..., 3) and exp
    (..., 21, 3) in halves of the picture's side."""

    scale: Tensor
    angles: Tensor
    t: Tensor
    exp: Tensor

    @classmethod
    def of(cls, motion: Tensor) -> Pose:
        """motion: (..., 265)."""
        angles = [degrees(motion[..., PARTS[name]]) for name in ("pitch", "yaw", "roll")]
        exp = motion[..., PARTS["exp"]].unflatten(-1, (KEYPOINTS, 3))
        return cls(1 + motion[..., PARTS["scale"]], torch.stack(angles, -1), motion[..., PARTS["t"]], exp)

    def keypoints(self, kp: Tensor) -> Tensor:
        """x = scale * (kp @ R + exp) + (tx, ty, 0): canonical kp (..., 21, 3) -> (..., 21, 3)."""
        flat = self.t * self.t.new_tensor([1.0, 1.0, 0.0])
        return self.scale[..., None] * (kp @ rotation(self.angles) + self.exp) + flat[..., None, :]


class LipReader(nn.Module):
    """A closer look at the mouth: a box of the picture about the lips' keypoints, `SEEN` pixels, through plain
    convolutions; the last map says what is to be added to the expression of the lips. It begins with nothing."""

    REACH = (0.42, 0.28)
    """Half sides of the box, in halves of the picture's side."""
    SEEN = (32, 48)
    """Its rows and columns."""

    def __init__(self, channels: Sequence[int]):
        super().__init__()
        layers: list[nn.Module] = [convolved(3, channels[0])]
        for a, b in pairwise(channels):
            layers += [convolved(a, b, 2), Residual(b)]
        self.backbone = nn.Sequential(*layers, convolved(channels[-1], channels[-1], 2))
        shrunk = 2 ** len(channels)
        width = channels[-1] * (self.SEEN[0] // shrunk) * (self.SEEN[1] // shrunk)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.exp = nn.Linear(width, 3 * len(LIPS))
        nn.init.zeros_(self.exp.weight)
        nn.init.zeros_(self.exp.bias)

    def forward(self, pictures: Tensor, x: Tensor) -> Tensor:
        """pictures (B, 3, S, S) in [0, 1] whose keypoints are at x (B, 21, 3) -> (B, 21, 3), nil but for the lips."""
        middle = x[:, list(LIPS), :2].mean(1)[:, None, None]
        places = middle + grid(*self.SEEN, x) * x.new_tensor(self.REACH)
        found = self.exp(self.norm(self.backbone(2 * sample(pictures, places) - 1).flatten(1)))
        exp = torch.zeros_like(x)
        exp[:, list(LIPS)] = found.unflatten(-1, (len(LIPS), 3))
        return exp


def convolved(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3 x 3, normalised in groups of eight channels or fewer, ReLU."""
    groups = nn.GroupNorm(max(1, outputs // 8), outputs)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), groups, nn.ReLU())


class Residual(nn.Module):
    """Two convolutions and the skip."""

    def __init__(self, channels: int):
        super().__init__()
        self.convs = nn.Sequential(convolved(channels, channels), nn.Conv2d(channels, channels, 3, 1, 1, bias=False))
        self.norm = nn.GroupNorm(max(1, channels // 8), channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm(self.convs(x)))


class MotionExtractor(nn.Module):
    """M: a picture -> its motion (B, 265) and canonical keypoints (B, 21, 3), a linear head a part on ConvNeXt V2.

    `pooled`: the heads read the mean of the last map, as published; otherwise the map itself of `cells` x `cells`,
    which a small network without pretraining learns places from in hundreds of steps. `closer`: channels of a
    `LipReader`, none as published: lips move by two or three pixels of 128, which a small network sees near by only."""

    def __init__(
        self, channels: Sequence[int], depths: Sequence[int], pooled: bool, cells: int, closer: Sequence[int] = ()
    ):
        super().__init__()
        self.backbone = ConvNeXt(channels, depths)
        self.pooled = pooled
        width = channels[-1] if pooled else channels[-1] * cells * cells
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.motion = nn.Linear(width, MOTION)
        self.canonical = nn.Linear(width, 3 * KEYPOINTS)
        for head in (self.motion, self.canonical):
            nn.init.normal_(head.weight, std=1e-4)
            nn.init.zeros_(head.bias)
        self.lips = LipReader(closer) if closer else None

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """pictures (B, 3, S, S) in [0, 1]."""
        x = self.backbone(2 * pictures - 1)
        x = self.norm(x.mean((2, 3)) if self.pooled else x.flatten(1))
        motion, kp = self.motion(x), self.canonical(x).unflatten(-1, (KEYPOINTS, 3))
        if self.lips is not None:
            near = self.lips(pictures, Pose.of(motion).keypoints(kp).detach())
            motion = torch.cat([motion[:, POSE], motion[:, POSE.stop :] + near.flatten(1)], 1)
        return motion, kp
