"""Measures where MediaPipe's 478 points lie on the built-in head and writes `heads/builtin/landmarks.json`.

    python -m talkie.render.measure_landmarks

Rendered heads (several looks, identities, poses, expressions) are shown to MediaPipe; each point it finds is
taken back through the z-buffer to the chart of the skin. Points of the inner lips belong to the lips' rims and
those of the eyes' contours to the lids' rims, whatever the pixel below them shows; irises to the eyeballs.
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
from talkie.render.raster import rasterise

SIZE = 384
FRAMES = 160
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


def _scenes(model: BuiltinHead) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, ...], np.ndarray]]:
    """World vertices, camera and picture of one varied frame after another; poses come in mirrored pairs."""
    rng = np.random.default_rng(7)
    renderer = None
    for k in range(FRAMES):
        if k % 8 == 0 or renderer is None:
            renderer = HeadRenderer(model, look_from_seed(100 + k // 8))
            identity = torch.tensor(0.7 * rng.normal(size=(1, len(model.identity_names))), dtype=torch.float32)
        if k % 2 == 0:
            yaw, pitch = rng.uniform(0, 16), rng.uniform(-9, 9)
        expression = torch.zeros(1, len(ARKIT_NAMES))
        for name, weight in EXPRESSIONS[(k // 2) % len(EXPRESSIONS)].items():
            expression[0, ARKIT_NAMES.index(name)] = weight
        turn = Rotation.from_euler("yx", [yaw if k % 2 == 0 else -yaw, pitch], degrees=True)
        head = model.vertices(identity, expression)[0].numpy().astype(float)
        world = turn.apply(head - np.array([0, 0, 0.02]))
        camera = tuple(a.numpy().astype(float) for a in frontal_camera(SIZE, 1.0, 2.7 * SIZE))
        yield world, camera, renderer.render(world, *camera, size=SIZE)


def _to_pixels(world: np.ndarray, camera: tuple[np.ndarray, ...]) -> np.ndarray:
    K, R, t = camera
    points = world @ R.T + t
    image = points @ K.T
    return np.concatenate([image[:, :2] / image[:, 2:], points[:, 2:]], axis=1)


def _along(polyline: np.ndarray, pixel: np.ndarray) -> float:
    """Position, in vertices, of the point of a polyline (N, 2) nearest to a pixel (2,)."""
    a, edge = polyline[:-1], np.diff(polyline, axis=0)
    share = np.clip(((pixel - a) * edge).sum(1) / np.maximum((edge * edge).sum(1), 1e-12), 0, 1)
    best = int(np.linalg.norm(a + share[:, None] * edge - pixel, axis=1).argmin())
    return best + float(share[best])


def _rims(mesh: NeutralMesh) -> dict[int, np.ndarray]:
    """The rim (vertex indices, ends repeated where closed) that each contour point belongs to."""
    upper, lower = mesh.skin.lip_rims
    rims = {k: upper for k in INNER_UPPER + INNER_CORNERS} | {k: lower for k in INNER_LOWER}
    for contour, loop in zip((LEFT_EYE, RIGHT_EYE), mesh.skin.lid_rims, strict=True):
        rims |= {k: np.append(loop, loop[0]) for k in contour}
    return rims


def measure(model: BuiltinHead) -> tuple[np.ndarray, np.ndarray]:
    """Places in the plane (468, 2) and of the irises on the neutral head (10, 3), not yet symmetric."""
    import mediapipe

    mesh, rims = model.mesh, _rims(model.mesh)
    faces = mesh.faces
    samples: list[list[np.ndarray]] = [[] for _ in range(478)]
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as finder:
        for world, camera, picture in _scenes(model):
            found = finder.process(picture).multi_face_landmarks
            if not found:
                continue
            pixels = np.array([(p.x * SIZE, p.y * SIZE) for p in found[0].landmark])
            projected = _to_pixels(world, camera)
            triangle, weights, _ = rasterise(projected, faces, SIZE)
            for k in range(468):
                if k in rims:
                    at = _along(projected[rims[k], :2], pixels[k])
                    samples[k].append(_on_polyline(mesh.plane[rims[k]], at))
                    continue
                x, y = np.clip(pixels[k].astype(int), 0, SIZE - 1)
                f = triangle[y, x]
                if f >= 0 and (mesh.part[faces[f]] == 0).all():
                    samples[k].append(weights[y, x].astype(float) @ mesh.plane[faces[f]])
            _iris_samples(samples, model, projected, pixels)
    places = np.stack([np.median(samples[k], axis=0) for k in range(468)])
    irises = np.stack([np.median(samples[k], axis=0) for k in range(468, 478)])
    return places, irises


def _on_polyline(points: np.ndarray, at: float) -> np.ndarray:
    i = min(int(at), len(points) - 2)
    return points[i] + (at - i) * (points[i + 1] - points[i])


def _iris_samples(samples: list[list[np.ndarray]], model: BuiltinHead, projected: np.ndarray, pixels: np.ndarray) -> None:
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
