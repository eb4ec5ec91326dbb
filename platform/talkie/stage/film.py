"""Puts a performance before a camera: the head's track with its camera, the landmarks and the rendered frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from talkie.clip import HeadTrack
from talkie.heads import BuiltinHead, frontal_camera, pose_vertices, project_landmarks
from talkie.render import HeadRenderer
from talkie.stage.cast import Person
from talkie.stage.performance import Performance


def shoot(
    model: BuiltinHead, person: Person, performance: Performance, size: int, rng: np.random.Generator
) -> HeadTrack:
    """The true track of a performance seen by a frontal camera 0.8 to 1.3 m away, framed so that the head takes
    about two thirds of the picture's height. The face's centre lies near the world's origin."""
    frames = len(performance)
    distance = float(rng.uniform(0.8, 1.3))
    head_share = float(rng.uniform(0.60, 0.74))
    focal = head_share * size * distance / _HEAD_HEIGHT_M
    K, R, t = (np.asarray(a, np.float32) for a in frontal_camera(size, distance, focal))
    still = np.zeros((frames, 3), np.float32)
    centre = _face_centre(model, person.identity)
    off_centre = rng.normal(0, [0.008, 0.006, 0]).astype(np.float32)
    return HeadTrack(
        identity=person.identity,
        expression=performance.expression.astype(np.float32),
        jaw=still,
        neck=performance.neck,
        left_eye=performance.eyes,
        right_eye=performance.eyes,
        rotation=still,
        translation=performance.sway - centre + off_centre,
        K=np.repeat(K[None], frames, 0),
        R=R,
        t=t,
        residual=np.zeros(frames, np.float32),
        model=model.name,
    )


_HEAD_HEIGHT_M = 0.24


def _face_centre(model: BuiltinHead, identity: np.ndarray) -> np.ndarray:
    vertices = model.vertices(torch.as_tensor(identity)[None])[0].numpy()
    return vertices[model.regions["face"]].mean(0).astype(np.float32)


def landmarks_of(model: BuiltinHead, track: HeadTrack) -> np.ndarray:
    """True landmarks (T, 478, 3) float32 in pixels of the picture, MediaPipe topology."""
    return np.asarray(project_landmarks(model, track), np.float32)


def frames_of(model: BuiltinHead, person: Person, track: HeadTrack, size: int) -> Iterator[np.ndarray]:
    """The pictures: (size, size, 3) uint8 RGB, one a frame of the track."""
    renderer = HeadRenderer(model, person.look)
    for vertices, K in zip(np.asarray(pose_vertices(model, track)), track.K, strict=True):
        yield renderer.render(vertices, K, track.R, track.t, size=size)
