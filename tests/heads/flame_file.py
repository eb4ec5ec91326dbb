"""Writes files in FLAME's published form, made of the built-in head: its landmarks and joints are the truth."""

from __future__ import annotations

import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from talkie.heads import builtin_head
from talkie.heads.landmarks import PLACES_68

IDENTITIES, EXPRESSIONS = 3, 2


def flame_arrays() -> dict[str, Any]:
    """FLAME's keys: skin and eyeballs of the built-in head, its jaw and neck, random pose correctives."""
    head = builtin_head()
    rng = np.random.default_rng(0)
    eyes = [head.part_names.index(f"{side}_eyeball") for side in ("left", "right")]
    kept = np.flatnonzero((head.part == 0) | np.isin(head.part, eyes))
    place = np.full(head.vertex_count, -1)
    place[kept] = np.arange(len(kept))
    faces = place[head.faces.numpy()]
    faces = faces[(faces >= 0).all(1)]
    template = head.template.double().numpy()[kept]
    jaw, neck = head.jaw_share.double().numpy()[kept], head.neck_share.double().numpy()[kept]
    weights = np.stack([1 - neck, neck * (1 - jaw), neck * jaw, 0 * jaw, 0 * jaw], axis=1)
    for k, eye in enumerate(eyes):
        weights[head.part[kept] == eye] = np.eye(5)[3 + k]
    shapes = np.concatenate([head.identity_basis[:IDENTITIES], head.expression_basis[17 : 17 + EXPRESSIONS]])
    regressor = np.zeros((5, len(kept)))
    for joint, row in enumerate(regressor):
        share = weights[:, joint] if joint > 2 else (template[:, 2] < 0.02 + 0.001 * joint) * 1.0
        row[:] = share / share.sum()
    return {
        "v_template": template,
        "f": faces.astype(np.uint32),
        "shapedirs": np.moveaxis(shapes, 0, 2)[kept].astype(np.float64),
        "posedirs": rng.normal(0, 1e-4, (len(kept), 3, 36)),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.array([[4294967295, 0, 1, 1, 1], [0, 1, 2, 3, 4]]),
        "bs_style": "lbs",
    }


def write_flame_2023(path: Path, content: dict[str, Any]) -> None:
    """A pickle of plain arrays and a SciPy matrix."""
    path.write_bytes(pickle.dumps(content | {"J_regressor": sparse.csc_matrix(content["J_regressor"])}, protocol=4))


def write_flame_2020(path: Path, content: dict[str, Any]) -> None:
    """A pickle of protocol 2 with chumpy's arrays; chumpy itself exists only while this writes."""
    package, module = types.ModuleType("chumpy"), types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x: np.ndarray) -> None:
            self.x = x
            self._dirty_vars: set[str] = set()

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = package.ch = Ch  # type: ignore[attr-defined]
    sys.modules |= {"chumpy": package, "chumpy.ch": module}
    try:
        wrapped = {key: Ch(content[key]) for key in ("v_template", "shapedirs", "posedirs", "weights")}
        matrix = {"J_regressor": sparse.csc_matrix(content["J_regressor"])}
        path.write_bytes(pickle.dumps(content | wrapped | matrix, protocol=2))
    finally:
        del sys.modules["chumpy"], sys.modules["chumpy.ch"]


def landmark_places(content: dict[str, Any], index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the file's faces and weights of the built-in head's landmarks `index`."""
    head = builtin_head()
    kept = np.flatnonzero(np.isin(head.part, [0, *(head.part_names.index(f"{s}_eyeball") for s in ("left", "right"))]))
    row = {tuple(face): k for k, face in enumerate(kept[content["f"].astype(int)])}
    corners = head.faces[head.landmark_triangles[index]].numpy()
    return np.array([row[tuple(c)] for c in corners]), head.landmark_barycentric[index].numpy()


def write_mediapipe_landmarks(folder: Path, content: dict[str, Any]) -> None:
    """The 105-point file of MediaPipe's landmarks: every fourth point here."""
    index = np.arange(0, 468, 4)
    faces, weights = landmark_places(content, index)
    np.savez(
        folder / "mediapipe_landmark_embedding.npz", lmk_face_idx=faces, lmk_b_coords=weights, landmark_indices=index
    )


def write_68_landmarks(folder: Path, content: dict[str, Any]) -> None:
    """The npy with a dictionary of 68 points, one value of it in a class that the reader has to skip."""
    import torch

    places = np.array([a if share < 0.5 else b for a, b, share in PLACES_68])
    faces, weights = landmark_places(content, places)
    table = {"full_lmk_faces_idx": faces[None], "full_lmk_bary_coords": weights[None], "dynamic": torch.zeros(3)}
    np.save(folder / "landmark_embedding.npy", np.array(table, dtype=object), allow_pickle=True)
