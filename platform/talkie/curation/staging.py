"""Finished work on its way to the shards: one folder a source, complete from the moment it has its name."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from talkie.clip import ClipRecord
from talkie.curation.outcome import Outcome, merged
from talkie.errors import DISK_FULL_ERRNOS, BadInput, DiskFull, MissingField
from talkie.shards import LedgerEntry, RawClip

STAGING_NAME = ".staging"
_MANIFEST = "outcome.json"
_PARTS = "parts.json"
_OPEN = "open"
_DONE = "done"
_SPOOL = "tmp-spool"
_TEMPORARY = "tmp-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

WHOLE = "whole"
"""Name of the part of a source that was done in one piece."""


class Costs(BaseModel):
    """What an outcome counts beside its clips and lines."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    footage_s: float = 0.0
    faceless: int = 0
    decoded: int = 0
    needed: int = 0
    encodes: int = 0


class StagedOutcome(BaseModel):
    """The manifest of a part: the ledger's lines, the records of its clips with their members, and its other files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entries: list[LedgerEntry]
    clips: list[tuple[ClipRecord, list[str]]]
    costs: Costs = Costs()
    files: list[str] = []


class Staging:
    """The folder `.staging` of an output folder; work under other settings is neither seen nor kept.

    A source is done in parts, by any number of processes, each complete by one rename: `open/SOURCE/PART`. When the
    last part is there, one more rename makes the source count: `done/SOURCE`. A process killed in between leaves what
    is complete, and `tmp-` folders that the next `prepare` removes. Writers raise DiskFull where there is no room.
    """

    def __init__(self, out: Path, settings_digest: str) -> None:
        self.root = out / STAGING_NAME
        self.folder = self.root / settings_digest[:16]
        self.spool = self.folder / _SPOOL
        self._open, self._done = self.folder / _OPEN, self.folder / _DONE

    def prepare(self) -> None:
        """Make the folder; throw away half-written work and that of other settings. OSError if not writable."""
        for folder in (self._open, self._done):
            folder.mkdir(parents=True, exist_ok=True)
        for other in self.root.iterdir():
            if other != self.folder:
                shutil.rmtree(other)
        for leftover in self.folder.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(leftover)
        for unfinished in self._unfinished():
            unfinished.unlink(missing_ok=True)

    def _unfinished(self) -> list[Path]:
        """Hidden files of the output folder that a writer was killed over."""
        hidden = [path for path in self.root.parent.glob(".*") if path.is_file()]
        return [path for path in hidden if path.suffix == ".tmp" or path.name.startswith(".shard-")]

    # -- writing

    def put(self, key: str, outcome: Outcome) -> None:
        """A source's outcome in one piece. It takes the place of parts that were there; a second copy is dropped."""
        if not (self._done / key).exists():
            self.put_part(key, WHOLE, outcome)
            self.close(key, [WHOLE])

    def put_part(self, key: str, part: str, outcome: Outcome, files: Mapping[str, bytes] | None = None) -> None:
        """A part of a source, complete at once; a second copy is dropped. `files`: what later parts want of it."""
        _check_name(part)
        if (self._open / key / part).exists() or (self._done / key).exists():
            return
        manifest = StagedOutcome(
            entries=outcome.entries,
            clips=[(clip.record, sorted(clip.members)) for clip in outcome.clips],
            costs=Costs(**{name: getattr(outcome, name) for name in Costs.model_fields}),
            files=sorted(files or {}),
        )
        with self._appears_as(self._open / key / part) as folder:
            for clip in outcome.clips:
                for name, data in clip.members.items():
                    _write(folder / f"{clip.record.id}.{name}", data)
            for name, data in (files or {}).items():
                _check_name(name)
                _write(folder / f"file.{name}", data)
            _write(folder / _MANIFEST, manifest.model_dump_json().encode())

    def close(self, key: str, parts: Sequence[str]) -> None:
        """The source is complete and consists of these parts in this order; other parts of it are removed."""
        if (self._done / key).exists():
            return
        missing = set(parts) - self.parts(key)
        if missing:
            raise MissingField(f"part {min(missing)} was never staged", where=key)
        source = self._open / key
        for part in self.parts(key) - set(parts):
            shutil.rmtree(source / part)
        names = "".join(f"{part}\n" for part in parts)
        with _typed_when_full(source):
            _write(source / f"{_TEMPORARY}{_PARTS}", names.encode())
            os.replace(source / f"{_TEMPORARY}{_PARTS}", source / _PARTS)
            _sync(source)
            _rename_unless_there(source, self._done / key)

    @contextmanager
    def _appears_as(self, final: Path) -> Iterator[Path]:
        """A folder that takes its name when the block ends; where another was first, that one stays."""
        with _typed_when_full(final):
            temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.folder))
            try:
                yield temporary
                _sync(temporary)
                final.parent.mkdir(exist_ok=True)
                _rename_unless_there(temporary, final)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)

    # -- reading

    def keys(self) -> set[str]:
        """Sources whose outcome is complete."""
        return _names(self._done)

    def parts(self, key: str) -> set[str]:
        """Parts of an incomplete source that are there."""
        return _names(self._open / key) - {_PARTS}

    def has_part(self, key: str, part: str) -> bool:
        return (self._done / key).exists() or (self._open / key / part / _MANIFEST).exists()

    def get_part(self, key: str, part: str) -> Outcome:
        """A part of an incomplete source; members of its clips are read from disk when they are asked for."""
        return _outcome(self._open / key / part)

    def file(self, key: str, part: str, name: str) -> bytes:
        """A file that was staged beside a part."""
        return (self._open / key / part / f"file.{name}").read_bytes()

    def get(self, key: str) -> Outcome:
        """A source's outcome, its parts in their order; members are read from disk when they are asked for."""
        folder = self._done / key
        return merged([_outcome(folder / part) for part in (folder / _PARTS).read_text().splitlines()])

    def stored_bytes(self, clip: RawClip) -> int:
        """Bytes of the members of a staged clip, without reading them."""
        members = clip.members
        assert isinstance(members, _StagedMembers), "a clip of this staging"
        return members.size

    # -- removing

    def drop_open(self, key: str) -> None:
        """Forget the parts of a source that is given up."""
        shutil.rmtree(self._open / key, ignore_errors=True)

    def clear(self) -> None:
        """Remove the complete sources, once they are committed; parts of others wait for the next run. One rename
        forgets them all: what is half removed does not count as complete."""
        if self._done.is_dir():
            forgotten = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.folder))
            os.rename(self._done, forgotten)
            _sync(self.folder)
            shutil.rmtree(forgotten)
        if not _names(self._open):
            shutil.rmtree(self.root)


class _StagedMembers(Mapping[str, bytes]):
    """Members of one staged clip by field name."""

    def __init__(self, folder: Path, clip: str, names: list[str]) -> None:
        self._folder, self._clip, self._names = folder, clip, names

    def __getitem__(self, name: str) -> bytes:
        if name not in self._names:
            raise KeyError(name)
        return (self._folder / f"{self._clip}.{name}").read_bytes()

    @property
    def size(self) -> int:
        return sum((self._folder / f"{self._clip}.{name}").stat().st_size for name in self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _outcome(folder: Path) -> Outcome:
    manifest = StagedOutcome.model_validate_json((folder / _MANIFEST).read_bytes())
    clips = [RawClip(record, _StagedMembers(folder, record.id, names)) for record, names in manifest.clips]
    return Outcome(clips, manifest.entries, **manifest.costs.model_dump())


def _names(folder: Path) -> set[str]:
    if not folder.is_dir():
        return set()
    return {path.name for path in folder.iterdir() if not path.name.startswith(_TEMPORARY)}


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} is no name for a part", cure="use letters, digits, '.', '_' and '-'")


def _write(path: Path, data: bytes) -> None:
    """The folder gets its name later, so that the file needs no rename of its own; it must be on disk by then."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _rename_unless_there(folder: Path, final: Path) -> None:
    """Workers of a run that was just killed may still be at the same part for a moment: the first one counts."""
    try:
        os.rename(folder, final)
    except OSError:
        if not final.exists():
            raise
    _sync(final.parent)


def _sync(folder: Path) -> None:
    # A rename survives a power cut only once its directory has been synced as well.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _typed_when_full(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL_ERRNOS:
            raise
        raise DiskFull(
            "the disk is full; what was finished is kept", where=str(path), cure="make room and run again"
        ) from error
