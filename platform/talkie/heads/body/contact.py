"""Where a hand touches a face, and how the face gives way: labels and displacements; nothing is posed here.

Skin yields by what lies under it: a fingertip sinks into a cheek and stops at the forehead's bone. The labels are
those of Decaf (Shimada et al., SIGGRAPH Asia 2023): contacts by vertex and the displacement of each vertex.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, diags, identity
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from talkie.errors import BadInput
from talkie.heads.body.distance import signed_distance

CONTACT_M = 0.002
"""Surfaces nearer than this touch."""
_HAND_M = 0.015
"""Hand vertices further than this from any touched skin do not touch."""
LEFT_M = 0.0003
"""Penetration that is left after the skin has given way."""
FALLOFF_M = 0.028
"""Distance from the pressed skin at which nothing moves any more."""
BULGE = 0.35
"""Share of the pressed-in volume that rises around it; the rest is compressed."""

_SOFT_PLACES: tuple[tuple[tuple[float, float, float], float, float], ...] = (
    ((0.042, -0.022, 0.080), 0.024, 0.0125),
    ((0.000, -0.034, 0.110), 0.020, 0.0085),
    ((0.000, 0.002, 0.125), 0.014, 0.0060),
    ((0.000, -0.095, 0.055), 0.022, 0.0100),
    ((0.085, 0.010, -0.005), 0.020, 0.0100),
)
"""Centre on the left half (metres), radius and tissue depth there: cheek, lips, tip of nose, under the chin, ear
(soft tissue depths of adults: De Greef et al., Forensic Science International 2006, rounded)."""
_FARTHEST_M = 0.05
"""A hand that must go further than this to come free was not posed onto the face."""
_BONE_M = 0.0022
"""Depth to which skin right over bone yields: forehead, skull, bridge of the nose, jaw's edge."""


@dataclass(frozen=True)
class Contact:
    """distance: (V,) metres from each head vertex to the hand, negative inside; mask: (V,) bool, nearer than 2 mm;
    depth: (V,) metres of penetration, 0 outside; place, normal: (V, 3) nearest point of the hand and its outward
    normal; hand_mask: (H,) bool, hand vertices that lie nearer than 2 mm to the head's skin or inside of it."""

    distance: np.ndarray
    mask: np.ndarray
    depth: np.ndarray
    place: np.ndarray
    normal: np.ndarray
    hand_mask: np.ndarray


@dataclass(frozen=True)
class Press:
    """vertices: (V, 3) the head deformed; displacement: (V, 3) metres, its truth; hand_shift: (3,) metres by which the
    hand must give way because bone does not; contact: of the deformed head and the shifted hand."""

    vertices: np.ndarray
    displacement: np.ndarray
    hand_shift: np.ndarray
    contact: Contact


def find_contact(head: np.ndarray, faces: np.ndarray, hand: np.ndarray, hand_faces: np.ndarray) -> Contact:
    """Contact of head vertices (V, 3), skin (F, 3), with a closed hand (H, 3), (F', 3), metres in one frame."""
    distance, place, normal = signed_distance(head, hand, hand_faces)
    mask = distance < CONTACT_M
    touching = np.zeros(len(hand), bool)
    if mask.any():
        near = np.linalg.norm(hand[:, None] - head[mask][None], axis=2).min(1) < _HAND_M
        local = np.isin(faces, np.flatnonzero(distance < 2 * _HAND_M)).any(1)
        # The skin is open elsewhere, but so near to it inside and outside are plain.
        gap, _, _ = signed_distance(hand[near], head, faces[local])
        touching[np.flatnonzero(near)[gap < CONTACT_M]] = True
    return Contact(distance, mask, np.maximum(-distance, 0), place, normal, touching)


def tissue_depth(rest: np.ndarray) -> np.ndarray:
    """(V,) metres that the skin of a head at rest (V, 3), head frame, can be pressed in before bone stops it."""
    half = rest * np.sign(rest[:, :1] + 1e-12) ** np.array([1, 0, 0])
    depth = np.full(len(rest), _BONE_M)
    for centre, radius, tissue in _SOFT_PLACES:
        near = np.exp(-0.5 * (np.linalg.norm(half - centre, axis=1) / radius) ** 2)
        depth = np.maximum(depth, _BONE_M + (tissue - _BONE_M) * near)
    return depth


def press(
    head: np.ndarray, faces: np.ndarray, tissue: np.ndarray, hand: np.ndarray, hand_faces: np.ndarray, rounds: int = 8
) -> Press:
    """Lets the skin give way to a hand that was posed into it.

    head: (V, 3) metres; faces: (F, 3) of the skin that may move; tissue: (V,) metres as `tissue_depth`; hand: (H, 3)
    with its closed surface (F', 3). First the hand is moved out until no skin need yield more than its tissue, then
    pressed vertices are brought onto the hand, their surroundings follow smoothly and bulge. Raises BadInput if the
    hand is so deep in the head that no way out is the shortest.
    """
    head, hand = np.asarray(head, float), np.asarray(hand, float)
    skin = np.unique(faces)
    shift = _way_out(head[skin], tissue[skin], hand, hand_faces)
    moved = hand + shift
    local = np.full(len(head), -1)
    local[skin] = np.arange(len(skin))
    displacement = np.zeros_like(head)
    displacement[skin] = _yield(head[skin], local[faces], moved, hand_faces, rounds)
    deformed = head + displacement
    return Press(deformed, displacement, shift, find_contact(deformed, faces, moved, hand_faces))


def _way_out(skin: np.ndarray, tissue: np.ndarray, hand: np.ndarray, hand_faces: np.ndarray) -> np.ndarray:
    """(3,) metres: the smallest steps that leave no vertex deeper in the hand than its tissue."""
    shift = np.zeros(3)
    while np.linalg.norm(shift) < _FARTHEST_M:
        distance, _, normal = signed_distance(skin, hand + shift, hand_faces)
        excess = np.maximum(-distance - 0.98 * tissue, 0)
        if excess.max() <= 1e-5:
            return shift
        # The hand's outward normals point into the head: go the other way, along the mean of the deepest.
        away = -(excess[:, None] * normal).sum(0)
        shift = shift + away / max(float(np.linalg.norm(away)), 1e-12) * float(excess.max())
    raise BadInput("the hand lies too deep in the head to be pressed out", cure="pose it nearer to the surface")


def _yield(skin: np.ndarray, faces: np.ndarray, hand: np.ndarray, hand_faces: np.ndarray, rounds: int) -> np.ndarray:
    """(V, 3) metres: displacement of the skin with every vertex outside the hand."""
    pushed = np.zeros(len(skin), bool)
    target = np.zeros_like(skin)
    moved = np.zeros_like(skin)
    for _ in range(rounds):
        distance, place, normal = signed_distance(skin + moved, hand, hand_faces)
        inside = distance < -LEFT_M / 3
        if not inside.any():
            break
        pushed |= inside
        target[inside] = place[inside] + normal[inside] * LEFT_M / 3 - skin[inside]
        moved = _spread(skin, faces, pushed, target)
    distance, place, normal = signed_distance(skin + moved, hand, hand_faces)
    stuck = distance < 0
    moved[stuck] += place[stuck] - (skin + moved)[stuck]
    return moved


def _spread(skin: np.ndarray, faces: np.ndarray, pushed: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Smoothest displacement that meets `target` where pushed and is zero beyond `FALLOFF_M`, with its bulge."""
    away, _ = cKDTree(skin[pushed]).query(skin)
    free = ~pushed & (away < FALLOFF_M)
    moved = np.where(pushed[:, None], target, 0.0)
    if free.any():
        laplacian = _laplacian(skin, faces)
        # Mostly a plate, a little a membrane: a plate alone overshoots its target's rim.
        bending = (laplacian.T @ laplacian + 0.05 * (laplacian + laplacian.T)).tocsc()
        known = bending[free][:, ~free] @ moved[~free]
        moved[free] = splu(bending[free][:, free]).solve(-known)
        moved[free] += _bulge(skin, faces, moved, away, free)
    return moved


def _bulge(skin: np.ndarray, faces: np.ndarray, moved: np.ndarray, away: np.ndarray, free: np.ndarray) -> np.ndarray:
    """(free, 3) metres outward around the pressed skin: `BULGE` of the volume that was pressed in."""
    a, b, c = (skin[faces[:, k]] for k in range(3))
    weighted = np.cross(b - a, c - a) / 6
    area = np.zeros_like(skin)
    for k in range(3):
        np.add.at(area, faces[:, k], weighted)
    size = np.linalg.norm(area, axis=1)
    normal = area / np.maximum(size, 1e-12)[:, None]
    lost = max(-float((area * moved).sum()), 0.0)
    u = away[free] / FALLOFF_M
    ring = u * (1 - u) ** 2
    swell = BULGE * lost / max(float((ring * size[free]).sum()), 1e-12)
    # No swelling steeper than skin can: a tenth of the reach.
    swell = min(swell, 0.1 * FALLOFF_M / (4 / 27))
    return (swell * ring)[:, None] * normal[free]


def _laplacian(points: np.ndarray, faces: np.ndarray):  # type: ignore[no-untyped-def]
    """(V, V) sparse graph Laplacian, inverse edge lengths, rows normalised: zero on linear fields of even meshes."""
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    sides = np.unique(np.sort(sides, 1), axis=0)
    weight = 1 / np.maximum(np.linalg.norm(points[sides[:, 0]] - points[sides[:, 1]], axis=1), 1e-6)
    rows = np.concatenate([sides[:, 0], sides[:, 1]])
    columns = np.concatenate([sides[:, 1], sides[:, 0]])
    links = coo_matrix((np.concatenate([weight, weight]), (rows, columns)), shape=(len(points),) * 2).tocsr()
    total = np.asarray(links.sum(1)).ravel()
    return identity(len(points)) - diags(1 / np.maximum(total, 1e-12)) @ links
