"""How steady a video is over time: identity that drifts, pixels that flicker where nothing moves, jumps where two
pieces were joined. Smoothness of motion is in rhythm.py."""

from __future__ import annotations

import cv2
import numpy as np

from talkie.clip import FPS
from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array, pictures
from talkie.evaluation.metrics.perceptual import csim
from talkie.evaluation.metrics.registry import VIDEO, metric


@metric(
    "identity_drift",
    "Slope of the cosine between the embeddings of each frame and of the first",
    unit="1/s",
    better="lower",
    signed=True,
    tasks=VIDEO,
    source="least-squares slope of CSIM(frame t, frame 0) over time, t > 0",
    item="clip",
    network="arcface",
)
def identity_drift(embeddings: np.ndarray, fps: float = FPS) -> float:
    """1/s; 0 is best, negative where the face becomes another's. embeddings: (T, D). Raises BadInput for fewer than
    three frames, NaN, or embeddings of length 0."""
    rows = array(embeddings, "embeddings", (None, None))
    if len(rows) < 3:
        raise BadInput(f"{len(rows)} frames have no slope", where="embeddings", cure="give a longer clip")
    # Frame 0 is left out: its cosine with itself is 1, and would be a fall of its own.
    return float(np.polyfit(np.arange(1, len(rows)) / fps, csim(rows[0], rows[1:]), 1)[0])


@metric(
    "flicker",
    "Mean absolute change of pixels in static regions",
    unit="1",
    better="lower",
    tasks=VIDEO,
    source="|I_t - warp(I_{t-1})| where nothing moves (after Lai et al. 2018's warping error)",
    item="frame",
)
def flicker(frames: np.ndarray, static: np.ndarray, flow: np.ndarray | None = None) -> np.ndarray:
    """(T - 1,) in [0, 1]; lower is better. frames: (T, H, W, 3) or (T, H, W), uint8 or floats in [0, 1]; static: (H, W)
    or (T, H, W) bool; flow: (T - 1, H, W, 2) px, from each pixel of frame t to its place in frame t - 1, or None where
    the camera and what is static stand still. Pixels that come from outside the frame do not count.

    Raises BadInput for unlike shapes, NaN, or a frame without static pixels."""
    moving, peak = pictures(frames, "frames")
    shape = moving.shape[:3]
    masks = np.broadcast_to(np.asarray(static, bool), shape) if np.shape(static) in (shape, shape[1:]) else None
    if masks is None:
        raise BadInput(
            f"has shape {np.shape(static)}, frames {shape}", where="static", cure="give one mask of that size"
        )
    if len(moving) < 2:
        raise BadInput("one frame does not flicker", where="frames", cure="give a longer clip")
    ways = None if flow is None else array(flow, "flow", (shape[0] - 1, *shape[1:], 2)).astype(np.float32)
    return np.array([_change(moving, masks, ways, t) for t in range(1, len(moving))]) / peak


@metric(
    "boundary_jump",
    "Speed across chunk borders over the speed elsewhere",
    unit="1",
    better="lower",
    tasks=VIDEO,
    source="ratio of mean speeds, for methods that make long videos piece by piece; 1 is best",
    item="border",
)
def boundary_jump(speed: np.ndarray, borders: np.ndarray) -> np.ndarray:
    """(B,) speed at each border over the mean speed elsewhere; 1 is best. speed: (T - 1,), speed[t] between frames t
    and t + 1; borders: first frames (B,) of the second and later chunks. Raises BadInput for borders outside the
    clip, none, NaN, or a clip that stands still."""
    values, first = array(speed, "speed", (None,)), array(borders, "borders", (None,)).astype(int)
    if (first < 1).any() or (first > len(values)).any():
        raise BadInput(f"a border outside the {len(values) + 1} frames", where="borders", cure="number frames from 0")
    elsewhere = np.delete(values, first - 1)
    if elsewhere.size == 0 or not elsewhere.mean() > 0:
        raise BadInput("nothing moves between the borders", where="speed", cure="leave the clip out")
    return np.asarray(values[first - 1] / elsewhere.mean())


def _change(frames: np.ndarray, masks: np.ndarray, flow: np.ndarray | None, t: int) -> float:
    now, before, counted = frames[t].astype(np.float32), frames[t - 1].astype(np.float32), masks[t]
    if flow is not None:
        height, width = counted.shape
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        x, y = x + flow[t - 1, ..., 0], y + flow[t - 1, ..., 1]
        before = cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        counted = counted & (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    if not counted.any():
        raise BadInput(f"frame {t} has no static pixel", where="static", cure="widen the mask or leave the clip out")
    return float(np.abs(now - before)[counted].mean())
