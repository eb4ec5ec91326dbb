"""The built-in head as a differentiable function of identity, expression and pose (`HeadModel`)."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

import numpy as np
import torch
from torch import Tensor

from talkie.errors import BadInput
from talkie.heads.builtin import embedding, features
from talkie.heads.builtin.assembly import JAW_JOINT, NECK_JOINT, PARTS, NeutralMesh, neutral_mesh
from talkie.heads.builtin.correctives import jaw_correctives, neck_correctives
from talkie.heads.builtin.expression import expression_fields
from talkie.heads.builtin.identity import AXES, identity_fields, joint_fields
from talkie.heads.builtin.identity_units import identity_units
from talkie.heads.builtin.regions import semantic_regions
from talkie.heads.builtin.variants import VARIANTS, variant_fields
from talkie.heads.model import ARKIT_NAMES
from talkie.heads.rotations import axis_angle_to_matrix

NAME = "talkie-head-2"


class BuiltinHead:
    """Linear identity, expression and pose correctives, then linear blend skinning about jaw, eyes and neck
    (FLAME's joints and order).

    template: (V, 3); identity_basis: (I, V, 3); expression_basis: (52, V, 3), float32 metres;
    jaw_basis, neck_basis: (9, V, 3) metres per element of R - I; part: (V,) uint8 into `PARTS`;
    uv: (F, 3, 2) corner texture coordinates of the skin's chart. `jawOpen` = 1 and jaw = (JAW_OPEN_RAD, 0, 0)
    are the same motion: drive one of the two.
    """

    name: str = NAME
    identity_names: tuple[str, ...] = tuple(AXES)
    expression_names: tuple[str, ...] = ARKIT_NAMES
    part_names: tuple[str, ...] = PARTS
    variant_names: tuple[str, ...] = tuple(VARIANTS)
    """Axes outside the human prior, which `varied` takes."""

    def __init__(self, mesh: NeutralMesh | None = None) -> None:
        mesh = mesh or neutral_mesh()
        self.mesh = mesh
        self.part = mesh.part
        self.uv = mesh.uv
        self.faces = torch.from_numpy(mesh.faces)
        self.regions: Mapping[str, np.ndarray] = semantic_regions(mesh)
        self.template = torch.tensor(mesh.positions, dtype=torch.float32)
        self.identity_basis = torch.tensor(identity_fields(mesh), dtype=torch.float32)
        self.expression_basis = torch.tensor(expression_fields(mesh), dtype=torch.float32)
        self.jaw_basis = torch.tensor(jaw_correctives(mesh), dtype=torch.float32)
        self.neck_basis = torch.tensor(neck_correctives(mesh), dtype=torch.float32)
        self.jaw_share = torch.tensor(mesh.jaw, dtype=torch.float32)
        self.neck_share = torch.tensor(mesh.neck, dtype=torch.float32)
        self.eye_vertices = tuple(torch.from_numpy(mesh.part_vertices(f"{s}_eyeball")) for s in ("left", "right"))
        self._joints = self._joint_tables()
        triangles, weights = embedding.load(mesh)
        self.landmark_triangles = torch.from_numpy(triangles)
        self.landmark_barycentric = torch.from_numpy(weights)

    def _joint_tables(self) -> tuple[Tensor, Tensor]:
        """Joints at rest (4, 3) - jaw, neck, left eye, right eye - and their identity basis (I, 4, 3)."""
        mirror = np.array([-1.0, 1.0, 1.0])
        rest = np.stack([JAW_JOINT, NECK_JOINT, features.EYE_CENTRE, features.EYE_CENTRE * mirror])
        moved = np.zeros((len(AXES), 4, 3))
        moved[:, 0] = joint_fields()
        for k, index in enumerate(self.eye_vertices):
            # The eyeball moves as a whole or is scaled about its centre, so its mean's motion is the centre's.
            size = list(AXES).index("eye_size")
            moved[:, 2 + k] = self.identity_basis[:, index].mean(1).numpy()
            moved[size, 2 + k] = 0.0
        return torch.tensor(rest, dtype=torch.float32), torch.tensor(moved, dtype=torch.float32)

    def identity_units(self) -> Mapping[str, float]:
        """Millimetres that one unit of each identity axis moves the feature named in `identity_units.AXES_DOC`."""
        return identity_units(self.mesh, self.identity_basis.numpy(), self.identity_names)

    def varied(self, weights: Mapping[str, float]) -> BuiltinHead:
        """This head with another rest shape: weights by `variant_names`, 0 to 1 each (see `variants.animal`).

        Identity, expressions and joints stay; the name tells the weights. Raises BadInput for an unknown name."""
        unknown = sorted(set(weights) - set(self.variant_names))
        if unknown:
            raise BadInput(f"no variant axis {unknown[0]!r}", cure=f"take one of {', '.join(self.variant_names)}")
        amounts = np.array([weights.get(name, 0.0) for name in self.variant_names])
        other = copy(self)
        shift = np.tensordot(amounts, variant_fields(self.mesh), 1)
        other.template = self.template + torch.tensor(shift, dtype=torch.float32)
        other.name = "+".join([self.name, *(f"{n}={w:g}" for n, w in weights.items() if w)])
        # An eye's joint goes with its ball, which moves as a whole.
        balls = [torch.tensor(shift[index.numpy()].mean(0), dtype=torch.float32) for index in self.eye_vertices]
        rest, basis = self._joints
        other._joints = (rest + torch.stack([torch.zeros(3), torch.zeros(3), *balls]), basis)
        return other

    @property
    def vertex_count(self) -> int:
        return len(self.template)

    def joints(self, identity: Tensor) -> Tensor:
        """(B, I) -> (B, 4, 3): jaw, neck, left eye and right eye joint at rest, metres."""
        rest, basis = self._joints
        return rest.to(identity) + torch.tensordot(identity, basis.to(identity), 1)

    def vertices(
        self,
        identity: Tensor | None = None,
        expression: Tensor | None = None,
        jaw: Tensor | None = None,
        neck: Tensor | None = None,
        left_eye: Tensor | None = None,
        right_eye: Tensor | None = None,
    ) -> Tensor:
        """(B, I), (B, 52) and four (B, 3) axis-angle poses -> (B, V, 3) metres in the head frame.

        None stands for zeros; a batch of one broadcasts. Raises BadInput for a wrong number of weights."""
        widths = (len(self.identity_names), len(self.expression_names), 3, 3, 3, 3)
        given = (identity, expression, jaw, neck, left_eye, right_eye)
        for tensor, width in zip(given, widths, strict=True):
            if tensor is not None and (tensor.ndim != 2 or tensor.shape[1] != width):
                raise BadInput(f"head parameters of shape {tuple(tensor.shape)}, expected (batch, {width})")
        batch = max((len(t) for t in given if t is not None), default=1)
        example = next((t for t in given if t is not None), self.template)
        if identity is None:
            identity = example.new_zeros((1, widths[0]))
        shaped = self.template.to(example) + torch.tensordot(identity, self.identity_basis.to(example), 1)
        points = shaped
        if expression is not None:
            points = shaped + torch.tensordot(expression, self.expression_basis.to(example), 1)
        joints = self.joints(identity)
        points = points.expand(batch, -1, -1)
        for pose, basis in ((jaw, self.jaw_basis), (neck, self.neck_basis)):
            if pose is not None:
                points = points + _corrective(pose, basis.to(example))
        if jaw is not None:
            points = _turn(points, jaw, joints[:, 0], self.jaw_share.to(example))
        for k, pose in ((2, left_eye), (3, right_eye)):
            if pose is not None:
                share = torch.zeros(self.vertex_count).index_fill(0, self.eye_vertices[k - 2], 1.0).to(example)
                points = _turn(points, pose, joints[:, k], share)
        if neck is not None:
            points = _turn(points, neck, joints[:, 1], self.neck_share.to(example))
        return points

    def landmarks(self, vertices: Tensor) -> Tensor:
        """(B, V, 3) -> (B, 478, 3): MediaPipe's face mesh points with irises."""
        corners = vertices[:, self.faces[self.landmark_triangles]]
        return (corners * self.landmark_barycentric.to(vertices)[None, :, :, None]).sum(2)


def _corrective(pose: Tensor, basis: Tensor) -> Tensor:
    """Displacement (B, V, 3) of axis-angle poses (B, 3) by a basis (9, V, 3) over the elements of R - I."""
    turned = axis_angle_to_matrix(pose) - torch.eye(3).to(pose)
    return torch.tensordot(turned.flatten(1), basis, 1)


def _turn(points: Tensor, pose: Tensor, joint: Tensor, share: Tensor) -> Tensor:
    """Rotate points (B, V, 3) about joints (B, 3) by axis-angle poses (B, 3), by `share` (V,) of the way."""
    matrix = axis_angle_to_matrix(pose)
    local = points - joint[:, None]
    moved = torch.einsum("bij,bvj->bvi", matrix, local) - local
    return points + share[None, :, None] * moved
