"""Figures of the built-in head against the scanned one: mean shape, expressions, identities; no file is read here."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from talkie.heads.builtin.against_scan import Feet, Scan, correspondence, nearest
from talkie.heads.builtin.head import BuiltinHead
from talkie.heads.model import ARKIT_NAMES
from talkie.heads.rigid import rigid_motion_of

SAME_NAME = ("jawForward", "jawLeft", "jawRight", "jawOpen", "mouthLeft", "mouthRight")
FACES, FACES_SEED = 30, 20
RIDGE = 1e-7
"""Square metres a unit of squared weight costs per point: a weight of 1 is worth 0.3 mm at every point."""


def rms_mm(distance_m: np.ndarray) -> float:
    """Root of the mean square of distances (N,), in millimetres."""
    return float(1e3 * np.sqrt(np.mean(np.square(distance_m))))


def _aligned(head: BuiltinHead, scan: Scan) -> np.ndarray:
    """The scan's vertices laid on the built-in mean face by rotation and shift (two rounds of nearest points)."""
    points = head.mesh.positions[head.regions["face"]]
    moved = scan.vertices
    for _ in range(2):
        turn, shift = rigid_motion_of(nearest(points, moved, scan.faces).at(moved, scan.faces), points)
        moved = moved @ turn.T + shift
    return moved


def mean_distances(head: BuiltinHead, scan: Scan) -> dict[str, float]:
    """RMS point-to-surface distances in mm between the two mean faces, after rigid alignment without scale.

    built_in_to_scan: vertices of the region `face`; scan_to_built_in: the scan's outer vertices over that region
    (those nearer to a vertex of it than to one of the neck's or scalp's, within 12 mm); scan_whole: all 9409
    vertices, with the cavity of the nose, the insides of the lips and the throat, to skin, bag and ears."""
    mesh, face = head.mesh, head.regions["face"]
    there = _aligned(head, scan)
    outer = mesh.faces[np.isin(head.part[mesh.faces], [0, 1, 2, 10, 11]).all(1)]
    forth = nearest(mesh.positions[face], there, scan.faces).distance
    back = nearest(there, mesh.positions, outer).distance
    far, owner = cKDTree(mesh.positions).query(there)
    over = np.isin(owner, face) & (far < 0.012)
    return {
        "built_in_to_scan": rms_mm(forth),
        "scan_to_built_in": rms_mm(back[over]),
        "scan_whole": rms_mm(back),
    }


def scan_names(name: str, scan: Scan) -> tuple[str, ...]:
    """ICT's names of the displacements that add up to an ARKit shape; none where it has no such shape."""
    if name in SAME_NAME:
        return (name,)
    sided = name.replace("Left", "_L").replace("Right", "_R")
    options = ((sided,), (f"{name}_L", f"{name}_R"))
    return next((names for names in options if set(names) <= set(scan.expression)), ())


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine between two displacement fields (N, 3); 0 where one of them does not move."""
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum() / size) if size else 0.0


def expression_agreement(head: BuiltinHead, scan: Scan) -> dict[str, tuple[float, float]]:
    """By ARKit name: cosine of the displacement fields over the region `face`, and the ratio of their sizes
    (built-in over scan)."""
    face = head.regions["face"]
    feet = correspondence(head.mesh, scan, face)
    basis = head.expression_basis.numpy()
    out = {}
    for k, name in enumerate(ARKIT_NAMES):
        parts = scan_names(name, scan)
        if parts:
            wanted = feet.at(np.sum([scan.expression[p] for p in parts], axis=0), scan.faces)
            mine = basis[k, face]
            out[name] = (cosine(mine, wanted), float(np.linalg.norm(mine) / np.linalg.norm(wanted)))
    return out


def fit_identity(
    mean: np.ndarray, basis: np.ndarray, target: np.ndarray, ridge: float = RIDGE
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Identity weights (I,), rotation and shift of `target` (N, 3) that lay it on mean + weights @ basis best.

    Linear least squares in the weights, small turns and a shift, three rounds of it with the turns applied in
    between; `ridge` is what one unit of squared weight costs, square metres per point."""
    count, turn, shift = len(basis), np.eye(3), np.zeros(3)
    weights = np.zeros(count)
    flat = basis.reshape(count, -1)
    for _ in range(3):
        turn, shift = rigid_motion_of(target, mean + np.tensordot(weights, basis, 1))
        laid = target @ turn.T + shift
        local = laid - laid.mean(0)
        turns = [np.cross(axis, local).ravel() for axis in np.eye(3)]
        shifts = [np.tile(axis, len(mean)) for axis in np.eye(3)]
        rows = np.concatenate([flat, -np.array(turns + shifts)])
        cost = np.diag([ridge * len(mean)] * count + [0.0] * 6)
        weights = np.linalg.solve(rows @ rows.T + cost, rows @ (laid - mean).ravel())[:count]
    turn, shift = rigid_motion_of(target, mean + np.tensordot(weights, basis, 1))
    return weights, turn, shift


def identity_fits(head: BuiltinHead, scan: Scan, faces: int = FACES, seed: int = FACES_SEED) -> dict[str, float]:
    """Fits of the built-in head to `faces` faces drawn from the scan's identity model, all 60 components.

    Means over the faces, mm: unfitted (rigid only), correspondence and point_to_surface RMS, the worst face's
    point_to_surface; and the RMS of the fitted weights, which a standard normal prior wants at or below 1."""
    face = head.regions["face"]
    feet: Feet = correspondence(head.mesh, scan, face)
    mean, basis = head.mesh.positions[face], head.identity_basis.numpy()[:, face].astype(float)
    rng = np.random.default_rng(seed)
    rows = []
    for weights in rng.normal(size=(faces, len(scan.identity))):
        vertices = scan.vertices + np.tensordot(weights, scan.identity, 1)
        target = feet.at(vertices, scan.faces)
        turn, shift = rigid_motion_of(target, mean)
        unfitted = rms_mm(np.linalg.norm(target @ turn.T + shift - mean, axis=1))
        found, turn, shift = fit_identity(mean, basis, target)
        mine = mean + np.tensordot(found, basis, 1)
        matched = rms_mm(np.linalg.norm(target @ turn.T + shift - mine, axis=1))
        surface = rms_mm(nearest(mine, vertices @ turn.T + shift, scan.faces).distance)
        rows.append((unfitted, matched, surface, float(np.sqrt((found**2).mean()))))
    table = np.array(rows)
    return {
        "unfitted": float(table[:, 0].mean()),
        "correspondence": float(table[:, 1].mean()),
        "point_to_surface": float(table[:, 2].mean()),
        "worst_point_to_surface": float(table[:, 2].max()),
        "weights_rms": float(np.sqrt((table[:, 3] ** 2).mean())),
    }
