"""Two bones and a hinge between a root and a place to reach, in closed form: arms and legs; no search, no mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Limb:
    """Rest vectors (3,) metres from root to hinge and from hinge to end, and the rest direction (3,) towards which the
    second bone bends: forwards at an elbow, backwards at a knee."""

    upper: np.ndarray
    lower: np.ndarray
    bends: np.ndarray

    @property
    def length(self) -> float:
        return float(np.linalg.norm(self.upper) + np.linalg.norm(self.lower))


def frames(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(..., 3, 3) with orthonormal columns: along `first`, then across in the plane of both, then their normal."""
    a = first / np.linalg.norm(first, axis=-1, keepdims=True)
    c = np.cross(a, second)
    c = c / np.maximum(np.linalg.norm(c, axis=-1, keepdims=True), 1e-12)
    return np.stack([a, np.cross(c, a), c], -1)


def hinge_places(limb: Limb, root: np.ndarray, end: np.ndarray, towards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hinge (..., 3) and the end that is reached (..., 3), by the law of cosines.

    root, end: (..., 3) metres; towards: (..., 3) the side to which the hinge stands out. An end beyond the limb's
    length (or nearer than it folds) is brought to it along the line from the root."""
    a, b = float(np.linalg.norm(limb.upper)), float(np.linalg.norm(limb.lower))
    line = end - root
    far = np.linalg.norm(line, axis=-1, keepdims=True)
    reached = np.clip(far, abs(a - b) + 1e-3, (a + b) * 0.9998)
    ahead = frames(line, np.broadcast_to(towards, line.shape))
    along = (a * a - b * b + reached * reached) / (2 * reached)
    out = np.sqrt(np.maximum(a * a - along * along, 0))
    hinge = root + along * ahead[..., 0] + out * ahead[..., 1]
    return hinge, root + ahead[..., 0] * reached


def turns(limb: Limb, root: np.ndarray, hinge: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World rotations (..., 3, 3) of both bones from rest; the hinge bends about one axis only."""
    upper, lower = hinge - root, end - hinge
    first = frames(upper, lower) @ frames(limb.upper, limb.bends).T
    second = frames(lower, -upper) @ frames(limb.lower, limb.bends).T
    return first, second
