"""Reads Wavefront OBJ meshes: positions, polygons, texture coordinates; materials and normals are passed over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from talkie.errors import BadInput


@dataclass(frozen=True)
class ObjMesh:
    """positions: (V, 3) float64; quads and quad_uv: (F, 4) int64, -1 in the last column marks a triangle; uv: (U, 2).

    quad_uv is all -1 where a file has no texture coordinates."""

    positions: np.ndarray
    quads: np.ndarray
    quad_uv: np.ndarray
    uv: np.ndarray


def read_positions(path: Path) -> np.ndarray:
    """Only the positions (V, 3) of an OBJ: enough for a blend shape. Raises BadInput."""
    return _table(_lines(path, b"v "), path, 3)


def read_obj(path: Path) -> ObjMesh:
    """A whole OBJ of triangles and quads. Raises BadInput naming the file and the cure."""
    data = _read(path)
    positions = _table(_lines(path, b"v ", data), path, 3)
    uv = _table(_lines(path, b"vt ", data), path, 2) if b"\nvt " in data else np.zeros((0, 2))
    corners = [line.split() for line in _lines(path, b"f ", data)]
    if not corners or any(len(c) not in (3, 4) for c in corners):
        raise BadInput("faces other than triangles and quads", where=str(path), cure="export triangles and quads")
    quads = np.full((len(corners), 4), -1, np.int64)
    quad_uv = np.full((len(corners), 4), -1, np.int64)
    try:
        for row, line in enumerate(corners):
            for column, corner in enumerate(line):
                parts = corner.split(b"/")
                quads[row, column] = int(parts[0]) - 1
                if len(parts) > 1 and parts[1]:
                    quad_uv[row, column] = int(parts[1]) - 1
    except ValueError as error:
        raise BadInput(f"a face is not numbers: {error}", where=str(path), cure="export the mesh anew") from error
    if quads.max() >= len(positions) or quads[:, :3].min() < 0 or quad_uv.max() >= len(uv):
        raise BadInput("a face points outside the vertices", where=str(path), cure="export the mesh anew")
    return ObjMesh(positions, quads, quad_uv, uv)


def triangles(table: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """A corner table (F, 4, ...) as corners of triangles (F', 3, ...): first one of every row of `quads`, then the
    second halves of those whose last column is not -1."""
    return np.concatenate([table[:, :3], table[quads[:, 3] >= 0][:, [0, 2, 3]]])


def _read(path: Path) -> bytes:
    try:
        return b"\n" + path.read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path), cure="check the path") from error


def _lines(path: Path, kind: bytes, data: bytes | None = None) -> list[bytes]:
    data = _read(path) if data is None else data
    start = b"\n" + kind
    return [line.split(b"\n", 1)[0] for line in data.split(start)[1:]]


def _table(lines: list[bytes], path: Path, columns: int) -> np.ndarray:
    try:
        table = np.array([line.split()[:columns] for line in lines], dtype=np.float64)
    except ValueError as error:
        raise BadInput(f"a vertex is not {columns} numbers", where=str(path), cure="export the mesh anew") from error
    if table.ndim != 2 or not np.isfinite(table).all():
        raise BadInput("no vertices, or vertices that are not finite", where=str(path), cure="export the mesh anew")
    return table
