"""Pearson's correlation of two tracks, for claims. The bench's metrics are `talkie.evaluation`'s."""

from __future__ import annotations

import numpy as np


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Of two arrays of one shape, in [-1, 1]; 0 where one of them stands still."""
    one, other = (np.asarray(x, np.float64) - np.mean(x, dtype=np.float64) for x in (one, other))
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / scale if scale > 1e-9 else 0.0
