"""Which files are footage by their names, and where one argument of the command line finds them; none is read here."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie.curation.record import SourceRecord
from talkie.storage import Patience, Stat, is_remote, list_prefix, list_uris, local_path, shown

VIDEO_SUFFIXES = frozenset(
    (
        ".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts",
        ".webm", ".wmv",
    )
)  # fmt: skip
AUDIO_SUFFIXES = frozenset((".aac", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"))
SIDECAR_AUDIO = (".wav", ".flac")
"""Suffixes of sound beside a video of the same name; the first that exists counts."""
SIDECARS = {"audio": SIDECAR_AUDIO, "transcript": (".txt",), "facts": (".json",)}
_FOOTAGE = VIDEO_SUFFIXES | AUDIO_SUFFIXES


@dataclass(frozen=True, slots=True)
class Found:
    """A place that an argument names. records: what a manifest or an adapter says of it; its sidecars do not count
    then. stat: what a listing told of it. beside: its sidecars (kind, address, stat) in a remote listing; None where
    they are yet to be looked for. skipped: why an adapter passed it over. through: the tables and roots of data sets
    that name it."""

    address: str
    records: tuple[SourceRecord, ...] = ()
    stat: Stat | None = None
    beside: tuple[tuple[str, Stat], ...] | None = None
    skipped: str | None = None
    through: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        return shown(self.address)


def is_footage(name: str) -> bool:
    """Whether a file's name has a suffix of video or sound."""
    return os.path.splitext(name)[1].lower() in _FOOTAGE


def local_footage(argument: str | Path) -> Iterator[Found]:
    """What a path or a glob names; nothing where it names nothing. A name that exists is never read as a pattern, and
    a named file is taken whatever its suffix."""
    path = local_path(argument)
    if path.is_dir():
        yield from _walk(path)
    elif os.path.lexists(path):
        yield Found(os.path.abspath(path))
    else:
        for match in sorted(glob.glob(str(path), recursive=True)):
            if os.path.isdir(match):
                yield from _walk(Path(match))
            elif is_footage(match):
                yield Found(os.path.abspath(match))


def _walk(folder: Path) -> Iterator[Found]:
    for parent, folders, files in os.walk(os.path.abspath(folder)):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and is_footage(name):
                yield Found(os.path.join(parent, name))
        # A folder that is named like a video deserves a word, unless it is one of those that hold some.
        for name in folders:
            inner = Path(parent, name)
            if inner.suffix.lower() in VIDEO_SUFFIXES and not any(_walk(inner)):
                yield Found(str(inner))


def remote_footage(argument: str, patience: Patience) -> Iterator[Found]:
    """What an address, a prefix or a glob of a store names. A web address is one file."""
    if argument.lower().startswith(("http://", "https://")):
        yield Found(argument, beside=())
        return
    entries = list(list_uris(argument, patience=patience))
    if len(entries) == 1 and entries[0].uri == argument:
        stem = _stem(argument)
        around = {entry.uri: entry for entry in list_prefix(f"{stem}.", patience=patience)}
        yield Found(argument, stat=entries[0], beside=_beside(argument, around))
        return
    start = argument if argument.endswith("/") else f"{argument}/"
    if any(entry.uri[: len(start)] != start for entry in entries):  # a glob
        start = f"{re.split('[*?[]', argument)[0].rpartition('/')[0]}/"
    # A pattern may match the videos and not what lies beside them.
    around = {e.uri: e for e in list_prefix(start, patience=patience)}
    for entry in entries:
        hidden = any(part.startswith(".") for part in entry.uri[len(start) :].split("/"))
        if is_footage(entry.uri) and not hidden:
            yield Found(entry.uri, stat=entry, beside=_beside(entry.uri, around))


def _beside(uri: str, around: dict[str, Stat]) -> tuple[tuple[str, Stat], ...]:
    if _has(uri, AUDIO_SUFFIXES):
        return ()
    stem = _stem(uri)
    found = []
    for kind, suffixes in SIDECARS.items():
        entry = next((around[stem + s] for s in suffixes if stem + s in around and stem + s != uri), None)
        if entry is not None:
            found.append((kind, entry))
    return tuple(found)


def local_sidecars(address: str) -> tuple[tuple[str, str], ...]:
    """(kind, path) of what lies beside a local file of the same name."""
    stem, suffix = os.path.splitext(address)
    if suffix.lower() in AUDIO_SUFFIXES:
        return ()
    found = []
    for kind, suffixes in SIDECARS.items():
        others = (stem + suffix for suffix in suffixes)
        place = next((other for other in others if other != address and os.path.isfile(other)), None)
        if place is not None:
            found.append((kind, place))
    return tuple(found)


def without_sidecars(found: dict[str, Found]) -> Iterator[Found]:
    """Those that are not the sound of another: sound beside a video of the same name is that video's."""
    videos = {_stem(a) for a, f in found.items() if not f.skipped and not _has(a, AUDIO_SUFFIXES)}
    for address, entry in found.items():
        if entry.records or entry.skipped or not _has(address, SIDECAR_AUDIO) or _stem(address) not in videos:
            yield entry


def _has(address: str, suffixes: Collection[str]) -> bool:
    return os.path.splitext(address)[1].lower() in suffixes


def _stem(address: str) -> str:
    return os.path.splitext(address)[0]


def is_pattern(argument: str | Path) -> bool:
    """Whether an argument is a glob: it has magic and nothing of its name exists."""
    return not is_remote(argument) and glob.has_magic(str(argument)) and not os.path.lexists(local_path(argument))
