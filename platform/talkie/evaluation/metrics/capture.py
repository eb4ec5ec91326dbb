"""Errors of captured meshes against scans and registrations, and of rigid stabilisation. Speech-driven motion is in
motion.py, hands on faces in contact.py.

Lengths are metres, as everywhere in the platform; tables of the field print millimetres.
"""

from __future__ import annotations

import numpy as np

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array, pair
from talkie.evaluation.metrics.pose import geodesic
from talkie.evaluation.metrics.registry import metric
from talkie.heads.closest import closest_on_mesh

CAPTURE = ("capture", "head_creation", "avatars")


@metric(
    "scan_to_mesh",
    "Distance of scan points to the nearest point of the found surface",
    unit="m",
    better="lower",
    tasks=CAPTURE,
    source="TEMPEH (Bolkart et al. 2023), NoW: closest point on the surface, not the nearest vertex; median, mean, std",
    item="point",
)
def scan_to_mesh(scan: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(N,) m of scan points (N, 3) to a mesh (V, 3), (F, 3) int; lower is better. Report `summary` of them, by region
    where there are regions. Raises BadInput for nothing, NaN, or faces of rows that are not there."""
    points, corners = array(scan, "scan", (None, 3)), array(vertices, "vertices", (None, 3))
    rows = _faces(faces, len(corners))
    return closest_on_mesh(points, corners, rows)[2]


def summary(distances: np.ndarray) -> dict[str, float]:
    """Median, mean and standard deviation (population) of distances."""
    values = array(distances, "distances")
    return {"median": float(np.median(values)), "mean": float(values.mean()), "std": float(values.std())}


@metric(
    "pve",
    "Mean distance of vertices after alignment of translation",
    unit="m",
    better="lower",
    tasks=("capture", "head_creation"),
    source="Decaf (Shimada et al. 2023): per-vertex error of head and hand; its starred variant does not align",
)
def vertex_error(truth: np.ndarray, guess: np.ndarray, align: bool = True) -> np.ndarray:
    """(T,) m; lower is better. truth, guess: (T, V, 3); with `align` each frame's guess is moved to the truth's mean
    (shape), without it stays (placement). Raises BadInput for unlike shapes, nothing, NaN."""
    a, b = pair(truth, guess, (None, None, 3))
    if align:
        a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    return np.linalg.norm(a - b, axis=2).mean(1)


@metric(
    "skull_error",
    "Mean distance of skull-attached vertices after found and true stabilisation",
    unit="m",
    better="lower",
    tasks=("capture",),
    source="Bednarik et al. 2024 (face stabilisation)",
    item="pair",
)
def skull_error(skull: np.ndarray, truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(N,) m; lower is better. skull: (N, V, 3) vertices fixed to the skull; truth, guess: (N, 3, 4) rigid transforms
    [R | t] that stabilise them. Raises BadInput for unlike shapes, nothing, NaN."""
    points = array(skull, "skull", (None, None, 3))
    a, b = pair(truth, guess, (len(points), 3, 4))
    moved = [np.einsum("nij,nvj->nvi", m[:, :, :3], points) + m[:, None, :, 3] for m in (a, b)]
    return np.linalg.norm(moved[0] - moved[1], axis=2).mean(1)


def rigid_errors(truth: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation errors (N,) degrees and translation errors (N,) m of rigid transforms [R | t] (N, 3, 4). Raises BadInput
    for unlike shapes, nothing, NaN, or matrices that are no rotations."""
    a, b = pair(truth, guess, (None, 3, 4))
    return geodesic(a[:, :, :3], b[:, :, :3]), np.linalg.norm(a[:, :, 3] - b[:, :, 3], axis=1)


def _faces(faces: np.ndarray, vertices: int) -> np.ndarray:
    rows = array(faces, "faces", (None, 3)).astype(int)
    if rows.min() < 0 or rows.max() >= vertices:
        raise BadInput(f"a face of row {rows.max()} among {vertices}", where="faces", cure="give the mesh's own faces")
    return rows
