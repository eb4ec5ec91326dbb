"""Parametric heads: the protocol, the built-in head, loaders of others, landmarks, cameras, tracks, fitting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talkie.late import late

if TYPE_CHECKING:
    from talkie.heads.builtin import BuiltinHead, builtin_head
    from talkie.heads.camera import frontal_camera, project
    from talkie.heads.convert import Conversion, convert_track, weights_by_name
    from talkie.heads.embedding import Embedding, landmark_embedding
    from talkie.heads.flame import load_flame
    from talkie.heads.head_file import save_head
    from talkie.heads.ict import load_ict
    from talkie.heads.landmarks import landmarks_68, landmarks_98
    from talkie.heads.linear import LinearHead
    from talkie.heads.load import load_head
    from talkie.heads.model import ARKIT_NAMES, HeadModel
    from talkie.heads.rotations import axis_angle_to_matrix, matrix_to_axis_angle
    from talkie.heads.track import cameras_of, pose_vertices, project_landmarks
    from talkie.heads.units import AU_NAMES, action_units, expression_of_units

_HOMES = {
    "ARKIT_NAMES": "model",
    "AU_NAMES": "units",
    "BuiltinHead": "builtin",
    "Conversion": "convert",
    "Embedding": "embedding",
    "HeadModel": "model",
    "LinearHead": "linear",
    "action_units": "units",
    "axis_angle_to_matrix": "rotations",
    "builtin_head": "builtin",
    "cameras_of": "track",
    "convert_track": "convert",
    "expression_of_units": "units",
    "frontal_camera": "camera",
    "landmark_embedding": "embedding",
    "landmarks_68": "landmarks",
    "landmarks_98": "landmarks",
    "load_flame": "flame",
    "load_head": "load",
    "load_ict": "ict",
    "matrix_to_axis_angle": "rotations",
    "pose_vertices": "track",
    "project": "camera",
    "project_landmarks": "track",
    "save_head": "head_file",
    "weights_by_name": "convert",
}


# The settings of a run need no torch.
__getattr__ = late(__name__, _HOMES)

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
