"""Looks at files without reading them through: sorted listings, sizes, first bytes and the boxes of an MP4.

Nothing is decoded, and nothing here knows a data set."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

VIDEO = frozenset((".mp4", ".mov", ".avi", ".flv", ".mpg", ".mkv", ".webm"))
PICTURES = frozenset((".jpg", ".jpeg", ".png"))
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_SIGNATURES = {
    ".wav": b"RIFF",
    ".avi": b"RIFF",
    ".flv": b"FLV",
    ".mpg": b"\x00\x00\x01",
    ".jpg": b"\xff\xd8",
    ".jpeg": b"\xff\xd8",
    ".png": b"\x89PNG",
    ".npy": b"\x93NUMPY",
    ".webm": b"\x1aE\xdf\xa3",
    ".mkv": b"\x1aE\xdf\xa3",
}
_ISO = frozenset((".mp4", ".mov", ".m4a"))
_TRACK = (b"moov", b"trak", b"mdia")

Trouble = tuple[Literal["missing_media", "broken", "lfs_pointer"], str]


def folders(parent: Path) -> list[Path]:
    """The folders in a folder, sorted by name, without hidden ones; none where it does not exist."""
    return [Path(entry.path) for entry in _entries(parent) if entry.is_dir()]


def files(parent: Path, suffixes: frozenset[str]) -> list[Path]:
    """The files of some suffixes (lower case) in a folder, sorted by name, without hidden ones."""
    return [Path(e.path) for e in _entries(parent) if Path(e.name).suffix.lower() in suffixes and not e.is_dir()]


def walk(parent: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    """The files of some suffixes in a folder and all below it: one folder's listing in memory at a time."""
    for entry in _entries(parent):
        if entry.is_dir():
            yield from walk(Path(entry.path), suffixes)
        elif Path(entry.name).suffix.lower() in suffixes:
            yield Path(entry.path)


def _entries(parent: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(parent) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def beside(path: Path, *suffixes: str) -> Path | None:
    """The first file of the same name with one of the suffixes, or None."""
    return first_of(*(path.with_suffix(suffix) for suffix in suffixes))


def first_of(*paths: Path) -> Path | None:
    """The first path that exists, or None."""
    return next((path for path in paths if path.exists()), None)


def trouble_with(path: Path) -> Trouble | None:
    """Why a file cannot be what its suffix says, as (reason, message); None where nothing speaks against it.

    An MP4 is followed from box to box (ISO/IEC 14496-12, 4.2), so that one that breaks off is found."""
    try:
        size = path.stat().st_size
        if size == 0:
            return "broken", "the file is empty"
        with path.open("rb") as handle:
            head = handle.read(64)
            if head.startswith(LFS_POINTER):
                return "lfs_pointer", f"a Git LFS pointer of {size} bytes"
            suffix = path.suffix.lower()
            if not head.startswith(_SIGNATURES.get(suffix, b"")):
                return "broken", f"the bytes are no {suffix} file"
            if suffix in _ISO:
                return _iso_trouble(handle, size)
    except FileNotFoundError:
        return "missing_media", "there is no such file"
    except OSError as error:
        return "broken", f"cannot be read: {error.strerror}"
    return None


def npy_shape(path: Path) -> tuple[int, ...]:
    """The shape that the header of a plain .npy states. Raises ValueError where the file is none, holds objects (which
    only a pickle could be) or is shorter than its shape."""
    with path.open("rb") as handle:
        version = np.lib.format.read_magic(handle)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(handle)
        if dtype.hasobject:
            raise ValueError("it holds objects instead of numbers")
        wanted = handle.tell() + dtype.itemsize * math.prod(shape)
    if path.stat().st_size < wanted:
        raise ValueError(f"it breaks off: {path.stat().st_size} of {wanted} bytes")
    return shape


def vertices_trouble(path: Path, vertices: int) -> str | None:
    """What is wrong with an .npy that should hold (T, 3 * vertices) or (T, vertices, 3), from its header; or None."""
    try:
        shape = npy_shape(path)
    except (OSError, ValueError) as error:
        return str(error)
    fits = shape[1:] in ((3 * vertices,), (vertices, 3))
    return None if fits else f"holds {shape} instead of (T, {3 * vertices})"


def has_sound(path: Path) -> bool | None:
    """Whether a video holds a sound track by its headers; None where the container does not say at its beginning."""
    suffix = path.suffix.lower()
    with path.open("rb") as handle:
        if suffix == ".flv":
            flags = handle.read(5)[4:]
            return None if not flags else bool(flags[0] & 4)  # Adobe FLV 10.1, E.2: TypeFlagsAudio
        if suffix in (".mp4", ".mov"):
            return b"soun" in _handlers(handle, 0, path.stat().st_size)
    return None


def _iso_trouble(handle: BinaryIO, size: int) -> Trouble | None:
    names = []
    for name, _, end in _boxes(handle, 0, size):
        if end > size:
            return "broken", f"the file breaks off: its {name!r} box ends at byte {end} of {size}"
        names.append(name)
    return None if b"moov" in names else ("broken", "there is no MP4 index (moov)")


def _boxes(handle: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, first byte of the content, end) of the boxes between two offsets."""
    while start + 8 <= stop:
        handle.seek(start)
        length, name = struct.unpack(">I4s", handle.read(8))
        inner = start + 8
        if length == 1:
            length = int.from_bytes(handle.read(8), "big")
            inner += 8
        end = stop if length == 0 else start + length
        if end < inner:
            return  # a length that cannot be: what follows is no box
        yield name, inner, end
        start = end


def _handlers(handle: BinaryIO, start: int, stop: int, path: tuple[bytes, ...] = _TRACK) -> set[bytes]:
    """Handler types (`vide`, `soun`, ...) of all tracks."""
    kinds: set[bytes] = set()
    for name, inner, end in _boxes(handle, start, stop):
        if path and name == path[0]:
            kinds |= _handlers(handle, inner, min(end, stop), path[1:])
        elif not path and name == b"hdlr":
            handle.seek(inner + 8)
            kinds.add(handle.read(4))
    return kinds
