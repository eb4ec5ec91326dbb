"""talkie's own file of a linear head: one npz without pickles, written by `save_head`, read by `read_head`."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from talkie.errors import BadInput
from talkie.heads.arrays import HeadArrays, empty_joints
from talkie.heads.linear import LinearHead
from talkie.heads.model import LANDMARKS

FORMAT = "talkie-head-1"
NEEDED = ("template", "faces", "identity", "expression", "identity_names", "expression_names")
LANDMARK_ARRAYS = ("landmark_triangles", "landmark_barycentric")
JOINT_ARRAYS = ("joint_names", "joint_parents", "joints", "weights")
REGION = "region_"


def save_head(head: LinearHead, path: Path) -> None:
    """Write a head as npz; it appears under `path` at once or not at all.

    | array | shape | meaning |
    |---|---|---|
    | `format`, `name` | () str | "talkie-head-1" and the head's name |
    | `template` | (V, 3) | mean head at rest: metres, x to the person's left, y up, z out of the face |
    | `faces` | (F, 3) int | triangles, counter-clockwise from outside |
    | `identity`, `identity_names` | (I, V, 3), (I,) str | displacement for one standard deviation |
    | `expression`, `expression_names` | (E, V, 3), (E,) str | displacement at weight 1; ARKit's names where they fit |
    | `landmark_triangles`, `landmark_barycentric` | (478,), (478, 3) | MediaPipe's points on the surface |
    | `part`, `part_names` | (V,) int, (P,) str | optional: pieces of the mesh; else all is `skin` |
    | `uv` | (F, 3, 2) | optional: texture coordinates in [0, 1], v downward; else zeros |
    | `region_NAME` | (N,) int | optional: vertex indices; `face`, `lips` and `upper_face` are used by metrics |
    | `joint_names`, `joint_parents` | (J,) str, (J,) int | optional: neck, jaw, left_eye, right_eye; parents first |
    | `joints`, `weights` | (J, 3), (V, J) | with joints: places at rest and shares; what is left to 1 stays put |
    | `joint_identity`, `joint_expression` | (I, J, 3), (E, J, 3) | optional: how the joints follow the shapes |
    | `pose_correctives` | (9 J, V, 3) | optional: rows for the entries of R - I of each joint, row by row |

    Whoever has no landmarks gets them from `talkie.heads.landmark_embedding`.
    """
    a = head.arrays
    content: dict[str, Any] = {"format": FORMAT, "name": a.name}
    for key in (*NEEDED, *LANDMARK_ARRAYS, "part", "part_names", "uv"):
        content[key] = np.asarray(getattr(a, key))
    if a.joint_names:
        for key in (*JOINT_ARRAYS, "joint_identity", "joint_expression"):
            content[key] = np.asarray(getattr(a, key))
    if len(a.pose_correctives):
        content["pose_correctives"] = a.pose_correctives
    content |= {REGION + key: np.asarray(index) for key, index in a.regions.items()}
    path = Path(path)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez_compressed(file, **content)
    os.replace(part, path)


def read_head(path: Path) -> LinearHead:
    """The head of an npz as `save_head` documents it. Raises BadInput naming the file, the array and the cure."""
    content = read_npz(path)
    if str(content.get("format", FORMAT)) != FORMAT:
        raise BadInput(f"format {content['format']} is not {FORMAT}", where=str(path), cure="update talkie")
    need(content, NEEDED, path)
    if not all(key in content for key in LANDMARK_ARRAYS):
        raise BadInput(
            f"arrays landmark_triangles and landmark_barycentric ({LANDMARKS} points of MediaPipe) are missing",
            where=str(path),
            cure="compute them with talkie.heads.landmark_embedding from 68 known points and save the head again",
        )
    v, f = len(content["template"]), len(content["faces"])
    names = {key: _names(content[key]) for key in ("identity_names", "expression_names")}
    fields: dict[str, Any] = {key: content[key] for key in ("template", "faces", "identity", "expression")}
    fields |= names | {key: content[key] for key in LANDMARK_ARRAYS}
    if "joint_names" in content:
        need(content, JOINT_ARRAYS, path)
        fields |= {key: content[key] for key in JOINT_ARRAYS[1:]} | {"joint_names": _names(content["joint_names"])}
        still = empty_joints(len(names["identity_names"]), len(names["expression_names"]), len(fields["joint_names"]))
        fields["joint_identity"] = content.get("joint_identity", still[0])
        fields["joint_expression"] = content.get("joint_expression", still[1])
        if "pose_correctives" in content:
            fields["pose_correctives"] = content["pose_correctives"]
    arrays = HeadArrays(
        name=str(content.get("name", path.stem)),
        part=content.get("part", np.zeros(v, np.uint8)),
        part_names=_names(content["part_names"]) if "part_names" in content else ("skin",),
        uv=content.get("uv", np.zeros((f, 3, 2), np.float32)),
        regions={key[len(REGION) :]: content[key].astype(np.int64) for key in content if key.startswith(REGION)},
        **fields,
    )
    return LinearHead(arrays, str(path))


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an npz, never unpickling. Raises BadInput for what is no such file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except FileNotFoundError as error:
        raise BadInput("no such file", where=str(path), cure="check the path") from error
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise BadInput(
            f"not an npz of plain arrays: {error}", where=str(path), cure="write it with numpy.savez, without objects"
        ) from error


def npz_has(path: Path, keys: tuple[str, ...]) -> bool:
    """Whether a path is an npz with these arrays; False for whatever cannot be opened as one."""
    if path.suffix != ".npz" or not path.is_file():
        return False
    try:
        with zipfile.ZipFile(path) as file:
            return {f"{key}.npy" for key in keys} <= set(file.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def is_head(path: Path) -> bool:
    """Whether a file looks like one of `save_head`, or at least like an npz with a template."""
    return npz_has(path, ("template",))


def need(content: dict[str, Any], keys: tuple[str, ...], path: Path) -> None:
    """Raises BadInput naming the arrays that a file lacks."""
    missing = [key for key in keys if key not in content]
    if missing:
        raise BadInput(
            f"array{'s' if len(missing) > 1 else ''} {', '.join(missing)} missing",
            where=str(path),
            cure="add them; talkie.heads.save_head documents each",
        )


def _names(array: np.ndarray) -> tuple[str, ...]:
    return tuple(str(name) for name in np.atleast_1d(array))
