"""Faces in footage: tracking landmarks from frame to frame, and the square crop that follows a face."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talkie.late import late

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
    "FaceTracker": "tracking",
    "PeopleTracker": "people",
    "Recipe": "crop",
    "TrackedFace": "people",
    "crop_camera": "crop",
    "crop_frame": "crop",
    "face_box": "crop",
    "interocular": "mesh",
    "smooth_box": "crop",
    "smooth_boxes": "crop",
    "to_crop": "crop",
    "to_source": "crop",
    "tracker_version": "mesh",
}


# The recipe of a crop needs no tracker.
__getattr__ = late(__name__, _HOMES)

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
