"""The arrays that make up a linear head and the checks they must pass; `linear` computes with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np

from talkie.errors import BadInput
from talkie.heads.model import LANDMARKS

JOINT_NAMES = ("neck", "jaw", "left_eye", "right_eye")
"""Joints that a head may have, in FLAME's order; its global rotation is left to the caller."""


def _none(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


@dataclass(frozen=True)
class HeadArrays:
    """A head that is linear in identity and expression, skinned to at most four joints.

    template: (V, 3) metres; faces: (F, 3); identity: (I, V, 3) metres a standard deviation; expression: (E, V, 3)
    metres at weight 1; part: (V,) indices into part_names; uv: (F, 3, 2); landmark_triangles (478,) rows of faces
    and landmark_barycentric (478, 3); regions: sorted vertex indices by name. With J joints: joint_names out of
    JOINT_NAMES; joint_parents (J,) places in joint_names, before the child's own, -1 for the fixed root; joints
    (J, 3) at rest with joint_identity (I, J, 3) and joint_expression (E, J, 3); weights (V, J), what is left to 1
    belongs to the root; pose_correctives (9 J, V, 3): one row for each entry of R - I of each joint, row by row
    (Loper et al., SMPL, 2015), or no rows.
    """

    name: str
    template: np.ndarray
    faces: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    identity_names: tuple[str, ...]
    expression_names: tuple[str, ...]
    part: np.ndarray
    part_names: tuple[str, ...]
    uv: np.ndarray
    landmark_triangles: np.ndarray
    landmark_barycentric: np.ndarray
    regions: Mapping[str, np.ndarray]
    joint_names: tuple[str, ...] = ()
    joint_parents: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    joints: np.ndarray = field(default_factory=lambda: _none(0, 3))
    joint_identity: np.ndarray = field(default_factory=lambda: _none(0, 0, 3))
    joint_expression: np.ndarray = field(default_factory=lambda: _none(0, 0, 3))
    weights: np.ndarray = field(default_factory=lambda: _none(0, 0))
    pose_correctives: np.ndarray = field(default_factory=lambda: _none(0, 0, 3))

    def check(self, where: str) -> HeadArrays:
        """Self, if every array has its shape, finite values and indices in range; else BadInput naming it."""
        for key, wanted in self._shapes().items():
            have = np.shape(getattr(self, key))
            if have != wanted:
                raise BadInput(
                    f"array {key} has shape {have}, expected {wanted}",
                    where=where,
                    cure="see talkie.heads.save_head for the shapes",
                )
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isfinite(value).all():
                raise BadInput(
                    f"array {item.name} holds values that are not finite",
                    where=where,
                    cure="export the model anew: every coordinate must be a number",
                )
        for key, limit in self._limits().items():
            value = np.asarray(getattr(self, key))
            if value.size and (value.min() < 0 or value.max() >= limit):
                raise BadInput(
                    f"array {key} points outside 0..{limit - 1}", where=where, cure="count indices from zero"
                )
        self._check_joints(where)
        return self

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        v, f, j = len(self.template), len(self.faces), len(self.joint_names)
        i, e = len(self.identity_names), len(self.expression_names)
        rows = len(self.pose_correctives)
        return {
            "template": (v, 3),
            "faces": (f, 3),
            "identity": (i, v, 3),
            "expression": (e, v, 3),
            "part": (v,),
            "uv": (f, 3, 2),
            "landmark_triangles": (LANDMARKS,),
            "landmark_barycentric": (LANDMARKS, 3),
            "joint_parents": (j,),
            "joints": (j, 3),
            "joint_identity": (i if j else 0, j, 3),
            "joint_expression": (e if j else 0, j, 3),
            "weights": (v if j else 0, j),
            "pose_correctives": (9 * j if rows else 0, v if rows else 0, 3),
        }

    def _limits(self) -> dict[str, int]:
        return {"faces": len(self.template), "part": len(self.part_names), "landmark_triangles": len(self.faces)}

    def _check_joints(self, where: str) -> None:
        unknown = [n for n in self.joint_names if n not in JOINT_NAMES]
        if unknown:
            raise BadInput(f"unknown joints {unknown}", where=where, cure=f"name them out of {', '.join(JOINT_NAMES)}")
        for k, parent in enumerate(self.joint_parents):
            if not -1 <= parent < k:
                raise BadInput(
                    f"joint {self.joint_names[k]} has parent {parent}",
                    where=where,
                    cure="list parents before their children; -1 is the fixed root",
                )
        for key, index in self.regions.items():
            if len(index) and (index.min() < 0 or index.max() >= len(self.template)):
                raise BadInput(f"region {key} points outside the vertices", where=where, cure="count from zero")


def empty_joints(identities: int, expressions: int, joints: int) -> tuple[np.ndarray, np.ndarray]:
    """Identity and expression bases of joints that do not move: (I, J, 3) and (E, J, 3)."""
    return _none(identities, joints, 3), _none(expressions, joints, 3)
