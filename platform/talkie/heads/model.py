"""What every parametric head offers, and the names of the ARKit expression shapes; no head lives here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from torch import Tensor

ARKIT_NAMES: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft",
    "eyeSquintLeft", "eyeWideLeft",
    "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight",
    "jawForward", "jawLeft", "jawRight", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
    "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight",
    "mouthUpperUpLeft", "mouthUpperUpRight",
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight",
    "tongueOut",
)  # fmt: skip
"""The 52 blend shape names of Apple's ARBlendShapeLocation, in Apple's order of documentation."""

LANDMARKS = 478
"""Points of MediaPipe's face mesh with irises."""


@runtime_checkable
class HeadModel(Protocol):
    """A head as a function of (identity, expression, jaw, neck and eye pose).

    Head frame: x to the person's left, y up, z out of the face, metres. Weights of identity are standard
    normal, those of expression lie in [0, 1]; poses are axis-angle (radians) about the head frame's axes.
    """

    name: str
    identity_names: tuple[str, ...]
    expression_names: tuple[str, ...]
    faces: Tensor
    """(F, 3) int64, counter-clockwise seen from outside."""
    template: Tensor
    """(V, 3) float32 metres: the mean head at rest."""
    regions: Mapping[str, np.ndarray]
    """Vertex indices (int64, sorted) by region name."""
    part_names: tuple[str, ...]
    """Names of the pieces of the mesh; the built-in head's, as far as a model has them."""
    part: np.ndarray
    """(V,) uint8 indices into `part_names`."""
    uv: np.ndarray
    """(F, 3, 2) texture coordinates of the faces' corners in [0, 1], v downward."""
    landmark_triangles: Tensor
    """(478,) int64 rows of `faces`."""
    landmark_barycentric: Tensor
    """(478, 3) float32 weights of each triangle's corners."""

    def __hash__(self) -> int:
        """By identity: what is derived from a model is kept once per model."""
        ...

    def vertices(
        self,
        identity: Tensor | None = None,
        expression: Tensor | None = None,
        jaw: Tensor | None = None,
        neck: Tensor | None = None,
        left_eye: Tensor | None = None,
        right_eye: Tensor | None = None,
    ) -> Tensor:
        """(B, I), (B, E) and four (B, 3) -> (B, V, 3) metres in the head frame; None means zeros."""
        ...

    def landmarks(self, vertices: Tensor) -> Tensor:
        """(B, V, 3) -> (B, 478, 3): MediaPipe's points on the surface."""
        ...
