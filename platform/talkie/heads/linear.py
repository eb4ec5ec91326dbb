"""Any linear head as a differentiable function of identity, expression and pose (`HeadModel`); no file is read here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from talkie.errors import BadInput
from talkie.heads.arrays import HeadArrays
from talkie.heads.rotations import axis_angle_to_matrix


class LinearHead:
    """Linear identity and expression, pose correctives where given, then linear blend skinning.

    The order is that of SMPL (Loper et al. 2015) and FLAME (Li et al. 2017): shapes, then correctives that are
    linear in R - I of the joints, then skinning along the chain of joints. `arrays` holds what it is made of.
    Raises BadInput for arrays that do not fit together; `where` names their file.
    """

    def __init__(self, arrays: HeadArrays, where: str = "head") -> None:
        self.arrays = arrays.check(where)
        self.name = arrays.name
        self.identity_names = arrays.identity_names
        self.expression_names = arrays.expression_names
        self.part_names = arrays.part_names
        self.part = arrays.part
        self.uv = arrays.uv
        self.regions: Mapping[str, np.ndarray] = arrays.regions
        self.joint_names = arrays.joint_names
        self.faces = torch.tensor(arrays.faces, dtype=torch.int64)
        self.template = _floats(arrays.template)
        self.identity_basis = _floats(arrays.identity)
        self.expression_basis = _floats(arrays.expression)
        self.landmark_triangles = torch.tensor(arrays.landmark_triangles, dtype=torch.int64)
        self.landmark_barycentric = _floats(arrays.landmark_barycentric)
        self._weights = _floats(arrays.weights)
        self._correctives = _floats(arrays.pose_correctives)
        self._joints = tuple(map(_floats, (arrays.joints, arrays.joint_identity, arrays.joint_expression)))

    @property
    def vertex_count(self) -> int:
        return len(self.template)

    def joints(self, identity: Tensor, expression: Tensor | None = None) -> Tensor:
        """(B, I), (B, E) -> (B, J, 3): the joints at rest in the order of `joint_names`, metres."""
        rest, by_identity, by_expression = (t.to(identity) for t in self._joints)
        at = rest + torch.tensordot(identity, by_identity, 1)
        return at if expression is None else at + torch.tensordot(expression, by_expression, 1)

    def vertices(
        self,
        identity: Tensor | None = None,
        expression: Tensor | None = None,
        jaw: Tensor | None = None,
        neck: Tensor | None = None,
        left_eye: Tensor | None = None,
        right_eye: Tensor | None = None,
    ) -> Tensor:
        """(B, I), (B, E) and four (B, 3) axis-angle poses -> (B, V, 3) metres in the head frame.

        None stands for zeros; a batch of one broadcasts. Raises BadInput for a wrong number of weights and for a
        turn of a joint that this head has not."""
        widths = (len(self.identity_names), len(self.expression_names), 3, 3, 3, 3)
        given = (identity, expression, jaw, neck, left_eye, right_eye)
        for tensor, width in zip(given, widths, strict=True):
            if tensor is not None and (tensor.ndim != 2 or tensor.shape[1] != width):
                raise BadInput(f"head parameters of shape {tuple(tensor.shape)}, expected (batch, {width})")
        example = next((t for t in given if t is not None), self.template)
        batch = max((len(t) for t in given if t is not None), default=1)
        if identity is None:
            identity = example.new_zeros((1, widths[0]))
        points = self.template.to(example) + torch.tensordot(identity, self.identity_basis.to(example), 1)
        if expression is not None:
            points = points + torch.tensordot(expression, self.expression_basis.to(example), 1)
        poses = self._poses({"jaw": jaw, "neck": neck, "left_eye": left_eye, "right_eye": right_eye})
        if poses:
            points = self._skin(points, self.joints(identity, expression), poses)
        return points.expand(batch, -1, -1)

    def _poses(self, given: dict[str, Tensor | None]) -> dict[str, Tensor]:
        for name, pose in given.items():
            if pose is not None and name not in self.joint_names and bool((pose != 0).any()):
                raise BadInput(f"the head {self.name} has no {name} joint", cure=f"leave the pose of the {name} out")
        return {name: pose for name, pose in given.items() if pose is not None and name in self.joint_names}

    def _skin(self, points: Tensor, joints: Tensor, poses: dict[str, Tensor]) -> Tensor:
        """Points (B, V, 3) with correctives added, carried by the chain of joints (B, J, 3)."""
        example = next(iter(poses.values()))
        turns = [axis_angle_to_matrix(poses.get(name, example.new_zeros(1, 3))) for name in self.joint_names]
        if len(self._correctives):
            batch = max(len(t) for t in turns)
            eye = torch.eye(3).to(example)
            feature = torch.cat([(t - eye).reshape(-1, 9).expand(batch, -1) for t in turns], dim=1)
            points = points + torch.tensordot(feature, self._correctives.to(example), 1)
        weights = self._weights.to(example)
        moved = points
        chain: list[tuple[Tensor, Tensor]] = []
        for k, turn in enumerate(turns):
            at = joints[:, k, :, None]
            matrix, shift = turn, at - turn @ at
            parent = int(self.arrays.joint_parents[k])
            if parent >= 0:
                above, above_shift = chain[parent]
                matrix, shift = above @ matrix, above @ shift + above_shift
            chain.append((matrix, shift))
            carried = torch.einsum("bij,bvj->bvi", matrix, points) + shift.transpose(-1, -2)
            moved = moved + weights[None, :, k, None] * (carried - points)
        return moved

    def landmarks(self, vertices: Tensor) -> Tensor:
        """(B, V, 3) -> (B, 478, 3): MediaPipe's face mesh points with irises."""
        corners = vertices[:, self.faces[self.landmark_triangles]]
        return (corners * self.landmark_barycentric.to(vertices)[None, :, :, None]).sum(2)


def _floats(array: np.ndarray) -> Tensor:
    return torch.tensor(np.asarray(array), dtype=torch.float32)
