"""Parametric heads: the protocol, the built-in head, loaders of others, landmarks, cameras, tracks, fitting."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    "ARKIT_NAMES": "talkie.heads.model",
    "AU_NAMES": "talkie.heads.units",
    "BuiltinHead": "talkie.heads.builtin",
    "Conversion": "talkie.heads.convert",
    "Embedding": "talkie.heads.embedding",
    "HeadModel": "talkie.heads.model",
    "LinearHead": "talkie.heads.linear",
    "action_units": "talkie.heads.units",
    "axis_angle_to_matrix": "talkie.heads.rotations",
    "builtin_head": "talkie.heads.builtin",
    "cameras_of": "talkie.heads.track",
    "convert_track": "talkie.heads.convert",
    "expression_of_units": "talkie.heads.units",
    "frontal_camera": "talkie.heads.camera",
    "landmark_embedding": "talkie.heads.embedding",
    "landmarks_68": "talkie.heads.landmarks",
    "landmarks_98": "talkie.heads.landmarks",
    "load_flame": "talkie.heads.flame",
    "load_head": "talkie.heads.load",
    "load_ict": "talkie.heads.ict",
    "matrix_to_axis_angle": "talkie.heads.rotations",
    "pose_vertices": "talkie.heads.track",
    "project": "talkie.heads.camera",
    "project_landmarks": "talkie.heads.track",
    "save_head": "talkie.heads.head_file",
    "weights_by_name": "talkie.heads.convert",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for, when it is: the settings of a run need no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


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
