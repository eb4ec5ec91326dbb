"""Parametric heads: the protocol, the built-in head, loaders of others, landmarks, cameras, tracks, fitting."""

from talkie.heads.builtin import BuiltinHead, builtin_head
from talkie.heads.camera import frontal_camera, project
from talkie.heads.convert import Conversion, convert_track, weights_by_name
from talkie.heads.flame import load_flame
from talkie.heads.head_file import save_head
from talkie.heads.ict import load_ict
from talkie.heads.landmark_embedding import Embedding, landmark_embedding
from talkie.heads.landmarks import landmarks_68, landmarks_98
from talkie.heads.linear import LinearHead
from talkie.heads.load import load_head
from talkie.heads.model import ARKIT_NAMES, HeadModel
from talkie.heads.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from talkie.heads.track import cameras_of, pose_vertices, project_landmarks
from talkie.heads.units import AU_NAMES, action_units, expression_of_units

__all__ = [
    "ARKIT_NAMES",
    "AU_NAMES",
    "BuiltinHead",
    "Conversion",
    "Embedding",
    "HeadModel",
    "LinearHead",
    "action_units",
    "axis_angle_to_matrix",
    "builtin_head",
    "cameras_of",
    "convert_track",
    "expression_of_units",
    "frontal_camera",
    "landmark_embedding",
    "landmarks_68",
    "landmarks_98",
    "load_flame",
    "load_head",
    "load_ict",
    "matrix_to_axis_angle",
    "pose_vertices",
    "project",
    "project_landmarks",
    "save_head",
    "weights_by_name",
]
