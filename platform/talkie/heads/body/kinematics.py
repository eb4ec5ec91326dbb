"""Forward kinematics of the skeleton in torch: poses become transforms of bones; no mesh and no skinning weights."""

from __future__ import annotations

import torch
from torch import Tensor

from talkie.errors import BadInput
from talkie.heads.body.skeleton import JOINTS, PARENTS
from talkie.heads.rotations import axis_angle_to_matrix


def check_pose(pose: Tensor) -> None:
    """Raises BadInput unless `pose` is (B, 55, 3)."""
    if pose.ndim != 3 or tuple(pose.shape[1:]) != (JOINTS, 3):
        raise BadInput(
            f"a body pose of shape {tuple(pose.shape)}, expected (batch, {JOINTS}, 3)",
            cure="give one axis-angle vector for each of SMPL-X's 55 joints",
        )


def global_rotations(pose: Tensor) -> Tensor:
    """(B, 55, 3) axis-angle radians relative to the parent -> (B, 55, 3, 3) rotations from rest to world."""
    check_pose(pose)
    local = axis_angle_to_matrix(pose)
    world: list[Tensor] = []
    for k, parent in enumerate(PARENTS):
        world.append(local[:, k] if parent < 0 else world[parent] @ local[:, k])
    return torch.stack(world, 1)


def global_transforms(pose: Tensor, joints: Tensor, translation: Tensor | None = None) -> Tensor:
    """Transforms of all bones, differentiable.

    pose: (B, 55, 3) axis-angle radians; joints: (B or 1, 55, 3) rest positions, metres; translation: (B, 3) metres,
    added to everything. Returns (B, 55, 4, 4): rotation from rest to world and, in the last column, the joint's
    place in the world: a bone's local coordinates are offsets from its own joint along the rest axes.
    """
    rotations = global_rotations(pose)
    joints = joints.to(pose).expand(len(pose), -1, -1)
    places: list[Tensor] = []
    for k, parent in enumerate(PARENTS):
        if parent < 0:
            places.append(joints[:, k] if translation is None else joints[:, k] + translation.to(pose))
        else:
            offset = joints[:, k] - joints[:, parent]
            places.append(places[parent] + (rotations[:, parent] @ offset[..., None])[..., 0])
    top = torch.cat([rotations, torch.stack(places, 1)[..., None]], -1)
    bottom = top.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(len(pose), JOINTS, 1, 4)
    return torch.cat([top, bottom], -2)


def skinning_transforms(transforms: Tensor, joints: Tensor) -> Tensor:
    """Global transforms (B, 55, 4, 4) -> (B, 55, 3, 4) that take rest points (metres, head frame) to the world."""
    rotation, place = transforms[..., :3, :3], transforms[..., :3, 3]
    moved = place - (rotation @ joints.to(transforms).expand(len(transforms), -1, -1)[..., None])[..., 0]
    return torch.cat([rotation, moved[..., None]], -1)


def skin(points: Tensor, weights: Tensor, skinning: Tensor) -> Tensor:
    """Linear blend skinning: points (B or 1, V, 3), weights (V, J), skinning (B, J, 3, 4) -> (B, V, 3)."""
    blended = torch.einsum("vj,bjrc->bvrc", weights.to(skinning), skinning)
    points = points.to(skinning).expand(len(skinning), -1, -1)
    return (blended[..., :3] @ points[..., None])[..., 0] + blended[..., 3]
