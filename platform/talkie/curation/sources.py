"""Finds footage: files, folders and globs become sources with their sidecars and digests. Nothing is decoded here."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie.errors import BadInput
from talkie.media import sha256_file

VIDEO_SUFFIXES = frozenset(
    (
        ".3gp",
        ".avi",
        ".flv",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".ogv",
        ".ts",
        ".webm",
        ".wmv",
    )
)
AUDIO_SUFFIXES = frozenset((".aac", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"))
SIDECAR_AUDIO = (".wav", ".flac")
"""Suffixes of sound beside a video of the same name; the first that exists counts."""


@dataclass(frozen=True)
class SourceFile:
    """A file to curate with what lies beside it: sound, transcript and facts (JSON) of the same name.

    `sha256`: digest of the file alone; `key`: of the file and its sidecars, which is what the ledger knows a
    source by, so that a corrected transcript makes a source new. `trouble`: why it cannot even be read.
    """

    path: Path
    sha256: str
    key: str
    size: int
    audio: Path | None = None
    transcript: Path | None = None
    facts: Path | None = None
    trouble: str | None = None

    @property
    def uri(self) -> str:
        # Through bytes, because a name on disk need not be UTF-8.
        return _printable(self.path)

    @property
    def name(self) -> str:
        return _printable(Path(self.path.name))


def discover(sources: Iterable[str | Path]) -> list[SourceFile]:
    """Every file to curate, sorted by path. Raises BadInput for a path that does not exist or holds no footage.

    A folder is searched for video and sound by suffix, without hidden files and links to folders; a glob may use
    `**`. A named file is taken whatever its suffix. Sound beside a video of the same name is that video's.
    """
    found: dict[Path, None] = {}
    for source in sources:
        paths = list(_expand(source))
        if not paths:
            raise BadInput(
                "holds no footage",
                where=str(source),
                cure=f"give videos ({', '.join(sorted(VIDEO_SUFFIXES)[:7])} ...) or a folder of them",
            )
        found.update(dict.fromkeys(paths))
    if not found:
        raise BadInput("no source was named", cure="give a file, a folder or a glob")
    videos = {path.with_suffix("") for path in found if path.suffix.lower() not in AUDIO_SUFFIXES}
    files = [p for p in found if not (p.suffix.lower() in SIDECAR_AUDIO and p.with_suffix("") in videos)]
    return [_describe(path) for path in sorted(files)]


def _expand(source: str | Path) -> Iterator[Path]:
    """Absolute paths of one argument. A name that exists is never read as a pattern."""
    path = Path(source)
    if path.is_dir():
        yield from _walk(path)
    elif os.path.lexists(path):
        yield Path(os.path.abspath(path))
    elif glob.has_magic(str(source)):
        for match in sorted(glob.glob(str(source), recursive=True)):
            inner = Path(match)
            if inner.is_dir():
                yield from _walk(inner)
            elif inner.suffix.lower() in VIDEO_SUFFIXES | AUDIO_SUFFIXES:
                yield Path(os.path.abspath(inner))
    else:
        raise BadInput("no such file or folder", where=str(source))


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(os.path.abspath(folder)):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in VIDEO_SUFFIXES | AUDIO_SUFFIXES:
                yield Path(parent, name)
        # A folder that is named like a video deserves a word, unless it is one of those that hold some.
        for name in folders:
            inner = Path(parent, name)
            if inner.suffix.lower() in VIDEO_SUFFIXES and not any(_walk(inner)):
                yield inner


def _describe(path: Path) -> SourceFile:
    audio = transcript = facts = None
    if path.suffix.lower() not in AUDIO_SUFFIXES:
        audio, transcript, facts = _beside(path, *SIDECAR_AUDIO), _beside(path, ".txt"), _beside(path, ".json")
    try:
        sha256 = sha256_file(path)
        sidecars = {"audio": audio, "transcript": transcript, "facts": facts}
        digests = [sha256, *(f"{kind} {sha256_file(p)}" for kind, p in sidecars.items() if p is not None)]
        size = path.stat().st_size
    except OSError as error:
        # Without content the place itself is the identity, so that the next run knows it again.
        place = hashlib.sha256(b"unreadable|" + os.fsencode(path)).hexdigest()
        return SourceFile(path, place, place, 0, trouble=f"cannot be read: {error.strerror}")
    key = sha256 if len(digests) == 1 else hashlib.sha256("|".join(digests).encode()).hexdigest()
    return SourceFile(path, sha256, key, size, audio, transcript, facts)


def _beside(path: Path, *suffixes: str) -> Path | None:
    """The first existing file of the same name with one of the suffixes."""
    beside = (path.with_suffix(suffix) for suffix in suffixes)
    return next((other for other in beside if other.is_file() and other != path), None)


def _printable(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
