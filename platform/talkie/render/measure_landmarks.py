"""Measures where MediaPipe's 478 points lie on the built-in head and writes `heads/builtin/landmarks.json`.

    python -m talkie.render.measure_landmarks

Rendered heads (many looks, identities, expressions, turned by up to 45 degrees, from the stage's distances) are shown
to MediaPipe; each of its points gets the place on the skin whose projections lie nearest to it on average over the
frames and their mirror images. Points of the inner lips are sought on the lips' rims or, on the upper lip, close by,
those of the eyes' contours on the lids' rims, irises on the eyeballs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from talkie.heads import ARKIT_NAMES, builtin_head, frontal_camera
from talkie.heads.builtin import chart, features
from talkie.heads.builtin.assembly import NeutralMesh
from talkie.heads.builtin.head import BuiltinHead
from talkie.render.head import HeadRenderer
from talkie.render.look import look_from_seed

Camera = tuple[np.ndarray, np.ndarray, np.ndarray]

SIZE = 256
PEOPLE, POSES = 44, 12
YAW_DEG, PITCH_DEG = 45.0, 15.0
DISTANCE_M, HEAD_SHARE, HEAD_HEIGHT_M = (0.8, 1.3), (0.60, 0.74), 0.24
"""The stage's usual camera: where it stands and how much of the picture's height the head fills."""
CAP_M = 0.010
"""A miss beyond this, in the plane of the face, counts no more: MediaPipe's own outliers do not decide."""
SLACK_M = 0.0008
"""How far above its rim a point of the upper lip's inner contour may lie: MediaPipe takes the edge of the lit part of
the lip for it, two to three millimetres up, and sees closed lips half a millimetre apart; more would part them."""
NEAR = 400
"""Vertices that are tried for a point: those nearest to it on the mean of the frames."""
GRID = np.array([(a, b, 8 - a - b) for a in range(9) for b in range(9 - a)]) / 8
"""Weights of the points that are tried on a triangle."""
# MediaPipe's contours, by its published face mesh connections (FACEMESH_LIPS, _LEFT_EYE, _RIGHT_EYE).
INNER_UPPER = (191, 80, 81, 82, 13, 312, 311, 310, 415)
INNER_LOWER = (95, 88, 178, 87, 14, 317, 402, 318, 324)
INNER_CORNERS = (78, 308)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_IRIS, RIGHT_IRIS = tuple(range(473, 478)), tuple(range(468, 473))
EXPRESSIONS: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.5},
    {"jawOpen": 0.3, "mouthFunnel": 0.6},
    {"mouthPucker": 0.6},
    {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.5, "cheekSquintRight": 0.5},
    {"mouthFrownLeft": 0.6, "mouthFrownRight": 0.6, "browDownLeft": 0.7, "browDownRight": 0.7},
    {"browInnerUp": 0.8, "eyeWideLeft": 0.5, "eyeWideRight": 0.5, "jawOpen": 0.2},
    {"eyeBlinkLeft": 0.9, "eyeBlinkRight": 0.9},
)
"""Faces at their strongest; each frame takes a random share of one."""


@dataclass(frozen=True)
class Filmed:
    """projected: (T, V, 2) vertices and seen: (T, 478, 2) MediaPipe's points, of the frames it found a face in; metres
    in the plane of the face's middle, from the picture's middle, x to the right and y down."""

    projected: np.ndarray
    seen: np.ndarray


def _scenes(model: BuiltinHead) -> Iterator[tuple[np.ndarray, Camera, np.ndarray]]:
    """World vertices, camera and picture of one varied frame after another; poses come in mirrored pairs."""
    rng = np.random.default_rng(7)
    for person in range(PEOPLE):
        renderer = HeadRenderer(model, look_from_seed(100 + person))
        weights = np.clip(rng.normal(size=(1, len(model.identity_names))), -2, 2)
        identity = torch.tensor(weights, dtype=torch.float32)
        for pose in range(POSES):
            if pose % 2 == 0:
                yaw, pitch = rng.uniform(0, YAW_DEG), rng.uniform(-PITCH_DEG, PITCH_DEG)
                distance, share = rng.uniform(*DISTANCE_M), rng.uniform(*HEAD_SHARE)
            face = EXPRESSIONS[(person + pose // 2) % len(EXPRESSIONS)]
            expression, strength = torch.zeros(1, len(ARKIT_NAMES)), float(rng.uniform(0.2, 1.0))
            for name, weight in face.items():
                expression[0, ARKIT_NAMES.index(name)] = strength * weight
            turn = Rotation.from_euler("yx", [yaw if pose % 2 == 0 else -yaw, pitch], degrees=True)
            head = model.vertices(identity, expression)[0].numpy().astype(float)
            world = turn.apply(head - np.array([0, 0, 0.02]))
            focal = share * SIZE * distance / HEAD_HEIGHT_M
            K, R, t = (a.numpy().astype(float) for a in frontal_camera(SIZE, distance, focal))
            yield world, (K, R, t), renderer.render(world, K, R, t, size=SIZE)


def _rims(mesh: NeutralMesh) -> dict[int, np.ndarray]:
    """The rim (vertex indices, ends repeated where closed) that each contour point belongs to."""
    upper, lower = mesh.skin.lip_rims
    rims = {k: upper for k in INNER_UPPER + INNER_CORNERS} | {k: lower for k in INNER_LOWER}
    for contour, loop in zip((LEFT_EYE, RIGHT_EYE), mesh.skin.lid_rims, strict=True):
        rims |= {k: np.append(loop, loop[0]) for k in contour}
    return rims


def film(model: BuiltinHead) -> Filmed:
    """Shows every scene to MediaPipe."""
    import mediapipe

    projected, seen = [], []
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as finder:
        for world, (K, R, t), picture in _scenes(model):
            found = finder.process(picture).multi_face_landmarks
            if not found:
                continue
            points = world @ R.T + t
            distance = float(points[:, 2].mean())
            pixels = np.array([(p.x * SIZE, p.y * SIZE) for p in found[0].landmark])
            projected.append((points[:, :2] / points[:, 2:] * distance).astype(np.float32))
            seen.append((pixels - K[:2, 2]) * distance / K[0, 0])
    return Filmed(np.array(projected), np.array(seen, np.float32))


def with_mirrored(filmed: Filmed, model: BuiltinHead) -> tuple[Filmed, np.ndarray]:
    """The frames followed by their mirror images, and each point's partner (478,) on the other side of the face."""
    rest = model.mesh.positions
    away, other = cKDTree(rest).query(rest * [-1, 1, 1])
    if away.max() > 1e-4:
        raise ValueError("the neutral head is not symmetric")
    partner = _partners(filmed.seen.mean(0))
    flip = np.array([-1, 1], np.float32)
    both = Filmed(
        np.concatenate([filmed.projected, filmed.projected[:, other] * flip]),
        np.concatenate([filmed.seen, filmed.seen[:, partner] * flip]),
    )
    return both, partner


def _partners(points: np.ndarray) -> np.ndarray:
    """Which point (N,) mirrors which of points (N, 2), by optimal assignment about their own middle."""
    centred = points - points.mean(0)
    cost = np.linalg.norm(centred[:, None] - (centred * [-1, 1])[None], axis=-1)
    _, partner = linear_sum_assignment(cost**2)
    if not (partner[partner] == np.arange(len(points))).all():
        raise ValueError("left and right points do not pair up; were too few frames tracked?")
    return partner


def _miss(candidates: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Mean distance (N,) of candidates (T, N, 2) to a point (T, 2) over all frames, each capped."""
    return np.minimum(np.linalg.norm(candidates - seen[:, None], axis=-1), CAP_M).mean(0)


def _on_rim(mesh: NeutralMesh, filmed: Filmed, rim: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Place (2,) in the plane of the best point of a rim, to an eighth of its edges."""
    steps = np.arange(0, 1, 0.125)[:, None]
    ends = filmed.projected[:, rim[:-1], None], filmed.projected[:, rim[1:], None]
    between = ends[0] * (1 - steps) + ends[1] * steps
    best = int(_miss(between.reshape(len(seen), -1, 2), seen).argmin())
    edge, share = best // len(steps), (best % len(steps)) / len(steps)
    return mesh.plane[rim[edge]] * (1 - share) + mesh.plane[rim[edge + 1]] * share


def _by_rim(mesh: NeutralMesh, filmed: Filmed, rim: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Place (2,) in the plane of the best point of the skin within SLACK_M of a rim."""
    around = mesh.faces[np.isin(mesh.faces, rim).any(1) & (mesh.part[mesh.faces] == 0).all(1)]
    corners = mesh.positions[rim]
    dense = np.concatenate([corners[:-1] * (1 - f) + corners[1:] * f for f in np.arange(0, 1, 0.1)])
    away = cKDTree(dense).query(np.einsum("gc,fcd->fgd", GRID, mesh.positions[around]).reshape(-1, 3))[0]
    near = np.flatnonzero(away < SLACK_M)
    face, spot = around[near // len(GRID)], GRID[near % len(GRID)]
    points = np.einsum("nc,tncd->tnd", spot, filmed.projected[:, face])
    best = int(_miss(points, seen).argmin())
    return spot[best] @ mesh.plane[face[best]]


def _on_skin(mesh: NeutralMesh, filmed: Filmed, skin: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Place (2,) in the plane of the best point of the skin: first the best vertices, then points around them."""
    apart = np.linalg.norm(filmed.projected[:, skin].mean(0) - seen.mean(0), axis=-1)
    near = skin[np.argsort(apart)[:NEAR]]
    vertices = near[np.argsort(_miss(filmed.projected[:, near], seen))[:3]]
    around = mesh.faces[np.isin(mesh.faces, vertices).any(1) & (mesh.part[mesh.faces] == 0).all(1)]
    places = np.einsum("gc,fcd->fgd", GRID, mesh.plane[around]).reshape(-1, 2)
    points = np.einsum("gc,tfcd->tfgd", GRID, filmed.projected[:, around]).reshape(len(seen), -1, 2)
    return places[_miss(points, seen).argmin()]


def measure(model: BuiltinHead) -> tuple[np.ndarray, np.ndarray]:
    """Places in the plane (468, 2) and of the irises on the neutral head (10, 3), symmetric."""
    mesh, rims = model.mesh, _rims(model.mesh)
    once = film(model)
    filmed, partner = with_mirrored(once, model)
    skin = np.flatnonzero((mesh.part == 0) & (mesh.positions[:, 2] > 0.0))
    places = np.stack([_place(k, mesh, filmed, rims, skin) for k in range(468)])
    samples: list[list[np.ndarray]] = [[] for _ in range(478)]
    for points, found in zip(once.projected, once.seen, strict=True):
        _iris_samples(samples, model, points, found)
    irises = np.stack([np.median(samples[k], axis=0) for k in range(468, 478)])
    return symmetric(places, partner[:468]), symmetric(irises, partner[468:] - 468)


def _place(k: int, mesh: NeutralMesh, filmed: Filmed, rims: dict[int, np.ndarray], skin: np.ndarray) -> np.ndarray:
    """Place (2,) in the plane of MediaPipe's point k, wherever it may lie."""
    seen = filmed.seen[:, k]
    if k in INNER_UPPER:
        return _by_rim(mesh, filmed, rims[k], seen)
    return _on_rim(mesh, filmed, rims[k], seen) if k in rims else _on_skin(mesh, filmed, skin, seen)


def _iris_samples(samples: list[list[np.ndarray]], model: BuiltinHead, projected: np.ndarray, seen: np.ndarray) -> None:
    """Add where the iris points meet each eyeball: the neutral place of the nearest projected front vertex's
    neighbourhood, by a linear map from the picture to the eyeball's frontal plane fitted on its front."""
    for side, contour in (("left", LEFT_IRIS), ("right", RIGHT_IRIS)):
        ball = model.mesh.part_vertices(f"{side}_eyeball")
        rest = model.mesh.positions[ball]
        front = rest[:, 2] > np.quantile(rest[:, 2], 0.75)
        known = np.column_stack([projected[ball][front, :2], np.ones(front.sum())])
        solution = np.linalg.lstsq(known, rest[front, :2], rcond=None)[0]
        for k in contour:
            x, y = np.append(seen[k], 1.0) @ solution
            samples[k].append(np.array([x, y, rest[:, 2].max()]))


def symmetric(points: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """Means (N, 2 or 3) of each point and the mirror image of its partner (N,)."""
    mirror = np.ones(points.shape[1])
    mirror[0] = -1
    mean = 0.5 * (points + points[partner] * mirror)
    mean[partner == np.arange(len(points)), 0] = 0.0
    return mean


def _on_iris(irises: np.ndarray) -> np.ndarray:
    """Iris points put on the neutral eyeballs: circles of the built-in iris's radius in MediaPipe's order."""
    out = irises.copy()
    for first in (0, 5):
        side = np.sign(irises[first, 0])
        centre = features.EYE_CENTRE * np.array([side, 1, 1])
        for k in range(5):
            offset = irises[first + k, :2] - irises[first, :2]
            reach = features.IRIS_RADIUS_M if k else 0.0
            flat = offset / max(float(np.linalg.norm(offset)), 1e-9) * reach
            depth = np.sqrt(features.EYE_RADIUS_M**2 - reach**2)
            out[first + k] = centre + np.array([*flat, depth])
    return out


def main() -> None:
    """Measure and write."""
    places, irises = measure(builtin_head())
    body = {
        "chart_sink_m": chart.SINK_M,
        "skin_plane": np.round(places, 5).tolist(),
        "iris_places": np.round(_on_iris(irises), 5).tolist(),
    }
    target = Path(str(files("talkie.heads.builtin").joinpath("landmarks.json")))
    target.write_text(json.dumps(body).replace("], [", "],\n [") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
