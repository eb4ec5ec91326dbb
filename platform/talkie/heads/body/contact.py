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
from talkie.heads.body.distance import ClosedSurface, Topology, signed_distance

CONTACT_M = 0.002
"""Surfaces nearer than this touch."""
_HAND_M = 0.015
"""Hand vertices further than this from any touched skin do not touch."""
LEFT_M = 0.0003
"""Penetration that is left after the skin has given way."""
_THROUGH_M = 0.016
"""Skin that would go further than this before a hand slips to the side instead."""
_NEAR_M = 0.01
"""Skin further than this from the hand does not come into its way while the rest gives way."""
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
    return contact_of(head, faces, ClosedSurface(hand, Topology(hand_faces)))


def contact_of(head: np.ndarray, faces: np.ndarray, hand: ClosedSurface, within: float = np.inf) -> Contact:
    """As `find_contact`, of a hand that is at hand as a surface; `within` metres of it distances are right, further
    away infinite."""
    distance, place, normal = np.full(len(head), np.inf), np.zeros_like(head), np.zeros_like(head)
    near = hand.around(head, within)
    distance[near], place[near], normal[near] = hand.distance(head[near])
    mask = distance < CONTACT_M
    touching = np.zeros(len(hand.positions), bool)
    if mask.any():
        gap, _ = cKDTree(head[mask]).query(hand.positions, distance_upper_bound=_HAND_M)
        close = np.flatnonzero(np.isfinite(gap))
        local = (distance < 2 * _HAND_M)[faces].any(1)
        # The skin is open elsewhere, but so near to it inside and outside are plain.
        if not local.any() or not len(close):
            return Contact(distance, mask, np.maximum(-distance, 0), place, normal, touching)
        gap, _, _ = signed_distance(hand.positions[close], head, faces[local])
        touching[close[gap < CONTACT_M]] = True
    return Contact(distance, mask, np.maximum(-distance, 0), place, normal, touching)


def tissue_depth(rest: np.ndarray) -> np.ndarray:
    """(V,) metres that the skin of a head at rest (V, 3), head frame, can be pressed in before bone stops it."""
    half = rest * np.sign(rest[:, :1] + 1e-12) ** np.array([1, 0, 0])
    depth = np.full(len(rest), _BONE_M)
    for centre, radius, tissue in _SOFT_PLACES:
        near = np.exp(-0.5 * (np.linalg.norm(half - centre, axis=1) / radius) ** 2)
        depth = np.maximum(depth, _BONE_M + (tissue - _BONE_M) * near)
    return depth


class Skin:
    """The skin of one head that may move: what presses on it, frame after frame, shares its stiffness.

    rest: (V, 3) metres, the head at rest; faces: (F, 3) of the skin; tissue: (V,) metres as `tissue_depth`; held: (V,)
    bool, vertices that move only where they are touched themselves (where an ear is rooted)."""

    def __init__(self, rest: np.ndarray, faces: np.ndarray, tissue: np.ndarray, held: np.ndarray | None = None):
        self.faces = np.asarray(faces)
        self.index = np.unique(faces)
        self.tissue = np.asarray(tissue, float)[self.index]
        local = np.full(len(rest), -1)
        local[self.index] = np.arange(len(self.index))
        self._local = local[faces]
        self._held = np.zeros(len(self.index), bool) if held is None else held[self.index]
        laplacian = _laplacian(np.asarray(rest, float)[self.index], self._local)
        # Mostly a plate, a little a membrane, on an elastic bed that pulls the skin back to where it lay: the bed keeps
        # a dent narrow and lets a rim rise around it.
        plate = laplacian.T @ laplacian + 0.05 * (laplacian + laplacian.T) + 0.008 * identity(len(self.index))
        self._stiffness = plate.tocsr()

    def excess(self, head: np.ndarray, hand: ClosedSurface) -> tuple[np.ndarray, np.ndarray]:
        """(N,) metres by which the skin's vertices near a hand lie deeper in it than their tissue, and its normals."""
        near = hand.around(head[self.index], 0.0)
        if not len(near):
            return np.zeros(1), np.zeros((1, 3))
        distance, _, normal = hand.distance(head[self.index[near]])
        return np.maximum(-distance - 0.98 * self.tissue[near], 0), normal

    def way_out(self, head: np.ndarray, hand: ClosedSurface) -> np.ndarray:
        """(3,) metres: the smallest steps that leave no vertex deeper in the hand than its tissue. Raises BadInput
        where the hand is so deep in the head that no way out is the shortest."""
        shift = np.zeros(3)
        while np.linalg.norm(shift) < _FARTHEST_M:
            excess, normal = self.excess(head, hand.moved(shift))
            if excess.max() <= 1e-5:
                return shift
            # The hand's outward normals point into the head: go the other way, along the mean of the deepest.
            away = -(excess[:, None] * normal).sum(0)
            shift = shift + away / max(float(np.linalg.norm(away)), 1e-12) * float(excess.max())
        raise BadInput("the hand lies too deep in the head to be pressed out", cure="pose it nearer to the surface")

    def give_way(
        self, head: np.ndarray, hand: ClosedSurface, inward: np.ndarray | None = None, rounds: int = 8
    ) -> np.ndarray:
        """(V, 3) metres: displacement of head vertices (V, 3) with all skin outside the hand.

        inward: (3,) the direction in which the hand presses. Skin then goes before the hand, that way, and not round a
        thin finger to whichever side of it lies nearest, which might change from frame to frame."""
        skin = head[self.index]
        out = np.zeros_like(head)
        close = hand.around(skin, _NEAR_M)
        if len(close) and (hand.distance(skin[close])[0] < 0).any():
            out[self.index] = self._yield(skin, close, hand, inward, rounds)
        return out

    def _yield(
        self, skin: np.ndarray, close: np.ndarray, hand: ClosedSurface, inward: np.ndarray | None, rounds: int
    ) -> np.ndarray:
        """(N, 3) metres of the skin; only vertices `close` to the hand are asked. A contact that would have to pull
        is let go again, so that what moves follows from where the hand is and not from how it came there."""
        pushed = np.zeros(len(skin), bool)
        target, outward, moved = (np.zeros_like(skin) for _ in range(3))
        for number in range(rounds):
            distance, place, normal = hand.distance(skin[close] + moved[close])
            inside = distance < -LEFT_M / 3
            pulling = self._pulling(pushed, moved, outward) if number < rounds // 2 else np.zeros(0, int)
            if not inside.any() and not len(pulling):
                break
            pushed[pulling] = False
            new = close[inside]
            at, normal = _exit(skin[new] + moved[new], place[inside], normal[inside], hand, inward)
            pushed[new], outward[new] = True, normal
            target[new] = at + normal * LEFT_M / 3 - skin[new]
            moved = self._spread(skin, pushed, target)
        return self._cleared(skin, moved, hand, inward)

    def clear(self, head: np.ndarray, displacement: np.ndarray, hand: ClosedSurface, inward: np.ndarray) -> np.ndarray:
        """A displacement (V, 3) of head vertices (V, 3), smoothed over time say, with all skin outside the hand."""
        out = displacement.copy()
        out[self.index] = self._cleared(head[self.index], displacement[self.index].copy(), hand, inward)
        return out

    def _cleared(
        self, skin: np.ndarray, moved: np.ndarray, hand: ClosedSurface, inward: np.ndarray | None
    ) -> np.ndarray:
        """The displacement (N, 3), in place, with what is left inside the hand brought onto it."""
        close = hand.around(skin + moved, 0.0)
        distance, place, normal = hand.distance(skin[close] + moved[close])
        stuck = distance < 0
        at, _ = _exit((skin + moved)[close[stuck]], place[stuck], normal[stuck], hand, inward)
        moved[close[stuck]] = at - skin[close[stuck]]
        return moved

    def _pulling(self, pushed: np.ndarray, moved: np.ndarray, outward: np.ndarray) -> np.ndarray:
        """Pushed vertices at which the hand would have to hold the skin back."""
        rows = np.flatnonzero(pushed)
        force = ((self._stiffness[rows] @ moved) * outward[rows]).sum(1)
        return rows[force < -0.02 * np.abs(force).max(initial=0)]

    def _spread(self, skin: np.ndarray, pushed: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Smoothest displacement that meets `target` where pushed and is zero beyond `FALLOFF_M`, with its bulge."""
        moved = np.where(pushed[:, None], target, 0.0)
        if not pushed.any():
            return moved
        away, _ = cKDTree(skin[pushed]).query(skin, distance_upper_bound=FALLOFF_M)
        free = ~pushed & np.isfinite(away) & ~self._held
        if free.any():
            rows = self._stiffness[free]
            known = rows[:, pushed] @ moved[pushed]
            moved[free] = splu(rows[:, free].tocsc()).solve(-known)
            moved[free] += _bulge(skin, self._local, moved, away, free)
        return moved


def _exit(
    points: np.ndarray, place: np.ndarray, normal: np.ndarray, hand: ClosedSurface, inward: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Where points (N, 3) inside a hand leave it along `inward`, and the hand's normals there; its nearest `place` and
    `normal` (N, 3) where there is no such direction or that way is far."""
    if inward is None or not len(points):
        return place, normal
    way = np.zeros(len(points))
    found, facing = place, normal
    # Each step goes as far as no surface can be nearer: from inside this comes to the first exit.
    for _ in range(12):
        distance, found, facing = hand.distance(points + way[:, None] * inward)
        way = way + np.maximum(-distance, 0)
        if distance.min() > -2e-5:
            break
    far = way > _THROUGH_M
    found = np.where(far[:, None], place, found)
    return found, np.where(far[:, None], normal, facing)


def press(
    head: np.ndarray, faces: np.ndarray, tissue: np.ndarray, hand: np.ndarray, hand_faces: np.ndarray, rounds: int = 8
) -> Press:
    """Lets the skin give way to a hand that was posed into it.

    head: (V, 3) metres; faces: (F, 3) of the skin that may move; tissue: (V,) metres as `tissue_depth`; hand: (H, 3)
    with its closed surface (F', 3). First the hand is moved out until no skin need yield more than its tissue, then
    pressed vertices are brought onto the hand, their surroundings follow smoothly and bulge. Raises BadInput if the
    hand is so deep in the head that no way out is the shortest. Of many frames of one head, keep its `Skin`.
    """
    head = np.asarray(head, float)
    skin, surface = Skin(head, faces, tissue), ClosedSurface(hand, Topology(hand_faces))
    shift = skin.way_out(head, surface)
    surface = surface.moved(shift)
    displacement = skin.give_way(head, surface, rounds=rounds)
    deformed = head + displacement
    return Press(deformed, displacement, shift, contact_of(deformed, faces, surface))


def _bulge(skin: np.ndarray, faces: np.ndarray, moved: np.ndarray, away: np.ndarray, free: np.ndarray) -> np.ndarray:
    """(free, 3) metres outward around the pressed skin: `BULGE` of the volume that was pressed in."""
    touched = faces[(moved[faces] != 0).any((1, 2)) | free[faces].any(1)]
    a, b, c = (skin[touched[:, k]] for k in range(3))
    weighted = np.cross(b - a, c - a) / 6
    area = np.zeros_like(skin)
    for k in range(3):
        np.add.at(area, touched[:, k], weighted)
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
