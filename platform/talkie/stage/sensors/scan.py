"""Raw scans: noisy points of the head's surface with holes and outliers, as a stereo scanner would give them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.heads import HeadModel

_SURFACES = ("skin", "left_ear", "right_ear", "left_eyeball", "right_eyeball")


@dataclass(frozen=True)
class ScanNoise:
    """points: of each frame; noise_m: standard deviation along the normal; outliers: share of points thrown up to
    `outlier_m` away; holes: how many balls of radius `hole_m` see nothing; grazing: cosine between the surface and the
    nearest scanner's line of sight below which a point is lost."""

    points: int = 2048
    noise_m: float = 2e-4
    outliers: float = 0.005
    outlier_m: float = 0.02
    holes: int = 5
    hole_m: tuple[float, float] = (0.006, 0.018)
    grazing: float = 0.3


def record_scan(
    model: HeadModel,
    vertices: np.ndarray,
    centres: np.ndarray,
    rng: np.random.Generator,
    noise: ScanNoise | None = None,
) -> dict[str, np.ndarray]:
    """Scans of a take: vertices (T, V, 3) world metres, centres (C, 3) of the scanners -> arrays of `scan.npz`.

    points (T, N, 3) float32 world metres; outlier (T, N) bool; truth of each point: triangle (T, N) int32 and
    barycentric (T, N, 3) float32; hole_centre (T, H, 3) and hole_radius (H,): where points are missing. Points are
    uniform in area over what faces a scanner; self-occlusion beyond that (an ear behind a cheek) is not modelled."""
    noise = noise or ScanNoise()
    faces = model.faces.numpy()
    names = [model.part_names.index(n) for n in _SURFACES if n in model.part_names]
    faces_of_surface = np.flatnonzero(np.isin(model.part[faces], names).all(1))
    corners_of_hole = faces_of_surface[rng.integers(len(faces_of_surface), size=noise.holes)]
    radius = rng.uniform(*noise.hole_m, size=noise.holes)
    frames = [
        _scan(points, faces, faces_of_surface, corners_of_hole, radius, centres, rng, noise) for points in vertices
    ]
    out = {name: np.stack([frame[name] for frame in frames]) for name in frames[0]}
    return {**out, "hole_radius": radius.astype(np.float32)}


def _scan(
    vertices: np.ndarray,
    faces: np.ndarray,
    surface: np.ndarray,
    hole_triangle: np.ndarray,
    hole_radius: np.ndarray,
    centres: np.ndarray,
    rng: np.random.Generator,
    noise: ScanNoise,
) -> dict[str, np.ndarray]:
    corners = vertices[faces[surface]]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normal, axis=1)
    normal /= np.maximum(area, 1e-12)[:, None]
    sight = centres[:, None] - corners.mean(1)[None]
    facing = (sight * normal).sum(-1) / np.linalg.norm(sight, axis=-1)
    holes = vertices[faces[hole_triangle]].mean(1)
    missing = (np.linalg.norm(corners.mean(1)[:, None] - holes, axis=-1) < hole_radius).any(1)
    weight = area * (facing.max(0) > noise.grazing) * ~missing
    which = np.searchsorted(np.cumsum(weight) / weight.sum(), rng.random(noise.points))
    barycentric = _uniform_weights(noise.points, rng)
    points = (corners[which] * barycentric[..., None]).sum(1)
    points += normal[which] * rng.normal(0, noise.noise_m, (noise.points, 1))
    outlier = rng.random(noise.points) < noise.outliers
    points[outlier] += normal[which][outlier] * rng.uniform(-noise.outlier_m, noise.outlier_m, (outlier.sum(), 1))
    return {
        "points": points.astype(np.float32),
        "outlier": outlier,
        "triangle": surface[which].astype(np.int32),
        "barycentric": barycentric.astype(np.float32),
        "hole_centre": holes.astype(np.float32),
    }


def _uniform_weights(count: int, rng: np.random.Generator) -> np.ndarray:
    """Barycentric weights (N, 3) uniform over a triangle (Turk, Graphics Gems, 1990)."""
    root, along = np.sqrt(rng.random(count)), rng.random(count)
    return np.stack([1 - root, root * (1 - along), root * along], axis=1)
