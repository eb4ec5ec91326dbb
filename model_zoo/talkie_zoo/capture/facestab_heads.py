"""Heads drawn from a morphable model whose skulls are known: what FaceStab learns from and is measured on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talkie.clip import HeadTrack
from talkie.errors import BadInput
from talkie.heads import HeadModel
from talkie.heads.rigid import rigid_motion
from talkie.systems.tasks.capture import skull_rows
from talkie_zoo.blocks.rigid import Rigid

SHELL = ("face", "scalp", "ears")
"""What shows the skull's place; neck, shoulders, eyeballs and the inside of the mouth do not."""
INSIDE = ("mouth_bag", "lid_edges")
_WAVES, _WAVE_M = 8, 0.2
"""Sinusoids that a drift of the registration is made of, and about how long they are."""


@dataclass(frozen=True)
class Extremes:
    """How far drawn heads go. `active`: share of the expressions that are on in one mesh; angles in radians; lengths
    in metres: white noise and a smooth drift of the registration, each drawn up to its bound."""

    active: float = 0.2
    jaw: float = 0.4
    neck: float = 0.4
    noise: float = 3e-4
    drift: float = 3e-4


def shell_of(head: HeadModel, points: int) -> np.ndarray:
    """Vertex numbers of the face, scalp and ears, `points` of them spread evenly (0: all). Raises BadInput for a head
    without these regions."""
    lacking = [name for name in (*SHELL, "upper_teeth") if name not in head.regions]
    if lacking:
        raise BadInput(f"the head {head.name} has no region {lacking[0]!r}", cure="use a head with teeth and regions")
    inside = [head.regions[name] for name in INSIDE if name in head.regions]
    rows = np.setdiff1d(np.concatenate([head.regions[n] for n in SHELL]), np.concatenate([[], *inside]))
    if not points or points >= len(rows):
        return rows
    return rows[np.unique(np.linspace(0, len(rows) - 1, points).round().astype(int))]


def motion_of(track: HeadTrack) -> Tensor:
    """Expression, jaw and neck of a clip side by side: (T, E + 6)."""
    return torch.as_tensor(np.concatenate([track.expression, track.jaw, track.neck], 1), dtype=torch.float32)


@torch.no_grad()
def posed(head: HeadModel, identity: Tensor, motion: Tensor) -> tuple[Tensor, Rigid]:
    """Meshes (B, V, 3) metres of identities (B, I) in motions (B, E + 6), and where the skull of each has gone from its
    place at rest."""
    expression, jaw, neck = motion.split([motion.shape[1] - 6, 3, 3], dim=1)
    meshes = head.vertices(identity=identity, expression=expression, jaw=jaw, neck=neck)
    rows = torch.as_tensor(skull_rows(head))
    rest = head.vertices(identity=identity)[:, rows]
    turn, shift = rigid_motion(rest.double(), meshes[:, rows].double())
    return meshes, Rigid(turn.float(), shift.float())


def drawn_motion(recorded: Tensor, count: int, bounds: Extremes) -> Tensor:
    """`count` motions (count, E + 6) out of torch's random state: the first is neutral but for the neck; each other is
    one of the recorded rows (T, E + 6) or, as often, a few strong expressions at once. Every neck is turned anew."""
    width = recorded.shape[1] - 6
    strong = torch.rand(count, width) * (torch.rand(count, width) < bounds.active)
    jaw = torch.rand(count, 3) * torch.tensor([1.0, 0.2, 0.1]) * bounds.jaw
    jaw[:, 1:] *= torch.randn(count, 2).sign()
    made = torch.cat([strong, jaw * (torch.rand(count, 1) < 0.7), torch.zeros(count, 3)], dim=1)
    seen = recorded[torch.randint(len(recorded), (count,))]
    motion = torch.where(torch.rand(count, 1) < 0.5, seen, made)
    motion[0] = 0.0
    motion[:, -3:] = (2 * torch.rand(count, 3) - 1) * bounds.neck
    return motion


def misregistered(meshes: Tensor, bounds: Extremes) -> Tensor:
    """Meshes (B, N, 3) with the noise and the smooth drift that registrations have, out of torch's random state."""
    count = len(meshes)
    noise = torch.randn_like(meshes) * torch.rand(count, 1, 1) * bounds.noise
    waves = torch.randn(count, 3, _WAVES) * 2 * math.pi / _WAVE_M
    phase, size = 2 * math.pi * torch.rand(count, 1, _WAVES), torch.randn(count, _WAVES, 3) / math.sqrt(_WAVES)
    drift = torch.sin(meshes @ waves + phase) @ size * torch.rand(count, 1, 1) * bounds.drift
    return meshes + noise + drift
