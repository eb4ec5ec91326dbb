"""What a touching hand does to a take: the arm's motion, the skin that gives way, and the truth of both.

The hand is led so that no bone is pressed through; what is left of the wish to go deeper is told as `hand_shift`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, median_filter
from scipy.spatial import cKDTree

from talkie.heads import HeadModel
from talkie.heads.body import builtin_body
from talkie.heads.body.contact import ClosedSurface, Skin, contact_of, tissue_depth
from talkie.heads.body.distance import Topology
from talkie.stage.bodies import BodyTrack, tracked
from talkie.stage.touching import Path, Touch, led

_ROOTED_M = 0.004
"""An ear's vertices so near to the head's skin are rooted in it."""
_ASKED_M = 0.012
"""A touching place further than this above the skin is not asked whether the hand presses."""


@dataclass(frozen=True)
class TouchTrack:
    """The truth of a touch. head: (T, V) bool, head vertices nearer than 2 mm to the hand; displacement: (T, V, 3)
    metres in the world by which they gave way; hand: (T, H) bool, vertices of the touching hand in contact; shift:
    (T, 3) metres in the world by which bone kept the hand further out than it was meant to go; tissue: (V,) metres."""

    touch: Touch
    head: np.ndarray
    displacement: np.ndarray
    hand: np.ndarray
    shift: np.ndarray
    tissue: np.ndarray


def skin_of(model: HeadModel, identity: np.ndarray) -> tuple[Skin, np.ndarray]:
    """The skin of a person's head at rest, ears included, and its tissue's depth (V,)."""
    rest = model.vertices(torch.as_tensor(identity, dtype=torch.float32)[None])[0].double().numpy()
    names = [n for n in ("skin", "left_ear", "right_ear") if n in model.part_names]
    parts = [model.part_names.index(n) for n in names]
    faces = model.faces.numpy()
    faces = faces[np.isin(np.asarray(model.part)[faces[:, 0]], parts)]
    tissue = tissue_depth(rest)
    face = np.asarray(model.part) == parts[0]
    near, _ = cKDTree(rest[face]).query(rest)
    return Skin(rest, faces, tissue, held=~face & (near < _ROOTED_M)), tissue


def pressed(
    path: Path, model: HeadModel, identity: np.ndarray, vertices: np.ndarray
) -> tuple[BodyTrack, np.ndarray, TouchTrack]:
    """Body, head vertices (T, V, 3) as they give way, and the truth, of a touch on a head (T, V, 3) in the world."""
    skin, tissue = skin_of(model, identity)
    body, topology = builtin_body(), Topology(builtin_body().part_faces(f"{path.touch.side}_hand"))
    rows = body.regions[f"{path.touch.side}_hand"]
    meant = path.offset.copy()
    asked = np.flatnonzero((path.offset < _ASKED_M) & (path.share > 0.5))
    for _ in range(4):
        track = tracked(led(path), path.shape, path.root)
        out = np.zeros(len(path.offset))
        for k in asked:
            surface = ClosedSurface(track.vertices[k, rows], topology)
            out[k] = _outward(skin, vertices[k], surface, path.normal[k])
        if out.max() < 2e-4:
            break
        # The hand keeps clear of bone ahead of time and comes back slowly: an envelope, not a stutter.
        path = path.deeper(gaussian_filter1d(maximum_filter1d(out, 7), 1.6))
    surfaces = {k: ClosedSurface(track.vertices[k, rows], topology) for k in asked}
    displacement = _steady(skin, vertices, surfaces, path.normal)
    deformed = vertices + displacement
    head = np.zeros(vertices.shape[:2], bool)
    hand = np.zeros((len(vertices), len(rows)), bool)
    for k, surface in surfaces.items():
        contact = contact_of(deformed[k], skin.faces, surface, within=2 * _ASKED_M)
        head[k], hand[k] = contact.mask, contact.hand_mask
    shift = (path.offset - meant)[:, None] * path.normal
    return track, deformed, TouchTrack(path.touch, head, displacement, hand, shift, tissue)


def _steady(skin: Skin, vertices: np.ndarray, hands: dict[int, ClosedSurface], normal: np.ndarray) -> np.ndarray:
    """(T, V, 3) metres by which skin gives way to the hands of some frames, without what flickers: skin is heavy."""
    displacement = np.zeros_like(vertices)
    for k, hand in hands.items():
        displacement[k] = skin.give_way(vertices[k], hand, -normal[k])
    rows = np.flatnonzero(displacement.any((0, 2)))
    local = median_filter(displacement[:, rows], size=(3, 1, 1), mode="nearest")
    displacement[:, rows] = gaussian_filter1d(local, 0.8, axis=0, mode="nearest")
    for k, hand in hands.items():
        displacement[k] = skin.clear(vertices[k], displacement[k], hand, -normal[k])
    return displacement


def _outward(skin: Skin, head: np.ndarray, hand: ClosedSurface, normal: np.ndarray) -> float:
    """Metres along the skin's normal after which no skin need yield more than its tissue."""
    moved = 0.0
    for _ in range(6):
        excess, _ = skin.excess(head, hand.moved(moved * normal))
        if excess.max() < 1e-4:
            break
        moved += float(excess.max())
    return moved
