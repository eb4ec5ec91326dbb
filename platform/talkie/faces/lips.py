"""How far a mouth is open, by MediaPipe's landmarks."""

from __future__ import annotations

import numpy as np

UPPER, LOWER = 13, 14
"""The inner lips' middles."""
CORNERS = (61, 291)


def aperture(points: np.ndarray) -> np.ndarray:
    """(T,) float32: the distance of the inner lips' middles over the mouth's width, of landmarks (T, 478, 2 or 3)."""
    apart = np.linalg.norm(points[:, UPPER, :2] - points[:, LOWER, :2], axis=1)
    width = np.linalg.norm(points[:, CORNERS[0], :2] - points[:, CORNERS[1], :2], axis=1)
    return (apart / np.maximum(1e-6, width)).astype(np.float32)
