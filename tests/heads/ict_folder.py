"""Writes the built-in head in ICT-FaceKit's published layout of OBJ files, so that the truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from talkie.heads import builtin_head, landmarks_68
from talkie.heads.ict_layout import IctLayout

TURN = Rotation.from_euler("xyz", [4, -7, 3], degrees=True).as_matrix()
SHIFT_M = np.array([0.01, -0.02, 0.03])
SHAPES = {
    "jawOpen": ("jawOpen", 1.0),
    "mouthFunnel": ("mouthFunnel", 1.0),
    "mouthSmile_L": ("mouthSmileLeft", 1.0),
    "mouthSmile_R": ("mouthSmileRight", 1.0),
    "browInnerUp_L": ("browInnerUp", 0.25),
    "browInnerUp_R": ("browInnerUp", 0.75),
    "cheekRaiser_L": ("cheekSquintLeft", 1.0),
}
"""File's name: the built-in shape and the share of it that the file holds."""


def in_file(points_m: np.ndarray) -> np.ndarray:
    """Places (V, 3) as the files have them: centimetres in another frame."""
    return (points_m @ TURN.T + SHIFT_M) * 100


def layout() -> IctLayout:
    """The built-in mesh's vertex ranges under the names that the layout needs; unknown parts count as transparent."""
    head = builtin_head()
    wanted = [name for name in IctLayout().parts if name != "transparent"]
    parts: dict[str, list[tuple[int, int]]] = {name: [] for name in (*wanted, "transparent")}
    for k, name in enumerate(head.part_names):
        index = np.flatnonzero(head.part == k)
        own = "skin" if name.endswith("_ear") else "lower_gum" if name.endswith("_gum") else name
        runs = np.split(index, np.flatnonzero(np.diff(index) > 1) + 1) if len(index) else []
        parts[own if own in wanted else "transparent"] += [(int(r[0]), int(r[-1]) + 1) for r in runs]
    parts["transparent"] = parts["transparent"] or [(0, 0)]
    return IctLayout(head.vertex_count, {name: tuple(ranges) for name, ranges in parts.items()})


def write_ict_folder(folder: Path) -> None:
    """`FaceXModel/` with a neutral mesh of quads and triangles, two identities, SHAPES and the landmark list."""
    head = builtin_head()
    model = folder / "FaceXModel"
    model.mkdir(parents=True)
    rest = head.template.double().numpy()
    _write(model / "generic_neutral_mesh.obj", in_file(rest), _quads(head.faces.numpy()), head.uv)
    for k in range(2):
        _write(model / f"identity{k:03d}.obj", in_file(rest + head.identity_basis[k].double().numpy()))
    for name, (own, share) in SHAPES.items():
        moved = head.expression_basis[head.expression_names.index(own)].double().numpy() * share
        _write(model / f"{name}.obj", in_file(rest + moved))
    points = landmarks_68(head.landmarks(head.vertices()))[0].double().numpy()
    skin = np.flatnonzero(head.part == 0)
    index = skin[cKDTree(rest[skin]).query(points)[1]]
    (model / "vertex_indices.json").write_text(json.dumps({"idx_to_landmark_verts": index.tolist()}))


def _quads(faces: np.ndarray) -> list[list[int]]:
    """Polygons: neighbouring triangles (a, b, c), (a, c, d) become quads."""
    out: list[list[int]] = []
    k = 0
    while k < len(faces):
        pair = k + 1 < len(faces) and faces[k, 0] == faces[k + 1, 0] and faces[k, 2] == faces[k + 1, 1]
        out.append([*faces[k], faces[k + 1, 2]] if pair else list(faces[k]))
        k += 2 if pair else 1
    return out


def _write(
    path: Path, points: np.ndarray, polygons: list[list[int]] | None = None, uv: np.ndarray | None = None
) -> None:
    lines = ["# a model"] + [f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in points]
    if polygons is not None and uv is not None:
        # Texture coordinates by vertex, v upward and on the atlas' third tile, as the model has its materials.
        lines += [f"vt {2 + u:.6f} {v:.6f}" for u, v in _by_vertex(polygons, len(points))]
        lines += ["f " + " ".join(f"{i + 1}/{i + 1}" for i in polygon) for polygon in polygons]
    path.write_text("\n".join(lines) + "\n")


def _by_vertex(polygons: list[list[int]], count: int) -> np.ndarray:
    return np.stack([np.arange(count) / count, np.full(count, 0.25)], axis=1)
