"""Finished work on its way to the shards: one folder a source, complete from the moment it has its name."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from talkie.clip import ClipRecord
from talkie.curation.process import Outcome
from talkie.shards import LedgerEntry, RawClip
from talkie.shards.atomic import write_atomically

STAGING_NAME = ".staging"
_MANIFEST = "outcome.json"
_TEMPORARY = "tmp-"


class StagedOutcome(BaseModel):
    """The manifest of a staged source: the ledger's lines, and the records of its clips with their members."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entries: list[LedgerEntry]
    clips: list[tuple[ClipRecord, list[str]]]
    footage_s: float


class Staging:
    """The folder `.staging` of an output folder; work under other settings is neither seen nor kept."""

    def __init__(self, out: Path, settings_digest: str) -> None:
        self.root = out / STAGING_NAME
        self.folder = self.root / settings_digest[:16]

    def prepare(self) -> None:
        """Make the folder; throw away half-written work and that of other settings. OSError if not writable."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for other in self.root.iterdir():
            if other != self.folder:
                shutil.rmtree(other)
        for leftover in self.folder.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(leftover)

    def put(self, key: str, outcome: Outcome) -> None:
        """Write a source's outcome; the rename at the end is what makes it count. A second copy is dropped."""
        if (self.folder / key).exists():
            return
        temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.folder))
        for clip in outcome.clips:
            for name, data in clip.members.items():
                write_atomically(temporary / f"{clip.record.id}.{name}", data)
        manifest = StagedOutcome(
            entries=outcome.entries,
            clips=[(clip.record, sorted(clip.members)) for clip in outcome.clips],
            footage_s=outcome.footage_s,
        )
        write_atomically(temporary / _MANIFEST, manifest.model_dump_json().encode())
        os.rename(temporary, self.folder / key)

    def keys(self) -> set[str]:
        """Sources whose outcome is complete."""
        if not self.folder.is_dir():
            return set()
        return {p.name for p in self.folder.iterdir() if not p.name.startswith(_TEMPORARY)}

    def get(self, key: str) -> Outcome:
        """A staged outcome; its members are read from disk when they are asked for."""
        folder = self.folder / key
        manifest = StagedOutcome.model_validate_json((folder / _MANIFEST).read_bytes())
        clips = [RawClip(record, _StagedMembers(folder, record.id, names)) for record, names in manifest.clips]
        return Outcome(clips, manifest.entries, manifest.footage_s)

    def clear(self) -> None:
        """Remove all staged work, once it is committed."""
        shutil.rmtree(self.root)


class _StagedMembers(Mapping[str, bytes]):
    """Members of one staged clip by field name."""

    def __init__(self, folder: Path, clip: str, names: list[str]) -> None:
        self._folder, self._clip, self._names = folder, clip, names

    def __getitem__(self, name: str) -> bytes:
        if name not in self._names:
            raise KeyError(name)
        return (self._folder / f"{self._clip}.{name}").read_bytes()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
