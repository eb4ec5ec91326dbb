"""MediaPipe's 478 points on the built-in head: measured places in the chart -> triangles and weights.

`landmarks.json` is written by `talkie.render.measure_landmarks`, which films the head and asks MediaPipe.
Places do not name triangles, so the mesh may be refined without measuring anew.
"""

from __future__ import annotations

import json
from importlib import resources

import numpy as np

from talkie.heads.builtin.assembly import PARTS, NeutralMesh

IRIS = range(468, 478)


def load(mesh: NeutralMesh) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (478,) int64 and barycentric weights (478, 3) float32 of the measured places."""
    text = resources.files(__package__).joinpath("landmarks.json").read_text(encoding="utf-8")
    measured = json.loads(text)
    triangles, weights = np.zeros(478, np.int64), np.zeros((478, 3), np.float32)
    plane = np.array(measured["skin_plane"], float)
    triangles[:468], weights[:468] = locate_in_plane(mesh, plane)
    for k, place in zip(IRIS, np.array(measured["iris_places"], float), strict=True):
        part = PARTS.index("left_eyeball" if place[0] > 0 else "right_eyeball")
        triangles[k], weights[k] = _nearest_on(mesh, part, place)
    return triangles, weights


def locate_in_plane(mesh: NeutralMesh, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skin triangles (N,) and weights (N, 3) that contain places (N, 2) of the unrolled chart.

    A place in one of the holes (mouth, eyes) goes to the nearest point of the skin around it."""
    skin = np.flatnonzero((mesh.part[mesh.faces] == 0).all(1))
    corner = mesh.plane[mesh.faces[skin]]
    triangles, weights = np.zeros(len(places), np.int64), np.zeros((len(places), 3), np.float32)
    for i, place in enumerate(places):
        near = np.argpartition(((corner.mean(1) - place) ** 2).sum(1), 40)[:40]
        flat = np.concatenate([corner[near], np.zeros((len(near), 3, 1))], axis=2)
        w, distance = _closest(flat, np.append(place, 0.0))
        best = int(distance.argmin())
        triangles[i], weights[i] = skin[near[best]], w[best]
    return triangles, weights


def _nearest_on(mesh: NeutralMesh, part: int, point: np.ndarray) -> tuple[int, np.ndarray]:
    """Triangle and weights (3,) of the point of a part nearest to `point` (3,)."""
    index = np.flatnonzero((mesh.part[mesh.faces] == part).all(1))
    w, distance = _closest(mesh.positions[mesh.faces[index]], point)
    best = int(distance.argmin())
    return int(index[best]), w[best]


def _closest(corners: np.ndarray, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (N, 3) and distances (N,) of the points nearest to `point` on triangles (N, 3, 3).

    The orthogonal foot where it lies inside, else the nearest of the three edges' feet."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac, ap = b - a, c - a, point - a
    d00, d01, d11 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    d20, d21 = (ap * ab).sum(1), (ap * ac).sum(1)
    det = np.maximum(d00 * d11 - d01 * d01, 1e-30)
    v, w = (d11 * d20 - d01 * d21) / det, (d00 * d21 - d01 * d20) / det
    options = [np.stack([1 - v - w, v, w], axis=1)]
    for i, j in ((0, 1), (1, 2), (2, 0)):
        edge = corners[:, j] - corners[:, i]
        f = np.clip(((point - corners[:, i]) * edge).sum(1) / np.maximum((edge * edge).sum(1), 1e-30), 0, 1)
        option = np.zeros((len(corners), 3))
        option[:, i], option[:, j] = 1 - f, f
        options.append(option)
    stacked = np.stack(options)
    feet = (stacked[..., None] * corners[None]).sum(2)
    distance = np.linalg.norm(feet - point, axis=-1)
    distance[0, (options[0] < 0).any(1)] = np.inf
    best = distance.argmin(0)
    rows = np.arange(len(corners))
    return stacked[best, rows].astype(np.float32), distance[best, rows]
