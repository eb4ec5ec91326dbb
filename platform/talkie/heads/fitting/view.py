"""The unknowns of a fit, the image they predict and its derivatives; weighing and solving live elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from talkie.heads.fitting.basis import JOINTS, LandmarkBasis, turn
from talkie.heads.fitting.pose import FLIP
from talkie.heads.rotations import axis_angle_to_matrix, matrix_to_axis_angle


@dataclass(frozen=True)
class Unknowns:
    """identity (I,); by frame: expression (T, E), axis-angle poses (T, 3) by joint, rotation and translation
    (T, 3). float32. A frame's block of unknowns is laid out in this order, see `blocks`."""

    identity: Tensor
    expression: Tensor
    poses: dict[str, Tensor]
    rotation: Tensor
    translation: Tensor

    @staticmethod
    def blocks(expressions: int) -> dict[str, slice]:
        """Columns of each kind of unknown in a frame's block."""
        names = [*JOINTS, "rotation", "translation"]
        triples = {name: slice(expressions + 3 * i, expressions + 3 * i + 3) for i, name in enumerate(names)}
        return {"expression": slice(0, expressions), **triples}

    def part(self, frames: slice) -> Unknowns:
        poses = {name: pose[frames] for name, pose in self.poses.items()}
        return Unknowns(self.identity, self.expression[frames], poses, self.rotation[frames], self.translation[frames])

    def moved(self, frames: Tensor, identity: Tensor) -> Unknowns:
        """The unknowns after a step (T, P) and (I,). Rotations step on their manifold: R <- exp(step) R."""
        block = self.blocks(self.expression.shape[1])
        return Unknowns(
            self.identity + identity,
            self.expression + frames[:, block["expression"]],
            {name: _turned(pose, frames[:, block[name]]) for name, pose in self.poses.items()},
            _turned(self.rotation, frames[:, block["rotation"]]),
            self.translation + frames[:, block["translation"]],
        )


def rotation_steps(rotation: Tensor) -> Tensor:
    """Axis-angle of the turn between neighbours, R_t R_(t-1)^T: (T, 3) -> (T - 1, 3)."""
    matrices = axis_angle_to_matrix(rotation)
    return matrix_to_axis_angle(matrices[1:] @ matrices[:-1].transpose(-1, -2))


def image_points(basis: LandmarkBasis, unknowns: Unknowns, K: Tensor, distance_m: float) -> Tensor:
    """Predicted landmarks (T, L, 2) in crop pixels under K (T, 3, 3), camera at distance_m on the z axis."""
    head = basis.landmarks(unknowns.identity, unknowns.expression, unknowns.poses)
    rotated = head @ axis_angle_to_matrix(unknowns.rotation).transpose(-1, -2)
    camera = _to_camera(rotated + unknowns.translation[:, None], distance_m)
    return _to_image(camera, K)


def linearise(basis: LandmarkBasis, unknowns: Unknowns, K: Tensor, distance_m: float) -> tuple[Tensor, Tensor]:
    """Predicted landmarks (T, L, 2) and their derivatives (T, L, 2, P + I), identity last.

    Rotations are differentiated along R <- exp(step) R. The small effect of identity and expression on the
    eyes' joints is left out of the derivatives (not of the prediction), as is usual for Gauss-Newton.
    """
    mix = basis.mixture(unknowns.identity, unknowns.expression)
    moments = basis.posed_moments(mix)
    turns = {name: turn(pose) for name, pose in unknowns.poses.items()}
    head = torch.tensordot(mix, basis.rest, dims=1)
    for name, moment in moments.items():
        head = head + moment @ turns[name].transpose(-1, -2)
    rotation = axis_angle_to_matrix(unknowns.rotation)
    rotated = head @ rotation.transpose(-1, -2)
    camera = _to_camera(rotated + unknowns.translation[:, None], distance_m)

    by_world = _image_by_camera(camera, K) @ FLIP
    by_head = by_world @ rotation[:, None]
    by_shape = _by_shape(basis, by_head, by_head @ turns["jaw"][:, None])
    identities = basis.identities
    columns = [by_shape[..., identities:]]
    for name, moment in moments.items():
        columns.append(_by_turn(by_head, moment + moment @ turns[name].transpose(-1, -2)))
    columns += [_by_turn(by_world, rotated), by_world, by_shape[..., :identities]]
    return _to_image(camera, K), torch.cat(columns, dim=-1)


def _by_shape(basis: LandmarkBasis, by_head: Tensor, by_jaw: Tensor) -> Tensor:
    """Derivatives by identity and expression (T, L, 2, I + E): one matrix product per landmark."""
    frames, points = by_head.shape[:2]
    left = torch.cat([by_head, by_jaw], dim=-1).permute(1, 0, 2, 3).reshape(points, frames * 2, 6)
    right = torch.cat([basis.rest[1:], basis.moments["jaw"][1:]], dim=-1).permute(1, 2, 0)
    return torch.bmm(left, right).reshape(points, frames, 2, -1).transpose(0, 1)


def _by_turn(by_point: Tensor, arm: Tensor) -> Tensor:
    """Derivative by a turn of `arm` (T, L, 3) about the origin: each image row g becomes arm x g."""
    return torch.linalg.cross(arm[:, :, None].expand_as(by_point), by_point)


def _image_by_camera(camera: Tensor, K: Tensor) -> Tensor:
    """Derivative (T, L, 2, 3) of pixels by camera coordinates."""
    x, y, z = camera.unbind(-1)
    fx, fy, zero = K[:, 0, 0, None] / z, K[:, 1, 1, None] / z, torch.zeros_like(z)
    rows = [torch.stack([fx, zero, -fx * x / z], -1), torch.stack([zero, fy, -fy * y / z], -1)]
    return torch.stack(rows, dim=-2)


def _to_camera(world: Tensor, distance_m: float) -> Tensor:
    return world @ FLIP + torch.tensor([0.0, 0.0, distance_m])


def _to_image(camera: Tensor, K: Tensor) -> Tensor:
    x, y, z = camera.unbind(-1)
    u = K[:, 0, 0, None] * x / z + K[:, 0, 2, None]
    v = K[:, 1, 1, None] * y / z + K[:, 1, 2, None]
    return torch.stack([u, v], dim=-1)


def _turned(pose: Tensor, step: Tensor) -> Tensor:
    return matrix_to_axis_angle(axis_angle_to_matrix(step) @ axis_angle_to_matrix(pose))
