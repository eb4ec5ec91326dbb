"""Head parameters from the tracked landmarks of a clip, with their uncertainty: the calls that users make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talkie.clip import HeadTrack
from talkie.errors import BadInput
from talkie.heads.fitting.arrow import Elimination, frame_covariance, frame_variance
from talkie.heads.fitting.basis import LandmarkBasis, landmark_basis
from talkie.heads.fitting.normal import whole_clip
from talkie.heads.fitting.observation import Observation, View, observe
from talkie.heads.fitting.pose import FLIP
from talkie.heads.fitting.settings import FitSettings
from talkie.heads.fitting.solve import minimise
from talkie.heads.fitting.view import Unknowns, lenses, predict
from talkie.heads.model import HeadModel


@dataclass(frozen=True)
class Fit:
    """A fitted clip with its residuals and the uncertainty of its parameters. P = E + 15.

    track: its residual is the RMS distance in pixels over all 478 points (and all views that see the frame); K,
    R and t are the (first) camera's. residuals: (V, T, 478, 2), observed minus predicted pixels, 0 where unseen.

    Uncertainty is the Gaussian posterior under FitSettings' assumptions, linearised at the fit (Laplace), narrower
    where a weight is at its bound. frame_std (T, P): standard deviations of a frame's unknowns whatever the other
    frames and the identity are, in the order of `columns`; turns in radians along R <- exp(step) R.
    frame_covariance: (T, P, P) where it was asked for. shared_covariance: (I, I), or (I + 1, I + 1) where the log
    of the focal length was sought as well, which then comes last; log_focal is its change from the given one.
    steps: Gauss-Newton steps taken on the whole clip.
    """

    track: HeadTrack
    residuals: np.ndarray
    frame_std: np.ndarray
    shared_covariance: np.ndarray
    frame_covariance: np.ndarray | None
    log_focal: float
    steps: int

    @property
    def columns(self) -> dict[str, slice]:
        """Columns of `frame_std` and `frame_covariance`: expression, jaw, left_eye, right_eye, rotation,
        translation."""
        return Unknowns.blocks(self.track.expression.shape[1])

    @property
    def expression_std(self) -> np.ndarray:
        """(T, E)."""
        return np.asarray(self.frame_std[:, self.columns["expression"]])

    @property
    def identity_covariance(self) -> np.ndarray:
        """(I, I)."""
        identities = len(self.track.identity)
        return np.asarray(self.shared_covariance[:identities, :identities])

    @property
    def identity_std(self) -> np.ndarray:
        """(I,)."""
        return np.sqrt(np.diagonal(self.identity_covariance))

    @property
    def log_focal_std(self) -> float:
        """Standard deviation of log_focal; 0 where the focal length was given."""
        identities = len(self.track.identity)
        rest = np.diagonal(self.shared_covariance)[identities:]
        return float(np.sqrt(rest.sum()))


def fit_head(
    model: HeadModel,
    landmarks: np.ndarray,
    K: np.ndarray,
    *,
    visible: np.ndarray | None = None,
    distance_m: float = 1.0,
    settings: FitSettings | None = None,
) -> HeadTrack:
    """The parameters of `fit_clip` without their uncertainty."""
    return fit_clip(model, landmarks, K, visible=visible, distance_m=distance_m, settings=settings).track


def fit_clip(
    model: HeadModel,
    landmarks: np.ndarray,
    K: np.ndarray,
    *,
    visible: np.ndarray | None = None,
    distance_m: float = 1.0,
    settings: FitSettings | None = None,
    basis: LandmarkBasis | None = None,
    covariance: bool = False,
) -> Fit:
    """Fit `model` to landmarks (T, 478, 2 or 3) in crop pixels; only x and y are used.

    K: intrinsics of the crop, (3, 3) or (T, 3, 3). The camera stands in front of the person at `distance_m`:
    R = diag(1, -1, -1), t = (0, 0, distance_m). visible (T,) bool: frames that count (default all); in the
    others motion's smoothness fills in. `basis`: landmark_basis(model), where the caller keeps it. `covariance`:
    keep every frame's full posterior covariance (T x P x P float64).

    Levenberg-Marquardt on identity, expression, jaw, eyes, rotation and translation of all frames together,
    identity shared (see `arrow`); with settings.focal also one factor of the focal length for the clip. The neck
    stays at zero: in landmarks of the face alone it cannot be told from the rotation of the head. Depth and size
    share one degree of freedom, which the identity prior and the given focal length decide.

    Raises BadInput for no visible frame, wrong shapes, landmarks or cameras that are not finite, and focal lengths
    that are not positive.
    """
    if not (np.isfinite(distance_m) and distance_m > 0):
        raise BadInput(f"distance of {distance_m} m", cure="give the camera's distance in metres, above 0")
    view = View(landmarks, K, FLIP.numpy(), np.array([0.0, 0.0, distance_m]), visible)
    return _fit(model, [view], settings, basis, covariance)


def fit_views(
    model: HeadModel,
    views: Sequence[View],
    *,
    settings: FitSettings | None = None,
    basis: LandmarkBasis | None = None,
    covariance: bool = False,
) -> Fit:
    """Fit `model` to one clip seen by several calibrated, synchronous cameras; arguments as for `fit_clip`.

    The world is the cameras' own, in metres: with two or more views depth and size are measured, not assumed. A
    frame counts where at least one view sees it. Raises BadInput as `fit_clip`, naming the view by its number.
    """
    return _fit(model, views, settings, basis, covariance)


def _fit(
    model: HeadModel,
    views: Sequence[View],
    settings: FitSettings | None,
    basis: LandmarkBasis | None,
    covariance: bool,
) -> Fit:
    settings = (settings or FitSettings()).for_model(model)
    seen = observe(views)
    basis = basis or landmark_basis(model)
    minimum = minimise(whole_clip(basis, seen, settings))
    return finished(model, basis, seen, minimum.state.unknowns, minimum.posterior, minimum.steps, covariance)


def finished(
    model: HeadModel,
    basis: LandmarkBasis,
    seen: Observation,
    unknowns: Unknowns,
    posterior: Elimination,
    steps: int,
    covariance: bool = False,
) -> Fit:
    """The result of a search that ended at `unknowns`, with the elimination of its last normal equations."""
    blocks = frame_covariance(posterior) if covariance else None
    variance = frame_variance(posterior) if blocks is None else np.diagonal(blocks, axis1=1, axis2=2)
    # Weights are clipped to [0, 1] before residuals are taken: they are the published track's.
    unknowns = unknowns.clipped()
    residuals = _residuals(basis, seen, unknowns)
    views = np.maximum(seen.visible.sum(0).numpy(), 1)
    rms = np.sqrt((residuals.astype(float) ** 2).sum((0, 3)).mean(1) / views).astype(np.float32)
    return Fit(
        track=track_of(model, seen, unknowns, rms),
        residuals=residuals,
        frame_std=np.sqrt(variance),
        shared_covariance=posterior.covariance,
        frame_covariance=blocks,
        log_focal=float(unknowns.log_focal),
        steps=steps,
    )


def _residuals(basis: LandmarkBasis, seen: Observation, unknowns: Unknowns) -> np.ndarray:
    """(V, T, 478, 2) float32, observed minus predicted pixels of all landmarks, 0 where unseen."""
    dtype = unknowns.identity.dtype
    seen = seen.to(dtype)
    gap = seen.points - predict(basis.to(dtype), unknowns, seen).pixels
    return _array(torch.where(seen.visible[..., None, None] > 0, gap, 0.0))


def track_of(model: HeadModel, seen: Observation, unknowns: Unknowns, residual: np.ndarray | None = None) -> HeadTrack:
    """The clip's head.npz, as the first camera sees it; residual (T,) pixels, default 0."""
    K = seen.K[0].clone()
    K[:, [0, 1], [0, 1]] = lenses(unknowns, seen)[0].to(K)
    return HeadTrack(
        identity=_array(unknowns.identity),
        expression=_array(unknowns.expression),
        jaw=_array(unknowns.poses["jaw"]),
        neck=np.zeros((seen.frames, 3), np.float32),
        left_eye=_array(unknowns.poses["left_eye"]),
        right_eye=_array(unknowns.poses["right_eye"]),
        rotation=_array(unknowns.rotation),
        translation=_array(unknowns.translation),
        K=_array(K),
        R=_array(seen.R[0]),
        t=_array(seen.t[0]),
        residual=np.zeros(seen.frames, np.float32) if residual is None else residual,
        model=model.name,
    )


def _array(values: Tensor) -> np.ndarray:
    return values.numpy().astype(np.float32)
