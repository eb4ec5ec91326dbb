"""Fitting a head model to the landmarks of a clip: shared identity, one pose and expression a frame."""

from talkie.heads.fitting.basis import LandmarkBasis, landmark_basis
from talkie.heads.fitting.fit import Fit, fit_clip, fit_head, fit_views
from talkie.heads.fitting.observation import View
from talkie.heads.fitting.photometric import PhotometricSettings, refine_photometric
from talkie.heads.fitting.pose import assumed_camera
from talkie.heads.fitting.settings import FitSettings

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
