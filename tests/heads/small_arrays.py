"""Arrays of a small random head with four joints and pose correctives, for tests of linear heads and their files."""

from __future__ import annotations

from typing import Any

import numpy as np

from talkie.heads.arrays import HeadArrays

VERTICES, FACES, IDENTITIES, EXPRESSIONS = 30, 20, 4, 5


def small_arrays(seed: int = 0, **changes: Any) -> HeadArrays:
    """Random but deterministic; `changes` replaces fields."""
    rng = np.random.default_rng(seed)

    def floats(*shape: int) -> np.ndarray:
        return (0.05 * rng.normal(size=shape)).astype(np.float32)

    content: dict[str, Any] = {
        "name": "small",
        "template": floats(VERTICES, 3),
        "faces": rng.integers(VERTICES, size=(FACES, 3)),
        "identity": floats(IDENTITIES, VERTICES, 3),
        "expression": floats(EXPRESSIONS, VERTICES, 3),
        "identity_names": tuple(f"axis{i}" for i in range(IDENTITIES)),
        "expression_names": tuple(f"shape{i}" for i in range(EXPRESSIONS)),
        "part": rng.integers(2, size=VERTICES).astype(np.uint8),
        "part_names": ("skin", "left_eyeball"),
        "uv": rng.random((FACES, 3, 2)).astype(np.float32),
        "landmark_triangles": rng.integers(FACES, size=478),
        "landmark_barycentric": rng.dirichlet([1, 1, 1], 478).astype(np.float32),
        "regions": {"face": np.arange(10), "lips": np.arange(4)},
        "joint_names": ("neck", "jaw", "left_eye", "right_eye"),
        "joint_parents": np.array([-1, 0, 0, 0]),
        "joints": floats(4, 3),
        "joint_identity": floats(IDENTITIES, 4, 3),
        "joint_expression": floats(EXPRESSIONS, 4, 3),
        "weights": rng.dirichlet(np.ones(5), VERTICES)[:, 1:].astype(np.float32),
        "pose_correctives": floats(36, VERTICES, 3),
    }
    return HeadArrays(**(content | changes))
