"""Motion to pictures: the built-in head, generated from seeds, filmed while it moves. What it says is the model's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from talkie.clip import FPS, HeadTrack
from talkie.heads import HeadModel, builtin_head, frontal_camera, pose_vertices
from talkie.media import encode_mp4
from talkie.render import HeadRenderer, look_from_seed
from talkie.serving.controls import VideoControls
from talkie.stage.blinks import blinking, lids
from talkie.stage.noise import smooth_noise
from talkie.systems import MotionResult

DISTANCE_M = 1.0
HEAD_SHARE = 0.75
"""Height of the head in the picture's height: as near as hair and sway allow."""
HEAD_HEIGHT_M = 0.24

IDLE_SEED = 1
BLINK_GAP_S = 3.5
SWAY_RAD = (0.02, 0.035, 0.012)
"""Standard deviation of the idle pitch, yaw and roll: about 1, 2 and 0.7 degrees."""

CHUNK = 50
"""Frames whose vertices are in memory at a time: a minute of them would be hundreds of megabytes."""


def motion_to_video(
    motion: MotionResult,
    audio: np.ndarray,
    controls: VideoControls,
    *,
    comment: str,
    stop: Callable[[], bool] = lambda: False,
) -> bytes:
    """An MP4 of the head that makes this motion, with sound. `comment` says in its metadata where it comes from.

    motion: T frames at 25 fps; audio: (N,) float32 mono 16 kHz, padded or cut to T frames. Frames go to the encoder
    one by one. `stop` is asked before each frame and ends the work with Cancelled: nobody may be waiting any more.
    """
    return encode_mp4(render_frames(motion, controls, stop=stop), FPS, audio=audio, metadata={"comment": comment})


class Cancelled(Exception):
    """The caller has gone; the work was given up half-way."""


def render_frames(
    motion: MotionResult, controls: VideoControls, *, stop: Callable[[], bool] = lambda: False
) -> Iterator[np.ndarray]:
    """The pictures, (size, size, 3) uint8 RGB, one a frame of the motion."""
    model = builtin_head()
    track = head_track(model, motion, controls)
    renderer = HeadRenderer(model, look_from_seed(controls.look))
    for start in range(0, len(track), CHUNK):
        part = _cut(track, start, start + CHUNK)
        for vertices, K in zip(np.asarray(pose_vertices(model, part)), part.K, strict=True):
            if stop():
                raise Cancelled
            yield renderer.render(vertices, K, part.R, part.t, size=controls.size)


def head_track(model: HeadModel, motion: MotionResult, controls: VideoControls) -> HeadTrack:
    """The head's parameters before a still camera: mouth and face from the model, shape from the `identity` seed,
    neck and blinks from a fixed seed where `idle` is on, at rest where it is off."""
    frames = len(motion.expression)
    identity = identity_from_seed(model, controls.identity)
    expression = np.asarray(motion.expression, np.float32)
    neck = still = np.zeros((frames, 3), np.float32)
    if controls.idle:
        expression, neck = add_idle(expression)
    focal = HEAD_SHARE * controls.size * DISTANCE_M / HEAD_HEIGHT_M
    K, R, t = (np.asarray(a, np.float32) for a in frontal_camera(controls.size, DISTANCE_M, focal))
    return HeadTrack(
        identity=identity,
        expression=expression,
        jaw=np.asarray(motion.jaw, np.float32),
        neck=neck,
        left_eye=still,
        right_eye=still,
        rotation=still,
        translation=np.repeat(-_face_centre(model, identity)[None], frames, 0),
        K=np.repeat(K[None], frames, 0),
        R=R,
        t=t,
        residual=np.zeros(frames, np.float32),
        model=model.name,
    )


def identity_from_seed(model: HeadModel, seed: int) -> np.ndarray:
    """Identity weights (I,) float32: zeros (the mean head) for 0, else standard normal, truncated at two sigma."""
    if seed == 0:
        return np.zeros(len(model.identity_names), np.float32)
    rng = np.random.default_rng((seed, 0x1D))
    return np.clip(rng.normal(size=len(model.identity_names)), -2, 2).astype(np.float32)


def add_idle(expression: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(expression (T, 52) with blinks, neck (T, 3) axis-angle): a fixed performance, the same for every request.

    A lid closes as far as the model or the blink wants it, whichever is more. The mouth is left alone.
    """
    frames = len(expression)
    rng = np.random.default_rng(IDLE_SEED)
    closure = blinking(frames, 60 / BLINK_GAP_S, rng).closure
    sway = smooth_noise(frames, 3, 0.8, rng) * SWAY_RAD
    return np.maximum(expression, lids(closure)), np.clip(sway, -0.1, 0.1).astype(np.float32)


def _face_centre(model: HeadModel, identity: np.ndarray) -> np.ndarray:
    import torch

    vertices = model.vertices(torch.as_tensor(identity)[None])[0].numpy()
    return vertices[model.regions["face"]].mean(0).astype(np.float32)


def _cut(track: HeadTrack, start: int, end: int) -> HeadTrack:
    """Frames [start, end) of a track."""
    per_frame = ("expression", "jaw", "neck", "left_eye", "right_eye", "rotation", "translation", "K", "residual")
    return replace(track, **{name: getattr(track, name)[start:end] for name in per_frame})
