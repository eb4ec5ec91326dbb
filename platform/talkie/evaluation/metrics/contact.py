"""How plausible a hand on a face is: how deep it sinks in, how often it does, and whether it touches where it should.
Distances of vertices are in capture.py.

Report all three together: a hand pulled away wins the first two. Signed distances are metres, positive INSIDE the head.
"""

from __future__ import annotations

import numpy as np

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array, pair
from talkie.evaluation.metrics.registry import metric
from talkie.heads.closest import closest_on_mesh

LEAK_M, TOLERANCE_M, TOUCH_M = 0.05, 0.005, 0.005
"""Depths from 50 mm on are leaks of the signed distance and count as 0, which is a touch; less than 5 mm of depth is no
collision; 5 mm either side of the surface are a touch (plausibility code of Decaf, in DICE)."""
CAPTURE = ("capture",)
_POINTS = 256
"""Points in work at a time against all triangles."""


def signed_distance(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(N,) m from points (N, 3) to a closed mesh (V, 3), (F, 3) int, faces counter-clockwise from outside; positive
    inside, by the generalised winding number (Jacobson et al. 2013). Raises BadInput for nothing or NaN."""
    asked, corners = array(points, "points", (None, 3)), array(vertices, "vertices", (None, 3))
    rows = array(faces, "faces", (None, 3)).astype(int)
    distance = closest_on_mesh(asked, corners, rows)[2]
    chunks = [_winding(asked[i : i + _POINTS], corners[rows]) for i in range(0, len(asked), _POINTS)]
    return np.where(np.concatenate(chunks) > 0.5, distance, -distance)


@metric(
    "collision_distance",
    "Depth of hand vertices in the head, mean over all vertices",
    unit="m",
    better="lower",
    tasks=CAPTURE,
    source="Decaf (Shimada et al. 2023): sum of depths / 778; depths of 50 mm and more count as 0",
)
def collision_distance(signed: np.ndarray) -> np.ndarray:
    """(T,) m; lower is better. signed: (T, V) of the hand's vertices against the found head. MANO has V = 778."""
    return np.maximum(_kept(signed), 0).mean(1)


@metric(
    "non_collision_ratio",
    "Share of frames in which no hand vertex is 5 mm deep in the head",
    unit="1",
    better="higher",
    tasks=CAPTURE,
    source="Decaf (Shimada et al. 2023)",
)
def non_collision_ratio(signed: np.ndarray) -> float:
    """Share in [0, 1]; higher is better. Argument as of `collision_distance`."""
    return float((_kept(signed) < TOLERANCE_M).all(1).mean())


@metric(
    "touchness",
    "Share of frames with a touch among those in which the truth touches",
    unit="1",
    better="higher",
    tasks=CAPTURE,
    source="Decaf (Shimada et al. 2023); touch = a vertex within 5 mm of the surface",
)
def touchness(truth: np.ndarray, guess: np.ndarray) -> float:
    """Share in [0, 1]; higher is better. truth, guess: (T, V) signed distances of true and found hand and head. Raises
    BadInput where the truth never touches."""
    pair(truth, guess, (None, None))
    a, b = ((np.abs(_kept(v)) <= TOUCH_M).any(1) for v in (truth, guess))
    if not a.any():
        raise BadInput("never touches", where="truth", cure="use clips with contact")
    return float(b[a].mean())


def _kept(signed: np.ndarray) -> np.ndarray:
    values = array(signed, "signed", (None, None))
    return np.where(values >= LEAK_M, 0.0, values)


def _winding(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(N,) solid angle of triangles (F, 3, 3) seen from points over 4 pi (van Oosterom & Strackee 1983)."""
    a, b, c = (corners[None, :, k] - points[:, None] for k in range(3))
    la, lb, lc = (np.linalg.norm(v, axis=2) for v in (a, b, c))
    volume = np.einsum("nfi,nfi->nf", a, np.cross(b, c))
    products = [np.einsum("nfi,nfi->nf", p, q) for p, q in ((a, b), (b, c), (c, a))]
    below = la * lb * lc + products[0] * lc + products[1] * la + products[2] * lb
    return (2 * np.arctan2(volume, below)).sum(1) / (4 * np.pi)
