"""The mean body's mesh at rest, put together from its garments and hands; posing is in `model.py`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from talkie.heads.body import garments, weights
from talkie.heads.body.atlas import texture_coordinates
from talkie.heads.body.nets import mesh

PARTS = ("shirt", "trousers", "left_shoe", "right_shoe", "left_hand", "right_hand")
"""Pieces of the body; each is a closed surface of its own that reaches into its neighbour."""

_SHIRT_STEP_M, _TROUSER_STEP_M, _SHOE_STEP_M, _HAND_STEP_M = 0.024, 0.030, 0.017, 0.0062
_MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class BodyMesh:
    """positions: (V, 3) metres; faces: (F, 3) int64; part: (V,) uint8 into PARTS; weights: (V, 55);
    uv: (F, 3, 2) texture coordinates of corners."""

    positions: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    weights: np.ndarray
    uv: np.ndarray


@cache
def rest_mesh() -> BodyMesh:
    """The mean body at rest, deterministic; built once a process (about half a second)."""
    box = (np.array([-0.78, -0.76, -0.20]), np.array([0.78, -0.09, 0.16]))
    shirt, shirt_faces = mesh(garments.shirt(), *box, _SHIRT_STEP_M)
    box = (np.array([-0.26, -1.56, -0.19]), np.array([0.26, -0.52, 0.15]))
    trousers, trouser_faces = mesh(garments.trousers(), *box, _TROUSER_STEP_M)
    shoe, shoe_faces = mesh(
        garments.shoe(), np.array([0.02, -1.60, -0.18]), np.array([0.20, -1.40, 0.24]), _SHOE_STEP_M
    )
    hand, hand_faces = mesh(
        garments.hand(), np.array([0.60, -0.28, -0.14]), np.array([0.92, -0.12, 0.09]), _HAND_STEP_M
    )
    pieces = [
        (shirt, shirt_faces, weights.shirt_weights(shirt)),
        (trousers, trouser_faces, weights.trouser_weights(trousers)),
        (shoe, shoe_faces, weights.shoe_weights(shoe)),
        (shoe * _MIRROR, shoe_faces[:, ::-1], weights.shoe_weights(shoe * _MIRROR)),
        (hand, hand_faces, weights.hand_weights(hand, "left")),
        (hand * _MIRROR, hand_faces[:, ::-1], weights.hand_weights(hand * _MIRROR, "right")),
    ]
    first = np.cumsum([0, *(len(p) for p, _, _ in pieces)])
    positions = np.concatenate([p for p, _, _ in pieces])
    faces = np.concatenate([f + start for (_, f, _), start in zip(pieces, first, strict=False)])
    part = np.concatenate([np.full(len(p), k, np.uint8) for k, (p, _, _) in enumerate(pieces)])
    uv = texture_coordinates(positions, faces, part, PARTS)
    return BodyMesh(positions, faces, part, np.concatenate([w for _, _, w in pieces]), uv)
