"""Loads ICT-FaceKit (USC Institute for Creative Technologies, MIT licence) as a `LinearHead`; no file of it is here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talkie.errors import BadInput
from talkie.heads.arrays import HeadArrays, empty_joints
from talkie.heads.builtin import builtin_head
from talkie.heads.embedding import USED, landmark_embedding, sphere
from talkie.heads.head_file import need, npz_has, read_npz
from talkie.heads.ict_layout import IctLayout, arkit_sources
from talkie.heads.ict_rig import NECK_JOINT, jaw_hinge, joint_followers, neck_share, skin_weights
from talkie.heads.landmarks import landmarks_68
from talkie.heads.linear import LinearHead
from talkie.heads.obj import read_obj, read_positions, triangles
from talkie.heads.regions import transferred_regions
from talkie.heads.rigid import rigid_motion_of

NAME = "ict-facekit"
NEUTRAL = "generic_neutral_mesh.obj"
CENTIMETRE = 0.01
JAW_OPENING = 0.5
"""Weight of jawOpen at which landmarks are embedded, so that the lips cannot be taken for each other."""
FIXED = 0.2
"""Share of the jaw below which gum is the upper one; the tongue's root follows by less than half."""
ARRAYS = ("vertices", "faces", "face_uv", "uv", "expression_names", "expression", "identity")


@dataclass(frozen=True)
class _Scan:
    """The model as its files have it: centimetres, quads, its own names, all vertices."""

    vertices: np.ndarray
    quads: np.ndarray
    quad_uv: np.ndarray
    uv: np.ndarray
    names: tuple[str, ...]
    expression: np.ndarray
    identity: np.ndarray
    landmarks_68: np.ndarray


def load_ict(
    path: Path, *, identities: int | None = None, transparent: bool = False, layout: IctLayout | None = None
) -> LinearHead:
    """ICT-FaceKit from its folder of OBJ files (`FaceXModel/`) or from the repacked `ict_facekit.npz`.

    identities: how many of the principal components (all); transparent: keep the pieces that need blending;
    layout: vertex ranges, where they are not those of the published mesh. The head comes in metres, in triangles,
    turned and moved rigidly so that 52 facial points lie nearest to the built-in head's. Identity weights are
    standard normal. Shapes: ARKit's 52 in its order, then the model's own, see `arkit_sources`. The scan's
    eyeLook shapes move the lids only, the eyeballs turn by the eye joints. It has no bones: the jaw is derived
    from jawOpen (`jaw_hinge`: to 0.3 mm on the teeth and 2.6 mm RMS on the skin, of which the face moves 11 mm
    RMS), so drive jaw or jawOpen. Raises BadInput naming file and cure.
    """
    path, layout = Path(path), layout or IctLayout()
    scan = _read_folder(path, identities) if path.is_dir() else _read_npz(path, identities)
    if len(scan.vertices) != layout.vertices:
        raise BadInput(
            f"{len(scan.vertices)} vertices, expected {layout.vertices}",
            where=str(path),
            cure="give the full model, or load_ict's `layout` for another mesh",
        )
    return LinearHead(_assemble(scan, layout, transparent, str(path)), str(path))


def is_ict(path: Path) -> bool:
    """Whether a path looks like the model: a folder with the neutral mesh, or an npz with its arrays."""
    if path.is_dir():
        return any((folder / NEUTRAL).is_file() for folder in (path, path / "FaceXModel"))
    return npz_has(path, ARRAYS)


def _read_folder(path: Path, identities: int | None) -> _Scan:
    folder = path if (path / NEUTRAL).is_file() else path / "FaceXModel"
    mesh = read_obj(folder / NEUTRAL)
    axes = sorted(folder.glob("identity[0-9]*.obj"))[:identities]
    shapes = sorted(p for p in folder.glob("*.obj") if p.name != NEUTRAL and not p.name.startswith("identity"))
    if not axes or not shapes:
        raise BadInput("no identity or no expression OBJ files", where=str(folder), cure="clone the whole model")
    return _Scan(
        mesh.positions,
        mesh.quads,
        mesh.quad_uv,
        mesh.uv if len(mesh.uv) else np.zeros((1, 2)),
        tuple(p.stem for p in shapes),
        _offsets(shapes, mesh.positions),
        _offsets(axes, mesh.positions),
        _landmark_index(folder / "vertex_indices.json", len(mesh.positions)),
    )


def _offsets(paths: list[Path], neutral: np.ndarray) -> np.ndarray:
    """Displacements (N, V, 3) float32 of OBJ files from the neutral mesh."""
    out = np.zeros((len(paths), *neutral.shape), np.float32)
    for row, path in zip(out, paths, strict=True):
        positions = read_positions(path)
        if positions.shape != neutral.shape:
            raise BadInput(
                f"{len(positions)} vertices, the neutral mesh has {len(neutral)}", where=str(path), cure="clone it anew"
            )
        row[:] = positions - neutral
    return out


def _read_npz(path: Path, identities: int | None) -> _Scan:
    content = read_npz(path)
    need(content, ARRAYS, path)
    vertices = content["vertices"].astype(np.float64)
    for key in ("expression", "identity"):
        if content[key].shape[1:] != vertices.shape or not np.isfinite(content[key]).all():
            raise BadInput(f"array {key} does not fit vertices, or is not finite", where=str(path), cure="repack it")
    return _Scan(
        vertices,
        content["faces"].astype(np.int64),
        content["face_uv"].astype(np.int64),
        content["uv"].astype(np.float64),
        tuple(str(n) for n in content["expression_names"]),
        content["expression"].astype(np.float32),
        content["identity"][:identities].astype(np.float32),
        _landmark_index(path.with_name("ict_vertex_indices.json"), len(vertices)),
    )


def _landmark_index(path: Path, vertices: int) -> np.ndarray:
    """The model's own 68 landmark vertices (iBUG's order)."""
    cure = "put the model's vertex index file there, it lists the 68 landmarks (idx_to_landmark_verts)"
    try:
        index = np.array(json.loads(path.read_text(encoding="utf-8"))["idx_to_landmark_verts"], np.int64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"no list of landmark vertices: {error}", where=str(path), cure=cure) from error
    if index.shape != (68,) or index.min() < 0 or index.max() >= vertices:
        raise BadInput("landmark vertices that are not 68 or not in the mesh", where=str(path), cure=cure)
    return index


def _assemble(scan: _Scan, layout: IctLayout, transparent: bool, where: str) -> HeadArrays:
    """Everything of a `LinearHead`, from the scan's own arrays."""
    names, sources = arkit_sources(scan.names)
    jaw_open = names.index("jawOpen")
    if not sources[jaw_open]:
        raise BadInput("no shape jawOpen, from which the jaw is derived", where=where, cure="clone the whole model")
    points = scan.vertices * CENTIMETRE
    turn, shift = _placement(points[scan.landmarks_68])
    points = points @ turn.T + shift
    expression = np.zeros((len(names), *points.shape), np.float32)
    for row, places in zip(expression, sources, strict=True):
        for k in places:
            row += scan.expression[k] * CENTIMETRE @ turn.T
    identity = (scan.identity * CENTIMETRE) @ turn.T.astype(np.float32)
    kept = np.setdiff1d(np.arange(layout.vertices), [] if transparent else layout.index("transparent"))
    skin = np.zeros(len(points), bool)
    skin[layout.index("skin")] = True
    hinge = jaw_hinge(points, expression[jaw_open], layout.index("lower_teeth"), skin)
    part_names, part = _parts(layout, hinge.share)
    whole = np.isin(scan.quads, kept).sum(1) == (scan.quads >= 0).sum(1)
    place = np.searchsorted(kept, np.arange(len(points)))
    quads = scan.quads[whole]
    faces = place[triangles(quads, quads)]
    uv = scan.uv[triangles(scan.quad_uv[whole], quads)]
    opened = points + JAW_OPENING * expression[jaw_open]
    found = landmark_embedding(
        opened[kept], faces, opened[scan.landmarks_68], skin[kept], part[kept], part_names=part_names
    )
    at = points[kept][faces[found.triangles]]
    regions = transferred_regions(points[kept], (found.barycentric[..., None] * at).sum(1), skin[kept])
    rig = _rig(points, identity, layout, hinge.joint, skin, kept, len(names))
    return HeadArrays(
        name=NAME,
        template=points[kept].astype(np.float32),
        faces=faces,
        identity=identity[:, kept],
        expression=expression[:, kept],
        identity_names=tuple(f"identity{i:03d}" for i in range(len(identity))),
        expression_names=names,
        part=part[kept],
        part_names=part_names,
        # The atlas has a tile for each material; each is brought to [0, 1], with v downward.
        uv=np.stack([uv[..., 0] - np.floor(uv[..., 0]), 1 - uv[..., 1]], axis=-1).astype(np.float32),
        landmark_triangles=found.triangles,
        landmark_barycentric=found.barycentric,
        regions=regions | _part_regions(part[kept], part_names),
        joint_names=("neck", "jaw", "left_eye", "right_eye"),
        joint_parents=np.array([-1, 0, 0, 0]),
        weights=skin_weights(neck_share(points), hinge.share, _eyes(layout))[kept].astype(np.float32),
        **rig,
    )


def _placement(theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation and shift that bring the scan's 68 points nearest to the built-in head's, the jaw's contour aside."""
    head = builtin_head()
    ours = landmarks_68(head.landmarks(head.vertices()))[0].double().numpy()
    return rigid_motion_of(theirs[USED], ours[USED])


def _eyes(layout: IctLayout) -> tuple[np.ndarray, np.ndarray]:
    return layout.index("left_eyeball"), layout.index("right_eyeball")


def _parts(layout: IctLayout, jaw: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Part names and ids (V,); gums are told apart by whether they follow the jaw."""
    names = list(layout.parts)
    names.insert(names.index("lower_gum"), "upper_gum")
    part = np.zeros(layout.vertices, np.uint8)
    for name in layout.parts:
        part[layout.index(name)] = names.index(name)
    fixed = np.isin(part, [names.index("lower_gum"), names.index("tongue")]) & (jaw < FIXED)
    part[fixed] = names.index("upper_gum")
    return tuple(names), part


def _part_regions(part: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    regions = {name: np.flatnonzero(part == k) for k, name in enumerate(names) if name != "skin" and (part == k).any()}
    teeth = [names.index("upper_teeth"), names.index("lower_teeth")]
    return regions | {"teeth": np.flatnonzero(np.isin(part, teeth))}


def _rig(
    points: np.ndarray, identity: np.ndarray, layout: IctLayout, jaw: np.ndarray, skin: np.ndarray, kept: np.ndarray,
    expressions: int,
) -> dict[str, Any]:  # fmt: skip
    """Joints at rest and their identity basis: eyes with their balls, jaw with the skin at the ends of its axis."""
    eyes = _eyes(layout)
    joints = np.stack([NECK_JOINT, jaw, *(sphere(points[index])[0] for index in eyes)])
    follow, still = empty_joints(len(identity), expressions, len(joints))
    follow[:, 1] = identity[:, joint_followers(points, jaw, skin)].mean(1)
    for k, index in enumerate(eyes):
        follow[:, 2 + k] = identity[:, index].mean(1)
    return {"joints": joints.astype(np.float32), "joint_identity": follow, "joint_expression": still}
