"""Fitting a head model to the landmarks of a clip: shared identity, one pose and expression a frame."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talkie.heads.fitting.basis import LandmarkBasis, landmark_basis
    from talkie.heads.fitting.fit import Fit, fit_clip, fit_head, fit_views
    from talkie.heads.fitting.observation import View
    from talkie.heads.fitting.photometric import PhotometricSettings, refine_photometric
    from talkie.heads.fitting.pose import assumed_camera
    from talkie.heads.fitting.settings import FitSettings

_HOMES = {
    "Fit": "talkie.heads.fitting.fit",
    "FitSettings": "talkie.heads.fitting.settings",
    "LandmarkBasis": "talkie.heads.fitting.basis",
    "PhotometricSettings": "talkie.heads.fitting.photometric",
    "View": "talkie.heads.fitting.observation",
    "assumed_camera": "talkie.heads.fitting.pose",
    "fit_clip": "talkie.heads.fitting.fit",
    "fit_head": "talkie.heads.fitting.fit",
    "fit_views": "talkie.heads.fitting.fit",
    "landmark_basis": "talkie.heads.fitting.basis",
    "refine_photometric": "talkie.heads.fitting.photometric",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for, when it is: the settings of a fit need no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


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
