"""MediaPipe's 478 points for a head that lacks them: the built-in head's, warped by 68 known points; no files here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from scipy.interpolate import RBFInterpolator

from talkie.errors import BadInput
from talkie.heads.builtin import builtin_head
from talkie.heads.closest import closest_on_mesh
from talkie.heads.landmarks import landmarks_68
from talkie.heads.model import LANDMARKS

IRIS = {"right_eyeball": range(468, 473), "left_eyeball": range(473, 478)}
OPEN = 0.5
"""How far the built-in head's mouth is opened (weight of jawOpen), so that the two lips cannot be taken for each
other; the other head's opening may differ, its 68 points tell."""
USED = np.isin(np.arange(68), [8, *range(17, 68)])
"""The points that mean the same in iBUG's set and in MediaPipe's."""
NEEDED = 20


@dataclass(frozen=True)
class Embedding:
    """Landmarks on a surface: triangles (478,) rows of faces, barycentric (478, 3), and how good they are.

    error_mm: median over the given points of the distance at which the warp misses a point that it was not
    given, along the surface; distance_mm: median distance that the warped points had to the surface."""

    triangles: np.ndarray
    barycentric: np.ndarray
    error_mm: float
    distance_mm: float


def landmark_embedding(
    vertices: np.ndarray, faces: np.ndarray, points: np.ndarray, skin: np.ndarray, part: np.ndarray | None = None,
    part_names: tuple[str, ...] = (),
) -> Embedding:  # fmt: skip
    """Embed MediaPipe's 478 points in another head's surface.

    vertices: (V, 3) metres, the head at its mean with the mouth OPEN by one to three centimetres; faces: (F, 3);
    points: known points of it in this pose, (68, 3) in iBUG 300-W's order or (478, 3) in MediaPipe's, rows of nan
    for unknown ones; skin: (V,) bool, where landmarks may lie; part, part_names: to find `left_eyeball` and
    `right_eyeball` for the irises, which else lie on the skin. A thin-plate spline (Duchon 1977) through the pairs
    carries the built-in head's points over; the nearest points of the skin to them are the landmarks. Of iBUG's
    jaw only the chin is used: it is a silhouette, which lies a centimetre in front of MediaPipe's oval. Raises
    BadInput for too few points.
    """
    source = open_landmarks()
    if points.shape not in ((68, 3), (LANDMARKS, 3)):
        raise BadInput(f"landmark points of shape {points.shape}, expected (68, 3) or ({LANDMARKS}, 3) metres")
    known = np.isfinite(points).all(1)
    if len(points) == 68:
        known &= USED
    if known.sum() < NEEDED:
        raise BadInput(
            f"{known.sum()} known landmark points", cure=f"give at least {NEEDED} of brows, nose, eyes, lips"
        )
    ours = (landmarks_68(source) if len(points) == 68 else source)[known]
    theirs = points[known]
    on_skin = np.flatnonzero(skin[faces].all(1))
    warped = warp(ours, theirs)(source)
    chosen, weights, distance = closest_on_mesh(warped, vertices, faces[on_skin])
    triangles = on_skin[chosen]
    for name, index in IRIS.items():
        if part is None or name not in part_names:
            continue
        ball = part == part_names.index(name)
        on_ball = np.flatnonzero(ball[faces].all(1))
        places = _iris_places(name, source[list(index)], vertices[ball])
        face, weights[list(index)], _ = closest_on_mesh(places, vertices, faces[on_ball])
        triangles[list(index)] = on_ball[face]
    missed = _leave_one_out(ours, theirs, vertices, faces[on_skin])
    return Embedding(
        triangles.astype(np.int64),
        weights.astype(np.float32),
        float(np.median(missed) * 1e3),
        float(np.median(distance[: min(IRIS["right_eyeball"])]) * 1e3),
    )


@cache
def open_landmarks() -> np.ndarray:
    """The built-in mean head's landmarks (478, 3) with the mouth open."""
    head = builtin_head()
    weights = torch.zeros(1, len(head.expression_names))
    weights[0, head.expression_names.index("jawOpen")] = OPEN
    points = head.landmarks(head.vertices(expression=weights))[0].double().numpy()
    assert points.shape == (LANDMARKS, 3)
    return points


def warp(source: np.ndarray, target: np.ndarray) -> RBFInterpolator:
    """The thin-plate spline in space (kernel r, affine part exact) that takes source (N, 3) to target (N, 3)."""
    return RBFInterpolator(source, target, kernel="linear", degree=1)


def sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (3,) and radius of the sphere of least algebraic squares through points (N, 3)."""
    rows = np.c_[2 * points, np.ones(len(points))]
    solved = np.linalg.lstsq(rows, (points**2).sum(1), rcond=None)[0]
    return solved[:3], float(np.sqrt(solved[3] + (solved[:3] ** 2).sum()))


def _iris_places(name: str, ours: np.ndarray, ball: np.ndarray) -> np.ndarray:
    """Places (5, 3) in front of another eyeball: the built-in iris at its true size, looking straight ahead."""
    head = builtin_head()
    centre, _ = sphere(head.template.double().numpy()[head.part == head.part_names.index(name)])
    at, radius = sphere(ball)
    offset = (ours - centre)[:, :2]
    depth = np.sqrt(np.maximum(radius**2 - (offset**2).sum(1), 0))
    return at + np.c_[offset, depth]


def _leave_one_out(ours: np.ndarray, theirs: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Distances (N,) in metres between each point and the landmark that the others give for it."""
    guesses = np.empty_like(theirs)
    for k in range(len(ours)):
        rest = np.arange(len(ours)) != k
        guesses[k] = warp(ours[rest], theirs[rest])(ours[k : k + 1])[0]
    face, weights, _ = closest_on_mesh(guesses, vertices, faces)
    feet = (weights[..., None] * vertices[faces[face]]).sum(1)
    return np.linalg.norm(feet - theirs, axis=1)
