"""The unknowns of a fit and the image they predict; derivatives, weighing and solving live elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from talkie.heads.fitting.basis import JOINTS, LandmarkBasis, turn
from talkie.heads.fitting.observation import Observation
from talkie.heads.fitting.turns import turn_matrices, turn_vectors

POSE_COLUMNS = 3 * (len(JOINTS) + 2)


@dataclass(frozen=True)
class Unknowns:
    """identity (I,); by frame: expression (T, E), axis-angle poses (T, 3) by joint, rotation and translation
    (T, 3); log_focal (): log of the focal length over the given one. A frame's block of unknowns is laid out in
    this order, see `blocks`; shared unknowns are identity and, where it is sought, log_focal."""

    identity: Tensor
    expression: Tensor
    poses: dict[str, Tensor]
    rotation: Tensor
    translation: Tensor
    log_focal: Tensor = field(default_factory=lambda: torch.zeros(()))

    @staticmethod
    def blocks(expressions: int) -> dict[str, slice]:
        """Columns of each kind of unknown in a frame's block."""
        names = [*JOINTS, "rotation", "translation"]
        triples = {name: slice(expressions + 3 * i, expressions + 3 * i + 3) for i, name in enumerate(names)}
        return {"expression": slice(0, expressions), **triples}

    def moved(self, frames: Tensor, shared: Tensor) -> Unknowns:
        """The unknowns after a step (T, P) and, shared, (0,), (I,) or (I + 1,). Rotations step on their manifold:
        R <- exp(step) R."""
        block = self.blocks(self.expression.shape[1])
        identities = len(self.identity)
        return Unknowns(
            self.identity + shared[:identities] if len(shared) else self.identity,
            self.expression + frames[:, block["expression"]],
            {name: _turned(pose, frames[:, block[name]]) for name, pose in self.poses.items()},
            _turned(self.rotation, frames[:, block["rotation"]]),
            self.translation + frames[:, block["translation"]],
            self.log_focal + shared[identities:].sum(),
        )

    def clipped(self) -> Unknowns:
        """With expression weights in [0, 1]."""
        weights = self.expression.clamp(0, 1)
        return Unknowns(self.identity, weights, self.poses, self.rotation, self.translation, self.log_focal)


def rotation_steps(rotation: Tensor) -> Tensor:
    """Axis-angle of the turn between neighbours, R_t R_(t-1)^T: (T, 3) -> (T - 1, 3)."""
    matrices = turn_matrices(rotation)
    return turn_vectors(matrices[1:] @ matrices[:-1].transpose(-1, -2))


@dataclass(frozen=True)
class Prediction:
    """Where the landmarks of a head are, and what their derivatives need. V views, T frames, L landmarks.

    arms (3, T, L, 3): turned moments of jaw, left and right eye in the head frame; turn, jaw (T, 3, 3): rotation
    of the head and R - I of the jaw; rotated (T, L, 3): landmarks turned into the world, less the translation;
    camera (V, T, L, 3): in the cameras' frames; pixels (V, T, L, 2).
    """

    arms: Tensor
    turn: Tensor
    jaw: Tensor
    rotated: Tensor
    camera: Tensor
    pixels: Tensor


def predict(basis: LandmarkBasis, unknowns: Unknowns, seen: Observation) -> Prediction:
    """The image that the unknowns predict in the cameras of `seen`."""
    mix = basis.mixture(unknowns.identity, unknowns.expression)
    head = torch.tensordot(mix, basis.rest, dims=1)
    arms = torch.zeros(len(JOINTS), *head.shape, dtype=head.dtype)
    for joint, (name, points) in enumerate(basis.moved_by.items()):
        moments = torch.tensordot(mix, basis.moments[name][:, points], dims=1)
        swung = moments @ turn(unknowns.poses[name]).transpose(-1, -2)
        head[:, points] += swung
        arms[joint, :, points] = moments + swung
    matrices = turn_matrices(unknowns.rotation)
    rotated = head @ matrices.transpose(-1, -2)
    world = rotated + unknowns.translation[:, None]
    camera = world @ seen.R[:, None].transpose(-1, -2) + seen.t[:, None, None]
    lens, centre = lenses(unknowns, seen), seen.K[:, :, None, :2, 2]
    pixels = lens[:, :, None] * camera[..., :2] / camera[..., 2:] + centre
    return Prediction(arms, matrices, turn(unknowns.poses["jaw"]), rotated, camera, pixels)


def lenses(unknowns: Unknowns, seen: Observation) -> Tensor:
    """Focal lengths (V, T, 2) in pixels along x and y."""
    return seen.K[..., [0, 1], [0, 1]] * unknowns.log_focal.exp()


def _turned(pose: Tensor, step: Tensor) -> Tensor:
    return turn_vectors(turn_matrices(step) @ turn_matrices(pose))
