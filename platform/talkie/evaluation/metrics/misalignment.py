"""Mean temporal misalignment of lip movements: extrema of the opening matched by derivative time warping. A constant
shift of the whole clip is in sync.py."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array
from talkie.evaluation.metrics.registry import MESH, metric

SIGMA = 2.0
"""Frames of the Gaussian that smooths both openings, as in the authors' evaluation code."""


@metric(
    "mtm",
    "Mean temporal misalignment of the lip opening's extrema",
    unit="frames",
    better="lower",
    tasks=MESH,
    source="Chae-Yeon et al. 2025, kaist-ami/Perceptual-3D-Talking-Head",
    item="extremum",
)
def temporal_misalignment(truth: np.ndarray, guess: np.ndarray, sigma: float = SIGMA) -> np.ndarray:
    """(M,) frames of the M matched extrema; lower is better. truth (T,), guess (U,): distance of the middle of the
    upper from that of the lower lip, any unit, both at one frame rate.

    Both are smoothed and warped onto each other by the cost |difference of derivatives| (Keogh & Pazzani 2001). Two
    extrema of one kind on the path match where the guess's lies between the neighbours of the truth's. Raises BadInput
    where nothing matches: a mouth that does not move has no misalignment to measure."""
    a, b = (gaussian_filter1d(array(v, name, (None,)), sigma) for v, name in ((truth, "truth"), (guess, "guess")))
    kinds_a, kinds_b = _extrema(a), _extrema(b)
    places = sorted(kinds_a)
    found = []
    for i, j in warping_path(np.diff(a, prepend=a[0]), np.diff(b, prepend=b[0])):
        if i in kinds_a and kinds_a[i] == kinds_b.get(j):
            at = places.index(i)
            left = places[at - 1] if at > 0 else 0
            right = places[at + 1] if at + 1 < len(places) else len(a) - 1
            if left <= j <= right:
                found.append(abs(i - j))
    if not found:
        raise BadInput("no extremum of the lips has its like", where="guess", cure="report the clip as unmatched")
    return np.array(found, np.float64)


def warping_path(a: np.ndarray, b: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of rows of the cheapest monotonous warping of (T,) onto (U,), cost |a - b| (Sakoe & Chiba 1978); of equal
    steps the diagonal one. Takes T x U steps of plain Python: some 0.1 s for clips of ten seconds."""
    costs = np.abs(a[:, None] - b[None]).tolist()
    infinite = float("inf")
    above = [0.0] + [infinite] * len(b)
    table = [above]
    for row in costs:
        line = [infinite]
        for j, cost in enumerate(row):
            line.append(cost + min(above[j], above[j + 1], line[j]))
        table.append(line)
        above = line
    i, j, path = len(a), len(b), []
    while i > 0 and j > 0:
        path.append((i - 1, j - 1))
        _, _, i, j = min(
            (table[i - 1][j - 1], 0, i - 1, j - 1), (table[i - 1][j], 1, i - 1, j), (table[i][j - 1], 2, i, j - 1)
        )
    return path[::-1]


def _extrema(curve: np.ndarray) -> dict[int, int]:
    highs, lows = find_peaks(curve)[0], find_peaks(-curve)[0]
    return {**{int(i): 1 for i in highs}, **{int(i): -1 for i in lows}}
