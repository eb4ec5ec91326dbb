"""Where the camera stands as seen from a talking skull: for models whose head rests while the camera moves. No
picture is drawn here."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from talkie.clip import HeadTrack
from talkie.heads import HeadModel, axis_angle_to_matrix, cameras_of
from talkie.heads.rigid import rigid_motion
from talkie.systems.tasks.capture import skull_rows
from talkie_zoo.blocks.rigid import Rigid


@torch.no_grad()
def skull_motion(head: HeadModel, track: HeadTrack) -> Rigid:
    """The motion (T,) that takes a skull at rest to where the neck and the head's rotation and translation hold it in
    the world. The mesh is asked for at most once a frame, and once where the neck is still."""
    identity = torch.as_tensor(track.identity, dtype=torch.float32)
    necks, number = np.unique(np.asarray(track.neck, np.float32), axis=0, return_inverse=True)
    rows = torch.as_tensor(skull_rows(head))
    rest = head.vertices(identity=identity[None])[:, rows].double()
    turned = head.vertices(identity=identity.expand(len(necks), -1), neck=torch.as_tensor(necks))[:, rows].double()
    own = Rigid(*rigid_motion(rest.expand_as(turned), turned))
    own = Rigid(own.R[number.reshape(-1)], own.t[number.reshape(-1)])
    placed = Rigid(axis_angle_to_matrix(_double(track.rotation)), _double(track.translation)).after(own)
    return Rigid(placed.R.float(), placed.t.float())


def camera_about_skull(head: HeadModel, track: HeadTrack) -> tuple[Tensor, Rigid]:
    """K (T, 3, 3) and the motion (T,) from the skull's frame at rest to the camera's, OpenCV's convention."""
    K, R, t = cameras_of(track)
    return torch.as_tensor(np.asarray(K), dtype=torch.float32), Rigid(_single(R), _single(t)).after(
        skull_motion(head, track)
    )


def _double(values: np.ndarray) -> Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float64)


def _single(values: np.ndarray) -> Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)
