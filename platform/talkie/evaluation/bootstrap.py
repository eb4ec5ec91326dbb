"""Bootstrap intervals over clips; no metric is defined here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

RESAMPLES = 1000


def interval(values: Sequence[float], resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap (Efron 1979), 95 %: bounds of the mean of per-clip values."""
    data = np.asarray(values, np.float64)
    draws = np.random.default_rng(seed).integers(0, len(data), (resamples, len(data)))
    low, high = np.percentile(data[draws].mean(1), [2.5, 97.5])
    return float(low), float(high)


def set_interval(
    figure: Callable[[np.ndarray], float], classes: np.ndarray, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """The same of a figure that is no mean: `figure` of row numbers (N,), drawn with replacement within each of the
    classes (N,), so that none of them is ever empty."""
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(classes == kind) for kind in np.unique(classes)]
    found = [figure(np.concatenate([rng.choice(mine, len(mine)) for mine in rows])) for _ in range(resamples)]
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)
