"""Parametric heads: the protocol, the built-in head, cameras, tracks, fitting."""

from talkie.heads.builtin import BuiltinHead, builtin_head
from talkie.heads.camera import frontal_camera, project
from talkie.heads.model import ARKIT_NAMES, HeadModel
from talkie.heads.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from talkie.heads.track import cameras_of, pose_vertices, project_landmarks

__all__ = [
    "ARKIT_NAMES",
    "BuiltinHead",
    "HeadModel",
    "axis_angle_to_matrix",
    "builtin_head",
    "cameras_of",
    "frontal_camera",
    "matrix_to_axis_angle",
    "pose_vertices",
    "project",
    "project_landmarks",
]
