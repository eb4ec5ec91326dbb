"""Which point of one head's face is which vertex of another's, by a warp through the landmarks; nothing is fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talkie.errors import BadInput
from talkie.heads.closest import closest_on_mesh
from talkie.heads.embedding import IRIS, warp
from talkie.heads.model import HeadModel

OPENING_RAD = 0.2
"""Jaw rotation at which faces are matched, so that one lip is never taken for the other."""
REGIONS = ("face", "lips")
LIMIT = 2500
"""Vertices of the target's face that are used, evenly taken."""


@dataclass(frozen=True)
class Correspondence:
    """Vertices (N,) of the target's face and the point of the source's surface that each is: corners (N, 3) vertex
    indices with barycentric weights (N, 3). distance_mm: median distance of the warped vertices to the surface."""

    vertices: np.ndarray
    corners: np.ndarray
    weights: np.ndarray
    distance_mm: float

    def on_source(self, vertices: Tensor) -> Tensor:
        """(T, V, 3) of the source -> (T, N, 3) float64."""
        at = vertices[:, self.corners].double()
        return (at * torch.tensor(self.weights)[None, :, :, None]).sum(2)

    def on_target(self, vertices: Tensor) -> Tensor:
        """(T, V, 3) of the target -> (T, N, 3) float64."""
        return vertices[:, self.vertices].double()


def correspond(source: HeadModel, target: HeadModel) -> Correspondence:
    """Match the target's face to the source's, both at their mean with the mouth open.

    A thin-plate spline through the 468 landmarks of the skin carries the target's vertices over; each is the
    nearest point of the source's skin there. Two heads of one model are matched exactly."""
    theirs, ours = open_mouth(target), open_mouth(source)
    names = [target.regions[name] for name in REGIONS if name in target.regions]
    if not names:
        raise BadInput(f"the head {target.name} has no region face", cure="give it one (vertex indices of the face)")
    index = np.unique(np.concatenate(names))
    index = index[:: -(-len(index) // LIMIT)]
    count = min(IRIS["right_eyeball"])
    marks = [h.landmarks(v)[0, :count].double().numpy() for h, v in ((target, theirs), (source, ours))]
    moved = warp(*marks)(theirs[0].double().numpy()[index])
    points, faces = ours[0].double().numpy(), source.faces.numpy()
    skin = faces[(source.part[faces] == source.part_names.index("skin")).all(1)]
    face, weights, distance = closest_on_mesh(moved, points, skin)
    return Correspondence(index, skin[face], weights, float(np.median(distance) * 1e3))


def open_mouth(head: HeadModel) -> Tensor:
    """(1, V, 3): the mean head with its jaw turned, or with half of jawOpen where it has no jaw."""
    if has_joint(head, "jaw"):
        return head.vertices(jaw=torch.tensor([[OPENING_RAD, 0.0, 0.0]]))
    weights = torch.zeros(1, len(head.expression_names))
    if "jawOpen" in head.expression_names:
        weights[0, head.expression_names.index("jawOpen")] = 0.5
    return head.vertices(expression=weights)


def has_joint(head: HeadModel, name: str) -> bool:
    """Whether a head turns anything about the joint jaw, neck, left_eye or right_eye."""
    try:
        turned = head.vertices(**{name: torch.tensor([[0.1, 0.0, 0.0]])})
    except BadInput:
        return False
    return not torch.equal(turned, head.vertices())
