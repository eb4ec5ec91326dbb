"""The body as a differentiable function of pose and shape, and the head on it; gestures and contacts are elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from talkie.errors import BadInput
from talkie.heads.body import collar, shape
from talkie.heads.body.kinematics import check_pose, global_transforms, skin, skinning_transforms
from talkie.heads.body.skeleton import INDEX, JOINT_NAMES, PARENTS, rest_joints
from talkie.heads.body.surface import PARTS, BodyMesh, rest_mesh
from talkie.heads.model import HeadModel

NAME = "talkie-body-1"


class BodyModel:
    """Linear shape, then linear blend skinning by SMPL-X's joints and pose layout.

    At pose zero the body stands with its arms out sideways and palms down, its head joint where the head frame has
    it: world and head frame are one. faces: (F, 3) int64, counter-clockwise from outside; template: (V, 3) metres;
    weights: (V, 55); shape_basis: (S, V, 3) metres a unit; part: (V,) uint8 into `part_names`; uv: (F, 3, 2).
    """

    name: str = NAME
    joint_names: tuple[str, ...] = JOINT_NAMES
    parents: tuple[int, ...] = PARENTS
    shape_names: tuple[str, ...] = tuple(shape.AXES)
    part_names: tuple[str, ...] = PARTS

    def __init__(self, mesh: BodyMesh | None = None) -> None:
        mesh = mesh or rest_mesh()
        self.part, self.uv = mesh.part, mesh.uv
        self.faces = torch.from_numpy(mesh.faces)
        self.template = torch.tensor(mesh.positions, dtype=torch.float32)
        self.weights = torch.tensor(mesh.weights, dtype=torch.float32)
        self.shape_basis = torch.tensor(shape.basis(mesh.positions), dtype=torch.float32)
        self._joints = torch.tensor(rest_joints(), dtype=torch.float32)
        self._joint_basis = torch.tensor(shape.basis(rest_joints()), dtype=torch.float32)
        self.regions: Mapping[str, np.ndarray] = {
            name: np.flatnonzero(mesh.part == k).astype(np.int64) for k, name in enumerate(PARTS)
        }
        self._heads: dict[int, tuple[HeadModel, tuple[Tensor, Tensor, Tensor]]] = {}

    @property
    def vertex_count(self) -> int:
        return len(self.template)

    def part_faces(self, name: str) -> np.ndarray:
        """(F', 3) int64: the faces of one part, as indices into its own vertices `regions[name]`."""
        first, own = self.regions[name][0], self.part[self.faces[:, 0].numpy()] == PARTS.index(name)
        return self.faces.numpy()[own] - first

    def joints(self, weights: Tensor | None = None) -> Tensor:
        """Shape (B, S) -> (B, 55, 3) metres: the joints at rest; None is the mean body. Raises BadInput."""
        if weights is None:
            return self._joints[None]
        self._check_shape(weights)
        return self._joints.to(weights) + torch.tensordot(weights, self._joint_basis.to(weights), 1)

    def shaped(self, weights: Tensor | None = None) -> Tensor:
        """Shape (B, S) -> (B, V, 3) metres: the mesh at rest. Raises BadInput."""
        if weights is None:
            return self.template[None]
        self._check_shape(weights)
        return self.template.to(weights) + torch.tensordot(weights, self.shape_basis.to(weights), 1)

    def transforms(self, pose: Tensor, weights: Tensor | None = None, translation: Tensor | None = None) -> Tensor:
        """Pose (B, 55, 3), shape (B or 1, S), translation (B, 3) -> bones (B, 55, 4, 4), see `global_transforms`."""
        return global_transforms(pose, self.joints(weights).to(pose), translation)

    def vertices(self, pose: Tensor, weights: Tensor | None = None, translation: Tensor | None = None) -> Tensor:
        """(B, V, 3) metres in the world. Raises BadInput for wrong shapes.

        The head's identity is no argument: the collar holds a neck of any width (`collar.tuck`)."""
        check_pose(pose)
        bones = skinning_transforms(self.transforms(pose, weights, translation), self.joints(weights))
        return skin(self.shaped(weights), self.weights, bones)

    def head_pose(self, pose: Tensor) -> dict[str, Tensor]:
        """The four poses (B, 3) that a HeadModel's `vertices` takes, out of a body pose (B, 55, 3)."""
        check_pose(pose)
        names = {"neck": "head", "jaw": "jaw", "left_eye": "left_eye_smplhf", "right_eye": "right_eye_smplhf"}
        return {to: pose[:, INDEX[name]] for to, name in names.items()}

    def attach(self, head: HeadModel, vertices: Tensor, transforms: Tensor, weights: Tensor | None = None) -> Tensor:
        """Puts a head on the body: (B, V, 3) in the head frame -> (B, V, 3) in the world.

        head: the model the vertices are of, posed by `head_pose` of the same body pose; transforms: (B, 55, 4, 4)
        of that pose; weights: the shape. The head's own neck joint is SMPL-X's `head`, hence the head as given
        rides on the bone `neck`, and what lies below the collar on the chest. Raises BadInput."""
        if vertices.ndim != 3 or vertices.shape[1] != len(head.template):
            raise BadInput(
                f"head vertices of shape {tuple(vertices.shape)}, expected (batch, {len(head.template)}, 3)",
                cure="pass what this head model's vertices() returned",
            )
        held, widest, neck = self._head_shares(head)
        bones = skinning_transforms(transforms, self.joints(weights))
        two = bones[:, [INDEX["neck"], INDEX["spine3"]]]
        return skin(collar.tuck(vertices, held, widest), torch.stack([neck, 1 - neck], 1), two)

    def _head_shares(self, head: HeadModel) -> tuple[Tensor, Tensor, Tensor]:
        if id(head) not in self._heads:
            # The head is kept beside its shares: an id is only unique while its object lives.
            self._heads[id(head)] = (head, collar.head_shares(head.template.numpy().astype(np.float64)))
        return self._heads[id(head)][1]

    def _check_shape(self, weights: Tensor) -> None:
        if weights.ndim != 2 or weights.shape[1] != len(self.shape_names):
            raise BadInput(
                f"a body shape of shape {tuple(weights.shape)}, expected (batch, {len(self.shape_names)})",
                cure=f"give one weight for each of {', '.join(self.shape_names)}",
            )


@lru_cache(maxsize=1)
def builtin_body() -> BodyModel:
    """The built-in body, deterministic, built once a process (about half a second)."""
    return BodyModel()
