"""Fitting a head model to the landmarks of a clip: shared identity, one pose and expression a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talkie.late import late

if TYPE_CHECKING:
    from talkie.heads.fitting.basis import LandmarkBasis, landmark_basis
    from talkie.heads.fitting.fit import Fit, fit_clip, fit_head, fit_views
    from talkie.heads.fitting.observation import View
    from talkie.heads.fitting.photometric import PhotometricSettings, refine_photometric
    from talkie.heads.fitting.pose import assumed_camera
    from talkie.heads.fitting.settings import FitSettings

_HOMES = {
    "Fit": "fit",
    "FitSettings": "settings",
    "LandmarkBasis": "basis",
    "PhotometricSettings": "photometric",
    "View": "observation",
    "assumed_camera": "pose",
    "fit_clip": "fit",
    "fit_head": "fit",
    "fit_views": "fit",
    "landmark_basis": "basis",
    "refine_photometric": "photometric",
}


# The settings of a fit need no torch.
__getattr__ = late(__name__, _HOMES)

__all__ = [
    "Fit",
    "FitSettings",
    "LandmarkBasis",
    "PhotometricSettings",
    "View",
    "assumed_camera",
    "fit_clip",
    "fit_head",
    "fit_views",
    "landmark_basis",
    "refine_photometric",
]
