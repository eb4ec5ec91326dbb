"""Eyes of any head: where the iris's paint goes on an eyeball and which lids shade it; no colour is chosen here."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from talkie.heads import HeadModel
from talkie.render.costume import Lids

# MediaPipe's contours of the eyes (FACEMESH_LEFT_EYE, FACEMESH_RIGHT_EYE) and the irises' first points.
_UPPER = {
    "left_eyeball": (362, 398, 384, 385, 386, 387, 388, 466, 263),
    "right_eyeball": (33, 246, 161, 160, 159, 158, 157, 173, 133),
}
_LOWER = {"left_eyeball": (382, 381, 380, 374, 373, 390, 249), "right_eyeball": (7, 163, 144, 145, 153, 154, 155)}
_IRIS = {"left_eyeball": 473, "right_eyeball": 468}


@lru_cache(maxsize=4)
def eye_paint(model: HeadModel) -> tuple[np.ndarray, np.ndarray, float]:
    """Faces (N,) of both eyeballs, their paint coordinates (N, 3, 2) and the iris's radius over the eyeball's.

    The paint is projected along the gaze at rest, which the irises' landmarks show."""
    template, faces = np.asarray(model.template, float), np.asarray(model.faces)
    points = _landmark_points(model)
    rows, paint, sines = [], [], []
    for name, iris in _IRIS.items():
        own = _faces_of(model, name)
        if not len(own):
            continue
        corners = template[faces[own]]
        flat = corners.reshape(-1, 3)
        centre = (flat.min(0) + flat.max(0)) / 2
        ball = float(np.median(np.linalg.norm(flat - centre, axis=1)))
        gaze = points[iris] - centre
        gaze /= np.linalg.norm(gaze)
        right = np.cross([0.0, 1.0, 0.0], gaze)
        right /= np.linalg.norm(right)
        local = corners - centre
        local = local / np.maximum(np.linalg.norm(local, axis=-1, keepdims=True), 1e-9)
        # The half behind folds onto the one in front, unseen in its socket.
        across = np.stack([local @ right, -(local @ np.cross(gaze, right))], -1)
        behind = (local @ gaze) < 0
        length = np.linalg.norm(across, axis=-1)
        across = np.where(behind[..., None], across / np.maximum(length, 1e-6)[..., None], across)
        rows.append(own)
        paint.append(0.5 + 0.5 * across)
        sines.append(float(np.linalg.norm(points[iris + 1 : iris + 5] - points[iris], axis=1).mean()) / ball)
    if not rows:
        return np.zeros(0, np.int64), np.zeros((0, 3, 2)), 0.45
    return np.concatenate(rows), np.concatenate(paint), float(np.clip(np.mean(sines), 0.25, 0.7))


@lru_cache(maxsize=4)
def eyelids(model: HeadModel) -> tuple[Lids, ...]:
    """The lids over each eyeball that the model has as a part of its own."""
    out = []
    faces, rows = np.asarray(model.faces), np.asarray(model.landmark_triangles)
    weights = np.asarray(model.landmark_barycentric, float)
    for name in _IRIS:
        own = np.unique(faces[_faces_of(model, name)])
        if not len(own):
            continue
        contour = np.array(_UPPER[name] + _LOWER[name])
        upper = np.arange(len(contour)) < len(_UPPER[name])
        reach, strength = np.where(upper, 0.0046, 0.0026), np.where(upper, 0.72, 0.40)
        out.append(Lids(own, faces[rows[contour]], weights[contour], reach, strength))
    return tuple(out)


def _faces_of(model: HeadModel, name: str) -> np.ndarray:
    if name not in model.part_names:
        return np.zeros(0, np.int64)
    part = np.asarray(model.part)[np.asarray(model.faces)[:, 0]]
    return np.flatnonzero(part == model.part_names.index(name))


def _landmark_points(model: HeadModel) -> np.ndarray:
    corners = np.asarray(model.template, float)[np.asarray(model.faces)[np.asarray(model.landmark_triangles)]]
    return (corners * np.asarray(model.landmark_barycentric, float)[..., None]).sum(1)
