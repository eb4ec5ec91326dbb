"""Things that hang on a head - strands, lashes, cloth, glasses - and how they are tied to any model; no paint here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from talkie.heads import HeadModel
from talkie.render.canonical import Canonical, part_ids
from talkie.render.costume import Binding, Hinged


@dataclass(frozen=True, eq=False)
class Hung:
    """Over the built-in mean head: points, roots (on its skin), normals, tangents (X, 3), faces (F, 3), uv (F, 3, 2),
    material (F,); part: a name; steady: the region whose motion turns offsets, "head" or "shoulders"; free: (X,) share
    of the ambient light that reaches the vertices; hinge: the eyeball round which the piece turns with its roots."""

    points: np.ndarray
    roots: np.ndarray
    normals: np.ndarray
    tangents: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    material: np.ndarray
    part: str
    free: np.ndarray
    steady: str = "head"
    hinge: str | None = None


def bind(model: HeadModel, fit: Canonical, hung: Hung) -> Binding | None:
    """The tie of a piece to a model: every root goes to the nearest point of the model's skin as it lies over the
    built-in head; None where the model has no such region (no shoulders to wear cloth)."""
    frame = _steady_vertices(model, fit, hung.steady)
    if frame is None:
        return None
    template = np.asarray(model.template, float)
    # From the built-in head's space to the model's: the linear map that fits where the piece is worn.
    here, there = fit.points[frame] - fit.points[frame].mean(0), template[frame] - template[frame].mean(0)
    stretch = np.linalg.lstsq(here, there, rcond=None)[0].T
    anchors, weights = _nearest_on_skin(model, fit, hung.roots)
    tie = Binding(
        anchors=anchors,
        weights=weights,
        offset=(hung.points - hung.roots) @ stretch.T,
        normal=hung.normals @ stretch.T,
        tangent=hung.tangents @ stretch.T,
        frame=frame,
        solver=np.linalg.pinv(there).T,
    )
    if hung.hinge not in model.part_names:
        return tie
    ball = np.flatnonzero(np.asarray(model.part) == model.part_names.index(hung.hinge))
    middle = (template[ball].min(0) + template[ball].max(0)) / 2
    return Hinged(**vars(tie), ball=ball, radial=(template[anchors] * weights[..., None]).sum(1) - middle)


def _steady_vertices(model: HeadModel, fit: Canonical, region: str) -> np.ndarray | None:
    """A few hundred skin vertices that turn as one: the skull above the eyes, or the body below the neck."""
    skin = np.isin(model.part, part_ids(model, "skin")) if "skin" in model.part_names else np.ones(len(fit.s), bool)
    s = np.degrees(fit.s)
    index = np.flatnonzero(skin & (s > 30)) if region == "head" else np.flatnonzero(skin & (s < -95))
    if region != "head" and (len(index) < 30 or s[index].min() > -130):
        return None
    return index[:: max(1, len(index) // 200)]


def _nearest_on_skin(model: HeadModel, fit: Canonical, roots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners (N, 3) and weights (N, 3) of the skin's points nearest to roots (N, 3) in the built-in head's space."""
    faces = np.asarray(model.faces, np.int64)
    on_skin = np.isin(np.asarray(model.part)[faces[:, 0]], part_ids(model, "skin"))
    skin = faces[on_skin] if on_skin.any() else faces
    corners = fit.points[skin]
    near = cKDTree(corners.mean(1)).query(roots, k=min(6, len(skin)))[1].reshape(len(roots), -1)
    a, b, c = (corners[near][:, :, i] for i in range(3))
    ab, ac, ap = b - a, c - a, roots[:, None] - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    det = np.maximum(d00 * d11 - d01 * d01, 1e-24)
    v, w = (d11 * d20 - d01 * d21) / det, (d00 * d21 - d01 * d20) / det
    weights = np.clip(np.stack([1 - v - w, v, w], -1), 0, 1)
    weights /= weights.sum(-1, keepdims=True)
    foot = (corners[near] * weights[..., None]).sum(2)
    best = ((foot - roots[:, None]) ** 2).sum(-1).argmin(1)
    rows = np.arange(len(roots))
    return skin[near[rows, best]], weights[rows, best]
