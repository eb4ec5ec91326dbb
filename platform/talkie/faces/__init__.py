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
from talkie.faces.tracking import FaceTracker, interocular, tracker_version

__all__ = [
    "FaceTracker",
    "Recipe",
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
