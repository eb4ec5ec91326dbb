"""Faces in footage: tracking landmarks from frame to frame, and the square crop that follows a face."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talkie.faces.crop import (
        Recipe,
        crop_camera,
        crop_frame,
        face_box,
        smooth_box,
        smooth_boxes,
        to_crop,
        to_source,
    )
    from talkie.faces.mesh import interocular, tracker_version
    from talkie.faces.people import PeopleTracker, TrackedFace
    from talkie.faces.tracking import FaceTracker

_HOMES = {
    "FaceTracker": "talkie.faces.tracking",
    "PeopleTracker": "talkie.faces.people",
    "Recipe": "talkie.faces.crop",
    "TrackedFace": "talkie.faces.people",
    "crop_camera": "talkie.faces.crop",
    "crop_frame": "talkie.faces.crop",
    "face_box": "talkie.faces.crop",
    "interocular": "talkie.faces.mesh",
    "smooth_box": "talkie.faces.crop",
    "smooth_boxes": "talkie.faces.crop",
    "to_crop": "talkie.faces.crop",
    "to_source": "talkie.faces.crop",
    "tracker_version": "talkie.faces.mesh",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for, when it is: the recipe of a crop needs no tracker."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "FaceTracker",
    "PeopleTracker",
    "Recipe",
    "TrackedFace",
    "crop_camera",
    "crop_frame",
    "face_box",
    "interocular",
    "smooth_box",
    "smooth_boxes",
    "to_crop",
    "to_source",
    "tracker_version",
]
