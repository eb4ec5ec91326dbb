"""What a clip's head track says of its pictures, pixel by pixel: depth, and where the points that are seen lie in
another frame. It is the truth of filmed clips, for measurements; nothing is trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from talkie.clip import Clip, HeadTrack
from talkie.errors import MissingField
from talkie.heads.track import cameras_of, pose_vertices
from talkie.render.raster import rasterise_mesh
from talkie.shards.lazy import pictures
from talkie_zoo.blocks.head_model import head_model

REGIONS = ("face", "left_ear", "right_ear")
"""What is seen of the tracked head itself: hair and clothes are not tracked."""
HIDDEN_M = 0.01
"""Depth by which a point must lie behind what a frame shows at its pixel to count as hidden."""


@dataclass(frozen=True)
class HeadView:
    """One frame at (size, size). points (V, 3): every vertex in the camera's frame, metres; K (3, 3) of this size;
    triangle (H, W): that which a pixel shows, -1 where it shows nothing of REGIONS; weights (H, W, 3) of its corners,
    perspective-correct; depth (H, W) metres, of the whole head, infinite beside it."""

    points: np.ndarray
    K: np.ndarray
    faces: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray
    depth: np.ndarray

    @property
    def seen(self) -> np.ndarray:
        return self.triangle >= 0

    def flow_to(self, other: HeadView) -> tuple[np.ndarray, np.ndarray]:
        """Where the points that this frame shows lie in the other, (H, W, 2) in pixels right and down from here; and
        (H, W) bool, where they are seen in both."""
        here, there = (_seen_at(self, view) for view in (self, other))
        size = len(self.depth)
        column, row = (np.clip(np.floor(there[..., k]).astype(int), 0, size - 1) for k in (0, 1))
        inside = (there[..., :2] >= 0).all(-1) & (there[..., :2] < size).all(-1)
        hidden = there[..., 2] > other.depth[row, column] + HIDDEN_M
        return there[..., :2] - here[..., :2], self.seen & inside & ~hidden


def head_views(clip: Clip, numbers: Sequence[int], size: int) -> list[HeadView]:
    """The views of frames by number, in pictures of size x size. Raises MissingField without a head track."""
    track = clip.fields.get("head.npz")
    if track is None:
        raise MissingField("no head track", where=f"{clip.id}.head.npz", cure="take clips with head.npz")
    model = head_model(track.model)
    part = _frames_of(track, numbers)
    faces = np.asarray(model.faces)
    kept = np.isin(faces, np.concatenate([model.regions[name] for name in REGIONS])).all(1)
    stored = clip.record.crop.size if clip.record.crop else len(pictures(clip, [0])[0])
    scale = np.diag([size / stored, size / stored, 1.0])
    views = []
    for world, K, R, t in zip(pose_vertices(model, part), *cameras_of(part), strict=True):
        points, intrinsics = world @ R.T + t, scale @ K
        triangle, weights, depth = rasterise_mesh(_projected(points, intrinsics), faces, size)
        shown = np.where((triangle >= 0) & kept[np.maximum(triangle, 0)], triangle, -1)
        views.append(HeadView(points, intrinsics, faces, shown, weights, depth))
    return views


def _frames_of(track: HeadTrack, numbers: Sequence[int]) -> HeadTrack:
    rows = list(numbers)
    moving = ("expression", "jaw", "neck", "left_eye", "right_eye", "rotation", "translation", "residual")
    changed = {name: getattr(track, name)[rows] for name in moving}
    cameras = {n: a[rows] for n, a, d in (("K", track.K, 3), ("R", track.R, 3), ("t", track.t, 2)) if a.ndim == d}
    return replace(track, **changed, **cameras)


def _projected(points: np.ndarray, K: np.ndarray) -> np.ndarray:
    """x, y in pixels and depth of points (..., 3) in the camera's frame."""
    flat = points @ K.T
    return np.concatenate([flat[..., :2] / flat[..., 2:], points[..., 2:]], -1)


def _seen_at(view: HeadView, other: HeadView) -> np.ndarray:
    """(H, W, 3) x, y and depth in the other frame of what each pixel of `view` shows."""
    corners = view.faces[np.maximum(view.triangle, 0)]
    points = (other.points[corners] * view.weights[..., None]).sum(2)
    points[~view.seen, 2] = 1.0
    return _projected(points, other.K)
