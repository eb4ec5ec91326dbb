"""Loads FLAME (Li et al., SIGGRAPH Asia 2017) from a user's licensed file as a `LinearHead`; no file of it is here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from talkie.errors import BadInput
from talkie.heads.arrays import HeadArrays
from talkie.heads.embedding import landmark_embedding
from talkie.heads.head_file import need, npz_has, read_npz
from talkie.heads.linear import LinearHead
from talkie.heads.model import LANDMARKS
from talkie.heads.regions import transferred_regions
from talkie.heads.restricted_pickle import read_pickle

ARRAYS = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
PARENTS = (0, 1, 1, 1)
"""Parents of neck, jaw, left and right eye among FLAME's five joints; joint 0 is the root."""
JAW_OPENING_RAD = 0.2
LANDMARK_FILES = ("mediapipe_landmark_embedding.npz", "landmark_embedding.npy", "flame_static_embedding.pkl")
"""Published lists of landmarks on FLAME's mesh, best first: 105 points of MediaPipe; 68 points; 51 without a jaw."""
PART_NAMES = ("skin", "left_eyeball", "right_eyeball")


def load_flame(path: Path, *, identities: int = 300, landmarks: Path | None = None) -> LinearHead:
    """FLAME 2020 or 2023 from its `.pkl` (read without running anything of it) or from an npz of the same arrays.

    identities: how many columns of `shapedirs` are identity, the rest is expression; landmarks: one of
    LANDMARK_FILES, looked for beside the model when not given. The frame is FLAME's own: metres, x to the
    person's left, y up, z out of the face. Neck, jaw and eyes turn as published, with pose correctives; joint
    0, the global rotation, is left to the caller. Identity and expression weights are standard normal: FLAME's
    expressions are principal components, not ARKit's shapes. FLAME has no mouth bag, teeth or tongue; texture
    coordinates are cylindrical, since the model file has none. Raises BadInput naming file, array and cure.
    """
    path = Path(path)
    content = read_npz(path) if path.suffix == ".npz" else read_pickle(path)
    need(content, ARRAYS, path)
    arrays = _skeleton(_checked(content, identities, path), path, identities)
    posed = LinearHead(arrays, str(path)).vertices(jaw=torch.tensor([[JAW_OPENING_RAD, 0.0, 0.0]]))
    opened = posed[0].double().numpy()
    points = _landmark_points(path, landmarks, opened, arrays.faces)
    skin = arrays.part == 0
    found = landmark_embedding(opened, arrays.faces, points, skin, arrays.part, PART_NAMES)
    rest = arrays.template.astype(np.float64)
    places = (found.barycentric[..., None] * rest[arrays.faces[found.triangles]]).sum(1)
    eyeballs = {name: np.flatnonzero(arrays.part == k) for k, name in enumerate(PART_NAMES) if k}
    whole = replace(
        arrays,
        landmark_triangles=found.triangles,
        landmark_barycentric=found.barycentric,
        regions=transferred_regions(rest, places, skin) | eyeballs,
    )
    return LinearHead(whole, str(path))


def is_flame(path: Path) -> bool:
    """Whether a file looks like FLAME: a pickle by its name, or an npz with its arrays."""
    return path.suffix == ".pkl" or npz_has(path, ARRAYS)


def _checked(content: dict[str, Any], identities: int, path: Path) -> dict[str, np.ndarray]:
    """FLAME's arrays with their shapes verified."""
    out = {key: np.asarray(content[key]) for key in ARRAYS}
    v = len(out["v_template"])
    wanted: dict[str, tuple[int | None, ...]] = {
        "v_template": (v, 3),
        "f": (None, 3),
        "shapedirs": (v, 3, None),
        "posedirs": (v, 3, 36),
        "J_regressor": (5, v),
        "weights": (v, 5),
        "kintree_table": (2, 5),
    }
    for key, shape in wanted.items():
        have = out[key].shape
        if len(have) != len(shape) or any(w not in (None, h) for h, w in zip(have, shape, strict=True)):
            raise BadInput(f"array {key} has shape {have}, expected {shape}", where=str(path), cure="give FLAME's file")
        if out[key].dtype.kind not in "fiu" or not np.isfinite(out[key]).all():
            raise BadInput(f"array {key} is not finite numbers", where=str(path), cure="download the model anew")
    if tuple(int(p) for p in out["kintree_table"][0][1:]) != PARENTS:
        raise BadInput("array kintree_table is not FLAME's", where=str(path), cure="give a model with FLAME's joints")
    if not 0 < identities <= out["shapedirs"].shape[2]:
        raise BadInput(
            f"{out['shapedirs'].shape[2]} shapes, fewer than {identities} identities",
            where=str(path),
            cure="say how many are identity: load_flame(path, identities=...)",
        )
    return out


def _skeleton(content: dict[str, np.ndarray], path: Path, identities: int) -> HeadArrays:
    """All of the head but its landmarks and regions."""
    template, faces = content["v_template"].astype(np.float64), content["f"].astype(np.int64)
    shapes = np.moveaxis(content["shapedirs"], 2, 0).astype(np.float32)
    regressor = content["J_regressor"].astype(np.float64)[1:]
    followed = np.einsum("jv,svc->sjc", regressor, shapes).astype(np.float32)
    weights = content["weights"].astype(np.float32)[:, 1:]
    part = np.where(weights[:, 2] > 0.5, 1, np.where(weights[:, 3] > 0.5, 2, 0)).astype(np.uint8)
    expressions = len(shapes) - identities
    return HeadArrays(
        name=f"flame-{path.stem}",
        template=template.astype(np.float32),
        faces=faces,
        identity=shapes[:identities],
        expression=shapes[identities:],
        identity_names=tuple(f"shape{k:03d}" for k in range(identities)),
        expression_names=tuple(f"expression{k:03d}" for k in range(expressions)),
        part=part,
        part_names=PART_NAMES,
        uv=cylindrical_uv(template, faces),
        landmark_triangles=np.zeros(LANDMARKS, np.int64),
        landmark_barycentric=np.zeros((LANDMARKS, 3), np.float32),
        regions={},
        joint_names=("neck", "jaw", "left_eye", "right_eye"),
        joint_parents=np.array([-1, 0, 0, 0]),
        joints=(regressor @ template).astype(np.float32),
        joint_identity=followed[:identities],
        joint_expression=followed[identities:],
        weights=weights,
        pose_correctives=np.moveaxis(content["posedirs"], 2, 0).astype(np.float32),
    )


def cylindrical_uv(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Corner coordinates (F, 3, 2): azimuth about the vertical axis (the face in the middle) and height, v downward.

    Triangles across the back's seam are pressed to the side where they mostly lie."""
    middle = np.median(points, axis=0)
    azimuth = np.arctan2(points[:, 0] - middle[0], points[:, 2] - middle[2])[faces]
    mean = np.angle(np.exp(1j * azimuth).mean(1))[:, None]
    u = 0.5 + (mean + np.angle(np.exp(1j * (azimuth - mean)))) / (2 * np.pi)
    v = (points[:, 1].max() - points[:, 1]) / np.ptp(points[:, 1])
    return np.stack([np.clip(u, 0, 1), v[faces]], axis=-1).astype(np.float32)


def _landmark_points(path: Path, given: Path | None, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Known landmarks of the posed mesh: (68, 3) or (478, 3), rows of nan for unknown ones."""
    options = [Path(given)] if given else [path.with_name(name) for name in LANDMARK_FILES]
    file = next((p for p in options if p.is_file()), None)
    if file is None:
        raise BadInput(
            f"no file of FLAME's landmarks: {' or '.join(p.name for p in options)}",
            where=str(path),
            cure="put the one that comes with your copy of FLAME beside the model, or pass landmarks=PATH",
        )
    content = read_npz(file) if file.suffix == ".npz" else read_pickle(file, ignored=("torch",))
    if "landmark_indices" in content:
        keys, rows, count = ("lmk_face_idx", "lmk_b_coords"), np.asarray(content["landmark_indices"]).ravel(), LANDMARKS
    elif "full_lmk_faces_idx" in content:
        keys, rows, count = ("full_lmk_faces_idx", "full_lmk_bary_coords"), np.arange(68), 68
    elif "static_lmk_faces_idx" in content:
        keys, rows, count = ("static_lmk_faces_idx", "static_lmk_bary_coords"), np.arange(17, 68), 68
    else:
        keys, rows, count = ("lmk_face_idx", "lmk_b_coords"), np.arange(17, 68), 68
    need(content, keys, file)
    triangles, weights = np.asarray(content[keys[0]]).ravel(), np.asarray(content[keys[1]]).reshape(-1, 3)
    if not len(triangles) == len(weights) == len(rows) or triangles.max() >= len(faces) or rows.max() >= count:
        raise BadInput("landmarks that do not fit the mesh", where=str(file), cure="give the file for this topology")
    points = np.full((count, 3), np.nan)
    points[rows.astype(np.int64)] = (weights[..., None] * vertices[faces[triangles.astype(np.int64)]]).sum(1)
    return points
