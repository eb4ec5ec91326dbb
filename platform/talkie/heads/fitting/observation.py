"""What was seen of a head: landmarks by camera and frame, checked; what they are explained by lives in `view`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talkie.errors import BadInput
from talkie.heads.model import LANDMARKS

_RIGHT_PUPIL, _LEFT_PUPIL = 468, 473


@dataclass(frozen=True)
class View:
    """One calibrated camera's landmarks of a clip.

    landmarks: (T, 478, 2 or 3) pixels, of which x and y are used; K: (3, 3) or (T, 3, 3) intrinsics in the same
    pixels; R (3, 3), t (3,): world to camera, OpenCV; visible: (T,) bool, frames that count (default all).
    """

    landmarks: np.ndarray
    K: np.ndarray
    R: np.ndarray
    t: np.ndarray
    visible: np.ndarray | None = None


@dataclass(frozen=True)
class Observation:
    """V views of T frames: points (V, T, L, 2) pixels, visible (V, T) 0 or 1, K (V, T, 3, 3), R (V, 3, 3), t (V, 3)."""

    points: Tensor
    visible: Tensor
    K: Tensor
    R: Tensor
    t: Tensor

    @property
    def frames(self) -> int:
        return self.points.shape[1]

    @property
    def seen(self) -> Tensor:
        """Frames (T,) bool in which some camera saw the face."""
        return self.visible.sum(0) > 0

    def part(self, frames: Tensor) -> Observation:
        """The frames of the given numbers."""
        return Observation(self.points[:, frames], self.visible[:, frames], self.K[:, frames], self.R, self.t)

    def landmarks(self, points: Tensor) -> Observation:
        """Some landmarks, by number."""
        return Observation(self.points[:, :, points], self.visible, self.K, self.R, self.t)

    def to(self, dtype: torch.dtype) -> Observation:
        return Observation(*(a.to(dtype) for a in (self.points, self.visible, self.K, self.R, self.t)))

    def noise_px(self, share: float) -> Tensor:
        """Standard deviation of a landmark in pixels, (V,): a share of the view's median pupil distance."""
        between = (self.points[:, :, _LEFT_PUPIL] - self.points[:, :, _RIGHT_PUPIL]).norm(dim=-1)
        sizes = [row[shown > 0] for row, shown in zip(between, self.visible, strict=True)]
        medians = [size.median() if len(size) else between.new_ones(()) for size in sizes]
        return share * torch.stack(medians).clamp_min(1e-3)


def observe(views: Sequence[View]) -> Observation:
    """Check and stack views. Raises BadInput naming the view and what is wrong with it."""
    if not views:
        raise BadInput("no view to fit a head to", cure="give at least one View")
    checked = [_checked(view, f"view {number}", len(views[0].landmarks)) for number, view in enumerate(views)]
    fields = [torch.as_tensor(np.stack(column), dtype=torch.float64) for column in zip(*checked, strict=True)]
    seen = Observation(*fields)
    if not bool(seen.seen.any()):
        raise BadInput("no visible frame to fit a head to", cure="give at least one frame in which a face was found")
    return seen


def _checked(view: View, where: str, frames: int) -> tuple[np.ndarray, ...]:
    landmarks = np.asarray(view.landmarks)
    if landmarks.ndim != 3 or landmarks.shape[1] != LANDMARKS or landmarks.shape[2] not in (2, 3) or not len(landmarks):
        raise BadInput(f"landmarks of shape {landmarks.shape}", where=where, cure="give (T, 478, 2) or (T, 478, 3)")
    if len(landmarks) != frames:
        raise BadInput(f"{len(landmarks)} frames, the first view has {frames}", where=where, cure="trim the views")
    shown = np.ones(frames, bool) if view.visible is None else np.asarray(view.visible, bool)
    if shown.shape != (frames,):
        raise BadInput(f"visible of shape {shown.shape} for {frames} frames", where=where, cure="give (T,) bool")
    points = landmarks[..., :2]
    broken = np.flatnonzero(shown & ~np.isfinite(points).all((1, 2)))
    if len(broken):
        raise BadInput(
            f"landmarks of visible frame {broken[0]} are not finite", where=where, cure="mark such frames invisible"
        )
    flat = np.flatnonzero(shown & (np.ptp(np.where(shown[:, None, None], points, 0), axis=1).max(1) <= 0))
    if len(flat):
        raise BadInput(f"landmarks of visible frame {flat[0]} lie in one point", where=where)
    K, R, t = _camera(view, frames, where)
    return np.where(shown[:, None, None], points, 0.0), shown, K, R, t


def _camera(view: View, frames: int, where: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    K, R, t = (np.asarray(a, np.float64) for a in (view.K, view.R, view.t))
    if K.shape not in ((3, 3), (frames, 3, 3)) or R.shape != (3, 3) or t.shape != (3,):
        shapes = f"K {K.shape}, R {R.shape}, t {t.shape}"
        raise BadInput(f"camera of shapes {shapes}", where=where, cure="give K (3, 3) or (T, 3, 3), R (3, 3), t (3,)")
    if not all(np.isfinite(a).all() for a in (K, R, t)):
        raise BadInput("camera that is not finite", where=where)
    if (K[..., 0, 0] <= 0).any() or (K[..., 1, 1] <= 0).any():
        raise BadInput("focal length that is not positive", where=where, cure="give K[0, 0] and K[1, 1] in pixels")
    if np.abs(R @ R.T - np.eye(3)).max() > 1e-3 or np.linalg.det(R) < 0:
        raise BadInput("R that is no rotation", where=where, cure="give a world-to-camera rotation matrix")
    return np.broadcast_to(K, (frames, 3, 3)), R, t
