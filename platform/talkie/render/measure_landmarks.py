"""Measures where MediaPipe's 478 points lie on the built-in head and writes `heads/builtin/landmarks.json`.

    python -m talkie.render.measure_landmarks

Rendered heads (several looks, identities, poses, expressions) are shown to MediaPipe; each of its points gets
the place on the skin whose projections lie nearest to it on average over the frames. Points of the inner lips
are sought on the lips' rims only and those of the eyes' contours on the lids' rims; irises on the eyeballs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from talkie.heads import ARKIT_NAMES, builtin_head, frontal_camera
from talkie.heads.builtin import chart, features
from talkie.heads.builtin.assembly import NeutralMesh
from talkie.heads.builtin.head import BuiltinHead
from talkie.render.head import HeadRenderer
from talkie.render.look import look_from_seed

Camera = tuple[np.ndarray, np.ndarray, np.ndarray]

SIZE = 384
FRAMES = 120
CAP_PX = 12.0
"""A miss beyond this counts no more: MediaPipe's own outliers do not decide."""
# MediaPipe's contours, by its published face mesh connections (FACEMESH_LIPS, _LEFT_EYE, _RIGHT_EYE).
INNER_UPPER = (191, 80, 81, 82, 13, 312, 311, 310, 415)
INNER_LOWER = (95, 88, 178, 87, 14, 317, 402, 318, 324)
INNER_CORNERS = (78, 308)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_IRIS, RIGHT_IRIS = tuple(range(473, 478)), tuple(range(468, 473))
EXPRESSIONS: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.3},
    {"jawOpen": 0.15, "mouthFunnel": 0.3},
    {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5},
)


def _scenes(model: BuiltinHead) -> Iterator[tuple[np.ndarray, Camera, np.ndarray]]:
    """World vertices, camera and picture of one varied frame after another; poses come in mirrored pairs."""
    rng = np.random.default_rng(7)
    renderer = None
    for k in range(FRAMES):
        if k % 8 == 0 or renderer is None:
            renderer = HeadRenderer(model, look_from_seed(100 + k // 8))
            identity = torch.tensor(0.7 * rng.normal(size=(1, len(model.identity_names))), dtype=torch.float32)
        if k % 2 == 0:
            yaw, pitch = rng.uniform(0, 22), rng.uniform(-10, 10)
        expression = torch.zeros(1, len(ARKIT_NAMES))
        for name, weight in EXPRESSIONS[(k // 2) % len(EXPRESSIONS)].items():
            expression[0, ARKIT_NAMES.index(name)] = weight
        turn = Rotation.from_euler("yx", [yaw if k % 2 == 0 else -yaw, pitch], degrees=True)
        head = model.vertices(identity, expression)[0].numpy().astype(float)
        world = turn.apply(head - np.array([0, 0, 0.02]))
        K, R, t = (a.numpy().astype(float) for a in frontal_camera(SIZE, 1.0, 2.7 * SIZE))
        yield world, (K, R, t), renderer.render(world, K, R, t, size=SIZE)


def _to_pixels(world: np.ndarray, camera: Camera) -> np.ndarray:
    """x, y in pixels and depth in metres (V, 3) of world points."""
    K, R, t = camera
    points = world @ R.T + t
    image = points @ K.T
    return np.concatenate([image[:, :2] / image[:, 2:], points[:, 2:]], axis=1)


def _rims(mesh: NeutralMesh) -> dict[int, np.ndarray]:
    """The rim (vertex indices, ends repeated where closed) that each contour point belongs to."""
    upper, lower = mesh.skin.lip_rims
    rims = {k: upper for k in INNER_UPPER + INNER_CORNERS} | {k: lower for k in INNER_LOWER}
    for contour, loop in zip((LEFT_EYE, RIGHT_EYE), mesh.skin.lid_rims, strict=True):
        rims |= {k: np.append(loop, loop[0]) for k in contour}
    return rims


def _film(model: BuiltinHead) -> tuple[np.ndarray, np.ndarray]:
    """Projected vertices (T, V, 2) and MediaPipe's points (T, 478, 2), pixels, of the frames it found a face in."""
    import mediapipe

    projected, seen = [], []
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as finder:
        for world, camera, picture in _scenes(model):
            found = finder.process(picture).multi_face_landmarks
            if found:
                projected.append(_to_pixels(world, camera)[:, :2])
                seen.append([(p.x * SIZE, p.y * SIZE) for p in found[0].landmark])
    return np.array(projected), np.array(seen)


def _best(candidates: np.ndarray, seen: np.ndarray) -> int:
    """Which of the candidates (T, N, 2) lies nearest to a point (T, 2) over all frames."""
    distance = np.linalg.norm(candidates - seen[:, None], axis=-1)
    return int(np.minimum(distance, CAP_PX).mean(0).argmin())


def _on_rim(mesh: NeutralMesh, projected: np.ndarray, rim: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Place (2,) in the plane of the best point of a rim, to an eighth of its edges."""
    steps = np.arange(0, 1, 0.125)[:, None, None]
    between = projected[:, rim[:-1], None] * (1 - steps[:, 0]) + projected[:, rim[1:], None] * steps[:, 0]
    best = _best(between.reshape(len(projected), -1, 2), seen)
    edge, share = best // len(steps), (best % len(steps)) / len(steps)
    return mesh.plane[rim[edge]] * (1 - share) + mesh.plane[rim[edge + 1]] * share


def _on_skin(mesh: NeutralMesh, projected: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Place (2,) in the plane of the best point of the skin: first the best vertex, then points around it."""
    skin = np.flatnonzero((mesh.part == 0) & (mesh.positions[:, 2] > 0.0))
    vertex = skin[_best(projected[:, skin], seen)]
    around = mesh.faces[(mesh.faces == vertex).any(1) & (mesh.part[mesh.faces] == 0).all(1)]
    grid = np.array([(a, b, 8 - a - b) for a in range(9) for b in range(9 - a)]) / 8
    places = np.einsum("gc,fcd->fgd", grid, mesh.plane[around]).reshape(-1, 2)
    points = np.einsum("gc,tfcd->tfgd", grid, projected[:, around]).reshape(len(projected), -1, 2)
    return places[_best(points, seen)]


def measure(model: BuiltinHead) -> tuple[np.ndarray, np.ndarray]:
    """Places in the plane (468, 2) and of the irises on the neutral head (10, 3), not yet symmetric."""
    mesh, rims = model.mesh, _rims(model.mesh)
    projected, seen = _film(model)
    places = np.stack(
        [
            _on_rim(mesh, projected, rims[k], seen[:, k]) if k in rims else _on_skin(mesh, projected, seen[:, k])
            for k in range(468)
        ]
    )
    samples: list[list[np.ndarray]] = [[] for _ in range(478)]
    for points, found in zip(projected, seen, strict=True):
        _iris_samples(samples, model, points, found)
    return places, np.stack([np.median(samples[k], axis=0) for k in range(468, 478)])


def _iris_samples(
    samples: list[list[np.ndarray]], model: BuiltinHead, projected: np.ndarray, pixels: np.ndarray
) -> None:
    """Add where the iris points meet each eyeball: the neutral place of the nearest projected front vertex's
    neighbourhood, by a linear map from pixels to the eyeball's frontal plane fitted on its front."""
    for side, contour in (("left", LEFT_IRIS), ("right", RIGHT_IRIS)):
        ball = model.mesh.part_vertices(f"{side}_eyeball")
        rest = model.mesh.positions[ball]
        front = rest[:, 2] > np.quantile(rest[:, 2], 0.75)
        known = np.column_stack([projected[ball][front, :2], np.ones(front.sum())])
        solution = np.linalg.lstsq(known, rest[front, :2], rcond=None)[0]
        for k in contour:
            x, y = np.append(pixels[k], 1.0) @ solution
            samples[k].append(np.array([x, y, rest[:, 2].max()]))


def symmetric(places: np.ndarray, irises: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of each point and the mirror image of its partner; partners are found by optimal assignment."""
    out = []
    for points in (places, irises):
        mirror = np.ones(points.shape[1])
        mirror[0] = -1
        cost = np.linalg.norm(points[:, None] - (points * mirror)[None], axis=-1)
        _, partner = linear_sum_assignment(cost**2)
        if not (partner[partner] == np.arange(len(points))).all():
            raise ValueError("left and right points do not pair up; were too few frames tracked?")
        mean = 0.5 * (points + points[partner] * mirror)
        mean[partner == np.arange(len(points)), 0] = 0.0
        out.append(mean)
    return out[0], out[1]


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
    places, irises = symmetric(*measure(builtin_head()))
    body = {
        "chart_sink_m": chart.SINK_M,
        "skin_plane": np.round(places, 5).tolist(),
        "iris_places": np.round(_on_iris(irises), 5).tolist(),
    }
    target = Path(str(files("talkie.heads.builtin").joinpath("landmarks.json")))
    target.write_text(json.dumps(body).replace("], [", "],\n [") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
