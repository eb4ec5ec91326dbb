"""Measures loaded heads: landmarks against MediaPipe's own eyes, the derived jaw, conversions, load times.

    python tests/bench/bench_head_models.py [--heads FOLDER]

The scan is painted plainly (skin, brows, lips, eyes), filmed from several sides with several expressions, and
shown to MediaPipe: the distance between where it sees its points and where the embedding has them is the
embedding's error, MediaPipe's own included; the built-in head, whose points were measured on such pictures, is
painted the same for comparison. Prints one JSON document; exit code 1 where a figure is missed."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from talkie.clip import HeadTrack
from talkie.heads import ARKIT_NAMES, builtin_head, convert_track, frontal_camera, load_ict
from talkie.heads.ict_rig import jaw_hinge
from talkie.heads.model import HeadModel
from talkie.render.raster import rasterise_mesh

SIZE, SUPER = 384, 2
BROWS = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
SKIN, LIP, BROW, WHITE, IRIS, DARK, TEETH = (
    np.array(c, float)
    for c in (
        (205, 160, 135),
        (170, 90, 85),
        (60, 42, 32),
        (235, 232, 228),
        (80, 60, 45),
        (45, 18, 18),
        (230, 225, 210),
    )
)
EXPRESSIONS: tuple[dict[str, float], ...] = (
    {}, {"jawOpen": 0.3}, {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6}, {"mouthPucker": 0.5}, {"browInnerUp": 0.6},
)  # fmt: skip
VIEWS = ((0, 0), (15, 5), (-15, 5), (8, -8), (-8, -8))
"""Yaw and pitch in degrees."""
MAX_LANDMARK_MM, MAX_JAW_TEETH_MM, MAX_JAW_SKIN_MM, MAX_CONVERT_MM, MAX_SELF_MM = 3.0, 0.5, 3.0, 4.0, 0.05


def colours(head: HeadModel) -> np.ndarray:
    """(V, 3) paint by part, region and landmarks at rest."""
    rest = head.vertices()
    points, marks = rest[0].numpy(), head.landmarks(rest)[0].numpy()
    paint = np.tile(SKIN, (len(points), 1))
    paint[head.regions["lips"]] = LIP
    for brow in BROWS:
        ring = marks[list(brow)]
        along = np.concatenate([ring + (np.roll(ring, -1, 0) - ring) * s for s in np.linspace(0, 1, 5)])
        along = np.concatenate([along, along + (ring.mean(0) - along) * 0.3])
        paint[cKDTree(along).query(points)[0] < 0.0022] = BROW
    for name, colour in (("mouth_bag", DARK), ("tongue", LIP), ("upper_teeth", TEETH), ("lower_teeth", TEETH)):
        paint[head.part == head.part_names.index(name)] = colour
    for name, centre in (("right_eyeball", 468), ("left_eyeball", 473)):
        ball = np.flatnonzero(head.part == head.part_names.index(name))
        away = np.linalg.norm(points[ball] - marks[centre], axis=1)
        paint[ball] = np.where(away[:, None] < 0.003, 15, np.where(away[:, None] < 0.0062, IRIS, WHITE))
    return paint


def picture(world: np.ndarray, pixels: np.ndarray, faces: np.ndarray, paint: np.ndarray) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8: vertex colours under a head-on lamp, before grey."""
    normal = np.zeros_like(world)
    flat = np.cross(world[faces[:, 1]] - world[faces[:, 0]], world[faces[:, 2]] - world[faces[:, 0]])
    for k in range(3):
        np.add.at(normal, faces[:, k], flat)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    light = 0.35 + 0.65 * np.clip(normal @ (np.array([0.2, 0.4, 0.9]) / 1.005), 0, 1)
    scaled = pixels * [SUPER, SUPER, 1]
    triangle, weights, _ = rasterise_mesh(scaled, faces, (SIZE * SUPER, SIZE * SUPER))
    image = np.full((SIZE * SUPER, SIZE * SUPER, 3), 128.0)
    hit = triangle >= 0
    corner = faces[triangle[hit]]
    image[hit] = ((paint * light[:, None])[corner] * weights[hit][..., None]).sum(1)
    return image.reshape(SIZE, SUPER, SIZE, SUPER, 3).mean((1, 3)).round().astype(np.uint8)


def scenes(head: HeadModel) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Pictures, where the embedding has the 478 points in them (478, 2), and millimetres a pixel."""
    rng, paint, faces = np.random.default_rng(0), colours(head), head.faces.numpy()
    for shapes in EXPRESSIONS:
        expression = torch.zeros(1, len(head.expression_names))
        for name, weight in shapes.items():
            expression[0, head.expression_names.index(name)] = weight
        identity = torch.tensor(0.5 * rng.normal(size=(1, len(head.identity_names))), dtype=torch.float32)
        vertices = head.vertices(identity, expression)
        marks = head.landmarks(vertices)[0].double().numpy()
        for yaw, pitch in VIEWS:
            turn = Rotation.from_euler("yx", [yaw, pitch], degrees=True)
            K, R, t = (a.numpy().astype(float) for a in frontal_camera(SIZE, 1.0, 2.7 * SIZE))

            def seen(points: np.ndarray, K=K, R=R, t=t) -> np.ndarray:  # type: ignore[no-untyped-def]
                at = points @ R.T + t
                return np.concatenate([(at @ K.T)[:, :2] / at[:, 2:], at[:, 2:]], axis=1)

            world = turn.apply(vertices[0].double().numpy() - [0, 0, 0.02])
            places = seen(turn.apply(marks - [0, 0, 0.02]))
            yield picture(world, seen(world), faces, paint), places[:, :2], 1e3 * places[:, 2].mean() / K[0, 0]


def landmark_error(head: HeadModel) -> dict[str, Any]:
    """Distances in millimetres between embedded and seen points, by group."""
    import mediapipe

    missed = []
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as finder:
        for image, places, per_pixel in scenes(head):
            found = finder.process(image).multi_face_landmarks
            if found:
                eyes = np.array([(p.x * SIZE, p.y * SIZE) for p in found[0].landmark])
                missed.append(np.linalg.norm(eyes - places, axis=1) * per_pixel)
    table = np.array(missed)
    lips = [61, 0, 17, 291, 13, 14, 78, 308, 37, 267, 84, 314]
    groups = {"lips": lips, "eyes": [33, 133, 362, 263, 159, 145, 386, 374], "irises": [468, 473]}
    return {
        "frames": len(table),
        "median_mm": round(float(np.median(table)), 2),
        "p90_mm": round(float(np.quantile(table, 0.9)), 2),
    } | {f"{name}_mm": round(float(np.median(table[:, k])), 2) for name, k in groups.items()}


def random_track(head: HeadModel, frames: int = 25, seed: int = 0) -> HeadTrack:
    """Independent random faces: six shapes at up to 0.8 each, jaw up to 14 degrees, head and neck turned."""
    rng = np.random.default_rng(seed)
    free = [k for k, n in enumerate(ARKIT_NAMES) if not n.startswith(("jaw", "mouthClose", "tongue", "eyeLook"))]
    expression = np.zeros((frames, len(head.expression_names)), np.float32)
    for row in expression:
        row[rng.choice(free, 6, replace=False)] = rng.uniform(0, 0.8, 6)
    jaw = np.zeros((frames, 3), np.float32)
    jaw[:, 0] = rng.uniform(0, 0.25, frames)
    poses = [rng.normal(0, 0.1, (frames, 3)).astype(np.float32) for _ in range(5)]
    K = np.tile(np.array([[1500, 0, 256], [0, 1500, 256], [0, 0, 1]], np.float32), (frames, 1, 1))
    identity = np.clip(rng.normal(size=len(head.identity_names)), -2, 2).astype(np.float32)
    view = (np.diag([1.0, -1.0, -1.0]).astype(np.float32), np.array([0, 0, 1.5], np.float32))
    return HeadTrack(identity, expression, jaw, *poses, K, *view, np.zeros(frames, np.float32), head.name)


def conversions(own: HeadModel, scan: HeadModel) -> dict[str, Any]:
    out = {}
    for source, target in ((own, own), (own, scan), (scan, own), (scan, scan)):
        errors = [convert_track(random_track(source, seed=s), source, target) for s in range(4)]
        out[f"{source.name} to {target.name}"] = {
            "error_mm": round(float(np.mean([e.error_mm for e in errors])), 3),
            "neutral_face_mm": round(float(np.mean([e.shape_mm for e in errors])), 3),
        }
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).resolve().parents[3] / "shared" / "heads"
    parser.add_argument("--heads", type=Path, default=Path(os.environ.get("TALKIE_HEADS", beside)))
    arguments = parser.parse_args()
    own = builtin_head()
    started = time.process_time()
    scan = load_ict(arguments.heads / "ict_facekit.npz")
    load_s = time.process_time() - started
    rest, shape = scan.template.double().numpy(), scan.expression_basis[ARKIT_NAMES.index("jawOpen")].double().numpy()
    hinge = jaw_hinge(rest, shape, scan.regions["lower_teeth"], scan.part == 0)
    report: dict[str, Any] = {
        "scan": {"load_cpu_s": round(load_s, 2), "vertices": scan.vertex_count},
        "landmarks": {"scan": landmark_error(scan), "built-in": landmark_error(own)},
        "jaw": {"teeth_max_mm": round(hinge.rigid_mm, 3), "skin_rms_mm": round(hinge.skin_rms_mm, 3)},
        "conversion": conversions(own, scan),
    }
    ours, cross = report["conversion"], (f"{own.name} to {scan.name}", f"{scan.name} to {own.name}")
    report["checks"] = {
        f"scan: median landmark error at most {MAX_LANDMARK_MM} mm": report["landmarks"]["scan"]["median_mm"]
        <= MAX_LANDMARK_MM,
        f"jaw: teeth within {MAX_JAW_TEETH_MM} mm": hinge.rigid_mm <= MAX_JAW_TEETH_MM,
        f"jaw: skin within {MAX_JAW_SKIN_MM} mm RMS": hinge.skin_rms_mm <= MAX_JAW_SKIN_MM,
        f"conversion to another model within {MAX_CONVERT_MM} mm": max(ours[k]["error_mm"] for k in cross)
        <= MAX_CONVERT_MM,
        f"conversion to itself within {MAX_SELF_MM} mm": max(v["error_mm"] for k, v in ours.items() if k not in cross)
        <= MAX_SELF_MM,
    }
    json.dump(report, sys.stdout, indent=1, ensure_ascii=False)
    print()
    return 0 if all(report["checks"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
