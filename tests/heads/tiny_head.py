"""A small head with random shapes, a jaw and two eyes: enough to test what works on any linear head model."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from talkie.heads.rotations import axis_angle_to_matrix

IDENTITIES, EXPRESSIONS = 6, 10


class TinyHead:
    """An ellipsoid's front with bumps, blended linearly, skinned to a jaw; eyeballs that turn about their centres."""

    name = "tiny-head"
    identity_names = tuple(f"identity{i}" for i in range(IDENTITIES))
    expression_names = tuple(f"shape{i}" for i in range(EXPRESSIONS))

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        v, u = np.meshgrid(np.linspace(-1.2, 1.2, 20), np.linspace(-1.2, 1.2, 20), indexing="ij")
        face = np.stack([0.07 * np.sin(u), 0.1 * np.sin(v), 0.09 * np.cos(u) * np.cos(v)], -1).reshape(-1, 3)
        face += random.normal(0, 0.002, face.shape)
        self.eyes = np.array([[0.03, 0.03, 0.06], [-0.03, 0.03, 0.06]])
        disc = np.array([[np.cos(a), np.sin(a), 0] for a in np.linspace(0, 2 * np.pi, 9)[:-1]]) * 0.006
        iris = np.concatenate([[[0, 0, 0]], disc]) + np.array([0, 0, 0.012])
        balls = [eye + iris for eye in self.eyes]
        vertices = np.concatenate([face, *balls])
        self.template = torch.tensor(vertices, dtype=torch.float32)
        shapes = np.zeros((IDENTITIES + EXPRESSIONS, len(vertices), 3))
        for shape in shapes:
            at, width = face[random.integers(len(face))], random.uniform(0.02, 0.05)
            bump = np.exp(-((face - at) ** 2).sum(1) / (2 * width**2))
            shape[: len(face)] = bump[:, None] * random.normal(0, 0.004, 3)
        self.shapes = torch.tensor(shapes, dtype=torch.float32)
        jaw = np.concatenate([1 / (1 + np.exp(face[:, 1] * 100 + 2)), np.zeros(18)])
        self.jaw_weight = torch.tensor(jaw, dtype=torch.float32)[:, None]
        self.faces, self.landmark_triangles = self._triangles(len(face), random)
        corners = random.dirichlet([1, 1, 1], 478)
        corners[[468, 473]] = [1, 0, 0]
        self.landmark_barycentric = torch.tensor(corners, dtype=torch.float32)
        self.regions = {"face": np.arange(len(face))}
        self.part_names = ("skin", "left_eyeball", "right_eyeball")
        self.part = np.repeat(np.array([0, 1, 2], np.uint8), [len(face), 9, 9])
        self.uv = np.zeros((len(self.faces), 3, 2), np.float32)

    @staticmethod
    def _triangles(face: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        cells = np.arange(face).reshape(20, 20)[:-1, :-1].reshape(-1)
        skin = np.stack([cells, cells + 1, cells + 20], 1)
        fans = [face + 9 * e + np.array([(0, 1 + i, 1 + (i + 1) % 8) for i in range(8)]) for e in (1, 0)]
        triangles = np.concatenate([skin, *fans])
        chosen = random.integers(len(skin), size=478)
        chosen[468:473] = len(skin) + np.arange(5)  # MediaPipe's first iris is the person's right
        chosen[473:478] = len(skin) + 8 + np.arange(5)
        return torch.tensor(triangles), torch.tensor(chosen)

    def vertices(self, identity=None, expression=None, jaw=None, neck=None, left_eye=None, right_eye=None) -> Tensor:
        given = [p for p in (identity, expression, jaw, left_eye, right_eye) if p is not None]
        batch = len(given[0]) if given else 1
        weights = [
            torch.zeros(batch, n) if w is None else w for w, n in ((identity, IDENTITIES), (expression, EXPRESSIONS))
        ]
        v = self.template + torch.tensordot(torch.cat(weights, 1), self.shapes, dims=1)
        hinge = torch.tensor([0.0, 0.0, -0.02])
        parts = [(jaw, hinge, self.jaw_weight)]
        for i, pose in enumerate((left_eye, right_eye)):
            weight = torch.zeros(v.shape[1], 1)
            weight[400 + 9 * i : 409 + 9 * i] = 1
            parts.append((pose, torch.tensor(self.eyes[i], dtype=torch.float32), weight))
        moved = v
        for pose, joint, weight in parts:
            if pose is not None:
                turn = axis_angle_to_matrix(pose) - torch.eye(3)
                moved = moved + weight * ((v - joint) @ turn.transpose(-1, -2))
        return moved

    def landmarks(self, vertices: Tensor) -> Tensor:
        corners = vertices[:, self.faces[self.landmark_triangles]]
        return (corners * self.landmark_barycentric[None, :, :, None]).sum(2)
