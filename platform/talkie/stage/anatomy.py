"""Where the joints of one person's head lie, measured on any head model by turning it; nobody moves here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from talkie.errors import BadInput
from talkie.heads import HeadModel
from talkie.heads.rotations import axis_angle_to_matrix

_TURNS = ((0.5, 0.0, 0.0), (0.0, 0.5, 0.0))


@dataclass(frozen=True)
class Anatomy:
    """Head frame at rest, metres: left_eye, right_eye (3,) the centres about which the eyes turn; neck (3,) the joint
    about which the head turns; centre (3,) the middle of the face."""

    left_eye: np.ndarray
    right_eye: np.ndarray
    neck: np.ndarray
    centre: np.ndarray


def anatomy_of(model: HeadModel, identity: np.ndarray) -> Anatomy:
    """Anatomy of a person with identity weights (I,). Eyes that a model cannot turn are taken to turn about the mean
    of their vertices. Raises BadInput for a model without eyeballs."""
    who = torch.as_tensor(np.asarray(identity, np.float32))[None]
    with torch.no_grad():
        rest = model.vertices(who)[0].double().numpy()
        balls = {side: _eyeball(model, side) for side in ("left", "right")}
        both = np.concatenate(list(balls.values()))
        return Anatomy(
            left_eye=_pivot(model, who, rest, "left_eye", balls["left"]),
            right_eye=_pivot(model, who, rest, "right_eye", balls["right"]),
            neck=_pivot(model, who, rest, "neck", both),
            centre=rest[_face(model)].mean(0),
        )


def _eyeball(model: HeadModel, side: str) -> np.ndarray:
    name = f"{side}_eyeball"
    part = model.part_names.index(name) if name in model.part_names else -1
    found = np.flatnonzero(model.part == part)
    if not len(found):
        raise BadInput(f"head model {model.name!r} has no {name}", cure="use a head with eyeballs")
    return found


def _face(model: HeadModel) -> np.ndarray:
    if "face" in model.regions:
        return model.regions["face"]
    return np.unique(model.faces[model.landmark_triangles].numpy())


def _pivot(model: HeadModel, who: torch.Tensor, rest: np.ndarray, joint: str, vertices: np.ndarray) -> np.ndarray:
    """The fixed point c of the turns R: v' = R (v - c) + c, so (1 - R) c = mean(v' - R v), by least squares."""
    rows, sides = [], []
    before = rest[vertices].mean(0)
    for turn in _TURNS:
        pose = torch.tensor([turn], dtype=torch.float32)
        after = model.vertices(who, **{joint: pose})[0].double().numpy()[vertices].mean(0)
        matrix = axis_angle_to_matrix(pose[0].double()).numpy()
        if np.abs(after - before).max() < 1e-6:
            return before
        rows.append(np.eye(3) - matrix)
        sides.append(after - matrix @ before)
    return np.linalg.lstsq(np.concatenate(rows), np.concatenate(sides), rcond=None)[0]
