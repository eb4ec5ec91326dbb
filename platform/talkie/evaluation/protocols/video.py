"""Measures video answers: pixels of the whole frame and of the mouth, and what a face tracker reads off the frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation.metrics import image, landmarks, measure, sync
from talkie.evaluation.protocols.protocol import Protocol, Scores, answered, base
from talkie.faces import FaceTracker
from talkie.heads import landmarks_68
from talkie.systems import Measurement
from talkie.systems.tasks.video import VideoResult

TRACKED = 256
"""Side in pixels at which faces are tracked and landmark distances are given."""
LIPS_INSIDE = (62, 66)
"""Middle of the inner upper and lower lip in the 68 points."""
MOUTH = slice(48, 68)
MARGIN = 0.35
"""The mouth's box: the true lips' extent over the clip, this share of its width wider on every side."""

_PIXELS: dict[str, Callable[..., np.ndarray]] = {"l1": image.l1, "psnr": image.psnr, "ssim": image.ssim}
_POINTS: dict[str, Callable[..., np.ndarray]] = {"lmd": landmarks.lmd, "f_lmd": landmarks.f_lmd}


class VideoProtocol(Protocol):
    """Truth is brought to the answer's size and both to the shorter length. Points are MediaPipe's, read off truth and
    answer alike at 256 px, as the field's 68; frames where either has no face are left out and counted."""

    wants = ("landmarks.npy",)

    def __init__(self, metrics: tuple[str, ...]):
        self.metrics = metrics
        self._truths: dict[str, np.ndarray] = {}

    def score(self, clip: Clip, truth: VideoResult, answer: VideoResult) -> Scores:
        true, given = _alike(truth.frames, answer.frames)
        scores: dict[str, Any] = {m: _PIXELS[m](true, given) for m in self.metrics if m in _PIXELS}
        needs_points = any(m in _POINTS or m == "aperture_correlation" or m.endswith("_mouth") for m in self.metrics)
        if not needs_points:
            return scores
        if clip.id not in self._truths:
            self._truths[clip.id] = tracked(truth.frames)
        points = self._truths[clip.id][: len(true)]
        if any(m.endswith("_mouth") for m in self.metrics):
            box = _mouth_box(points, true.shape[1])
            inside = true[:, box[1], box[0]], given[:, box[1], box[0]]
            scores |= {m: _PIXELS[base(m)](*inside) for m in self.metrics if m.endswith("_mouth")}
        if any(m in _POINTS or m == "aperture_correlation" for m in self.metrics):
            scores |= self._read(points, tracked(given))
        return scores

    def measure(self, metric: str, clips: Sequence[Scores]) -> Measurement:
        protocol = {"size": "the answer's", "length": "trimmed to the shorter"}
        if metric.endswith("_mouth"):
            protocol["region"] = f"box of the true lips over the clip, {MARGIN:.0%} of its width wider on every side"
        if metric in _POINTS or metric == "aperture_correlation":
            unseen = sum(clip["unseen"] for clip in clips)
            protocol["points"] = f"MediaPipe's at {TRACKED} px, as 68; {unseen} frames without a face left out"
        return measure(base(metric), answered([clip[metric] for clip in clips], metric), protocol=protocol)

    def _read(self, true: np.ndarray, given: np.ndarray) -> dict[str, Any]:
        seen = np.isfinite(true).all((1, 2)) & np.isfinite(given).all((1, 2))
        scores: dict[str, Any] = {"unseen": int((~seen).sum())}
        for metric in self.metrics:
            if metric in _POINTS:
                scores[metric] = _POINTS[metric](true[seen], given[seen]) if seen.any() else None
            elif metric == "aperture_correlation":
                enough = seen.sum() >= 2 * sync.NEAR + 3
                # An answer without a face follows nothing, which is what a correlation of 0 says.
                scores[metric] = _follows(true[seen], given[seen]) if enough else 0.0
        return scores


def _follows(true: np.ndarray, given: np.ndarray) -> float:
    return sync.aperture_correlation(aperture(true), aperture(given), sync.NEAR)


def tracked(frames: np.ndarray) -> np.ndarray:
    """(T, 68, 2) pixels at 256 px of the largest face in each frame (T, S, S, 3) uint8, NaN where none is found."""
    out = np.full((len(frames), 68, 2), np.nan)
    with FaceTracker() as tracker:
        for number, frame in enumerate(frames):
            points = tracker.track(_resized(frame, TRACKED))
            if points is not None:
                out[number] = landmarks_68(points)[:, :2]
    return out


def aperture(points: np.ndarray) -> np.ndarray:
    """(T,) how far the inner lips are apart, over the width of the mouth. points: (T, 68, 2)."""
    apart = np.linalg.norm(points[:, LIPS_INSIDE[0]] - points[:, LIPS_INSIDE[1]], axis=1)
    return apart / np.maximum(1e-6, np.linalg.norm(points[:, 48] - points[:, 54], axis=1))


def _alike(truth: np.ndarray, answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    frames = min(len(truth), len(answer))
    if not frames or answer.shape[1] != answer.shape[2]:
        raise BadInput(f"an answer of shape {answer.shape}", cure="answer with square frames")
    size = answer.shape[1]
    return np.stack([_resized(frame, size) for frame in truth[:frames]]), answer[:frames]


def _resized(frame: np.ndarray, size: int) -> np.ndarray:
    if frame.shape[0] == size:
        return frame
    way = cv2.INTER_AREA if frame.shape[0] > size else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(frame), (size, size), interpolation=way)


def _mouth_box(points: np.ndarray, size: int) -> tuple[slice, slice]:
    """Columns and rows of the mouth in frames of `size` pixels."""
    lips = points[:, MOUTH] * (size / TRACKED)
    if not np.isfinite(lips).any():
        raise BadInput("no face is found in the true frames", cure="leave the clip out")
    low, high = np.nanmin(lips, (0, 1)), np.nanmax(lips, (0, 1))
    margin = MARGIN * (high[0] - low[0])
    first = np.maximum(0, np.floor(low - margin)).astype(int)
    last = np.minimum(size, np.ceil(high + margin)).astype(int)
    return slice(first[0], last[0]), slice(first[1], last[1])
