"""Faces in footage: tracking landmarks from frame to frame, and the square crop that follows a face."""

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
