"""Reads ICT-FaceKit's scanned head and finds which of its points answer to the built-in head's; judges nothing.

ICT-FaceKit (USC Institute for Creative Technologies, MIT licence) is read from `$TALKIE_HEADS/ict_facekit.npz` or from
`../shared/heads` beside the repository; it is compared with, never copied.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from talkie.errors import BadInput
from talkie.heads.builtin import features
from talkie.heads.builtin.assembly import NeutralMesh

FACE_VERTICES = 9409
"""The scan's first vertices are face, ears and throat (its own documentation)."""
NEAR = 24
INNER_LIPS, OUTER_LIPS = slice(60, 68), slice(48, 60)
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)


@dataclass(frozen=True)
class Scan:
    """The scanned head's face in metres. vertices: (9409, 3); faces: (F, 3); identity: (60, 9409, 3), weights
    standard normal; expression: by ICT's name, (9409, 3) displacements; landmarks: (68,) vertex indices in the
    order of iBUG 300-W."""

    vertices: np.ndarray
    faces: np.ndarray
    identity: np.ndarray
    expression: dict[str, np.ndarray]
    landmarks: np.ndarray


@dataclass(frozen=True)
class Feet:
    """Nearest points on a mesh: triangle (N,), barycentric weights (N, 3), distance (N,) in metres."""

    triangle: np.ndarray
    weights: np.ndarray
    distance: np.ndarray

    def at(self, values: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Values (..., V, 3) of the mesh's vertices at the feet, (..., N, 3)."""
        return np.einsum("nc,...ncd->...nd", self.weights, values[..., faces[self.triangle], :])


def scan_file() -> Path:
    """Where the scanned head should lie."""
    beside = Path(__file__).resolve().parents[5] / "shared" / "heads"
    return Path(os.environ.get("TALKIE_HEADS", beside)) / "ict_facekit.npz"


def load_scan(path: Path | None = None) -> Scan:
    """Read the scan; raises BadInput where it is absent."""
    path = path or scan_file()
    indices = path.with_name("ict_vertex_indices.json")
    if not path.exists() or not indices.exists():
        raise BadInput("the scanned head is not here", where=str(path), cure="set TALKIE_HEADS to its folder")
    with np.load(path) as file:
        quads = file["faces"]
        quads = quads[(quads < FACE_VERTICES).all(1)]
        names = file["expression_names"]
        moved = file["expression"][:, :FACE_VERTICES].astype(float) * 0.01
        vertices = file["vertices"][:FACE_VERTICES].astype(float) * 0.01
        identity = file["identity"][:, :FACE_VERTICES].astype(float) * 0.01
    second = quads[quads[:, 3] >= 0][:, [0, 2, 3]]
    places = json.loads(indices.read_text(encoding="utf-8"))["idx_to_landmark_verts"]
    return Scan(
        vertices,
        np.concatenate([quads[:, :3], second]).astype(np.int64),
        identity,
        {str(name): field for name, field in zip(names, moved, strict=True)},
        np.array(places),
    )


def _feet(points: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (N, K, 3) and distances (N, K) of the nearest points of triangles (N, K, 3, 3) to points (N, 3)."""
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac, ap = b - a, c - a, points[:, None] - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    det = np.maximum(d00 * d11 - d01 * d01, 1e-30)
    v, w = (d11 * d20 - d01 * d21) / det, (d00 * d21 - d01 * d20) / det
    inside = np.stack([1 - v - w, v, w], axis=-1)
    options = [np.where((inside >= 0).all(-1)[..., None], inside, np.inf)]
    for i, j in ((0, 1), (1, 2), (2, 0)):
        edge = corners[..., j, :] - corners[..., i, :]
        f = ((points[:, None] - corners[..., i, :]) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-30)
        option = np.zeros_like(inside)
        option[..., i], option[..., j] = 1 - np.clip(f, 0, 1), np.clip(f, 0, 1)
        options.append(option)
    stacked = np.stack(options)
    with np.errstate(invalid="ignore"):
        feet = np.einsum("onkc,nkcd->onkd", stacked, corners)
    distance = np.linalg.norm(feet - points[:, None], axis=-1)
    distance = np.where(np.isfinite(distance), distance, np.inf)
    best = distance.argmin(0)[None]
    weights = np.take_along_axis(stacked, best[..., None], 0)[0]
    return weights, np.take_along_axis(distance, best, 0)[0]


def nearest(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> Feet:
    """Nearest points of a triangle mesh to points (N, 3), among the `NEAR` triangles with the nearest centres."""
    corners = vertices[faces]
    _, near = cKDTree(corners.mean(1)).query(points, k=min(NEAR, len(faces)))
    near = near.reshape(len(points), -1)
    triangle, weights = np.zeros(len(points), np.int64), np.zeros((len(points), 3))
    distance = np.zeros(len(points))
    for start in range(0, len(points), 2000):
        part = slice(start, start + 2000)
        w, d = _feet(points[part], corners[near[part]])
        best = d.argmin(1)
        rows = np.arange(len(best))
        triangle[part], weights[part], distance[part] = near[part][rows, best], w[rows, best], d[rows, best]
    return Feet(triangle, weights, distance)


def landmark_pairs(mesh: NeutralMesh, scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """Points (65, 3) of the built-in's mean and of the scan that mean the same place: lips and lids by their
    curves, at the same share of the way from corner to corner; all others where the scan has them."""
    there = scan.vertices[scan.landmarks]
    here = there.copy()
    points, level = mesh.positions[: len(mesh.skin.positions)], mesh.skin.lip_level
    upper, lower = (points[rim] for rim in mesh.skin.lip_rims)
    border = [points[(level == 1.0) & (sign * mesh.skin.upper >= 0)] for sign in (1, -1)]
    border = [curve[np.argsort(curve[:, 0])] for curve in border]
    for part, first_lower, curves in ((INNER_LIPS, 5, (upper, lower)), (OUTER_LIPS, 7, border)):
        here[part] = _by_share(there[part], first_lower, *curves)
    for part, side in ((LEFT_EYE, 0), (RIGHT_EYE, 1)):
        loop = points[mesh.skin.lid_rims[side]]
        half = len(loop) // 2
        above, below = loop[: half + 1], np.concatenate([loop[half:], loop[:1]])
        above, below = (curve[np.argsort(curve[:, 0])] for curve in (above, below))
        here[part] = _by_share(there[part], 4, above, below)
    # Closed lips lie at one place on the built-in head: keep the upper one's points, aimed between the scan's two.
    for above, below in ((61, 67), (62, 66), (63, 65)):
        there[above] = 0.5 * (there[above] + there[below])
    keep = ~np.isin(np.arange(68), (65, 66, 67))
    return here[keep], there[keep]


def _by_share(there: np.ndarray, first_lower: int, above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Points on two curves from corner to corner at the same shares in x as the contour `there`, which runs
    from its right corner over the top; from `first_lower` on it lies on the lower curve."""
    low, high = there[:, 0].min(), there[:, 0].max()
    out = np.zeros_like(there)
    for k, point in enumerate(there):
        curve = above if k < first_lower else below
        x = curve[0, 0] + (point[0] - low) / (high - low) * (curve[-1, 0] - curve[0, 0])
        out[k] = [np.interp(x, curve[:, 0], curve[:, axis]) for axis in range(3)]
    return out


def _scan_side(scan: Scan) -> np.ndarray:
    """(V,) +1 on the scan's upper lip and what lies above, -1 on the lower: the half that `jawOpen` carries."""
    drop = -scan.expression["jawOpen"][:, 1]
    inner = scan.landmarks[INNER_LIPS]
    return np.where(drop > 0.5 * (drop[inner[2]] + drop[inner[6]]), -1.0, 1.0)


def correspondence(mesh: NeutralMesh, scan: Scan, vertices: np.ndarray) -> Feet:
    """The scan's points (N) that answer to skin vertices (N,) of the built-in mean: carried over by a biharmonic
    spline through lips and lids, then to the nearest surface; each lip only to its own."""
    here, there = landmark_pairs(mesh, scan)
    spread = there[::2] * np.array([1.0, 1.0, 0.9]) + np.array([0.0, 0.0, -0.06])
    warp = RBFInterpolator(np.concatenate([here, spread]), np.concatenate([there, spread]), kernel="linear")
    points = warp(mesh.positions[vertices])
    side = _scan_side(scan)[scan.faces]
    t, above = features.mouth_coordinates(mesh.theta[vertices], mesh.s[vertices])
    mouth = (np.abs(t) < 0.92) & (np.abs(above) < 9)
    upper = mesh.skin.upper[vertices]
    triangle, weights = np.zeros(len(points), np.int64), np.zeros((len(points), 3))
    distance = np.zeros(len(points))
    for which, allowed in (
        (~mouth | (upper == 0), np.ones(len(side), bool)),
        (mouth & (upper > 0), (side > 0).all(1)),
        (mouth & (upper < 0), (side < 0).all(1)),
    ):
        index = np.flatnonzero(allowed)
        found = nearest(points[which], scan.vertices, scan.faces[index])
        triangle[which], weights[which], distance[which] = index[found.triangle], found.weights, found.distance
    return Feet(triangle, weights, distance)
