"""Checkpoints on disk: written beside their name, committed by a rename together with the digests of their files,
read only after every digest matched. What they contain is decided in phase_run.py."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

from talkie.errors import CorruptCheckpoint

COMMIT = "commit.json"
_NAME = re.compile(r"step-(\d{8})")


def folder_of(root: Path, step: int) -> Path:
    return root / f"step-{step:08d}"


def pending_of(root: Path, step: int) -> Path:
    """Where the files of a checkpoint are written before it is committed."""
    return root / f".pending-{step:08d}"


def begin(root: Path, step: int) -> Path:
    """An empty folder for the files of a checkpoint."""
    pending = pending_of(root, step)
    shutil.rmtree(pending, ignore_errors=True)
    pending.mkdir(parents=True)
    return pending


def commit(root: Path, step: int, keep: int, best: int | None = None) -> Path:
    """Makes the pending checkpoint of `step` the newest one and removes all but the last `keep` and step `best`."""
    pending, final = pending_of(root, step), folder_of(root, step)
    files = {}
    for path in sorted(p for p in pending.rglob("*") if p.is_file()):
        files[path.relative_to(pending).as_posix()] = _sha256(path)
        _sync(path)
    record = pending / COMMIT
    record.write_text(json.dumps({"step": step, "files": files}, indent=1, sort_keys=True))
    _sync(record)
    _sync(pending)
    shutil.rmtree(final, ignore_errors=True)
    os.replace(pending, final)
    _sync(root)
    for old in committed(root)[:-keep]:
        if old != best:
            shutil.rmtree(folder_of(root, old))
    return final


def committed(root: Path) -> list[int]:
    """Steps of the committed checkpoints, ascending. What lacks a commit record was never finished."""
    if not root.is_dir():
        return []
    matches = [(_NAME.fullmatch(p.name), p) for p in root.iterdir()]
    return sorted(int(m[1]) for m, p in matches if m and (p / COMMIT).is_file())


def newest(root: Path) -> tuple[Path | None, list[str]]:
    """The newest committed checkpoint whose bytes are as they were written, and what is wrong with those after it:
    the caller says that aloud, because the steps in between are done again."""
    complaints = []
    for step in reversed(committed(root)):
        folder = folder_of(root, step)
        try:
            verify(folder)
        except CorruptCheckpoint as error:
            complaints.append(str(error))
        else:
            return folder, complaints
    return None, complaints


def verify(folder: Path) -> None:
    """Compares every file with the commit record. Raises CorruptCheckpoint."""
    cure = "the one before it is used"
    try:
        files = dict(json.loads((folder / COMMIT).read_text())["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptCheckpoint("the commit record does not parse", where=str(folder / COMMIT), cure=cure) from error
    for name, digest in files.items():
        path = folder / name
        if not path.is_file():
            raise CorruptCheckpoint("the file is missing", where=str(path), cure=cure)
        if _sha256(path) != digest:
            raise CorruptCheckpoint("its bytes differ from the commit record", where=str(path), cure=cure)


def clear_pending(root: Path) -> None:
    """Removes what killed runs left half-written."""
    for path in root.glob(".pending-*"):
        shutil.rmtree(path, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
