"""One source from file to clips: track, crop, fit, listen, encode. Who calls it, and on which machine, is not here."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from talkie.clip import FPS, Split, split_of
from talkie.curation.assemble import Prepared, assemble
from talkie.curation.config import CurateConfig
from talkie.curation.hearing import Hearing, hear
from talkie.curation.sources import SourceFile
from talkie.curation.stretches import Coverage, Stretch, cut, face_frames
from talkie.errors import BadInput, NoFace, NoVideo, TalkieError, TooShort, UnreadableMedia
from talkie.faces import tracker_version
from talkie.heads.fitting import LandmarkBasis, landmark_basis
from talkie.heads.model import HeadModel
from talkie.licences import licence_of
from talkie.media import encode_mp4, probe, read_video
from talkie.shards import LedgerEntry, RawClip


class Facts(BaseModel):
    """The sidecar NAME.json: what the files themselves cannot tell. Identities decide over splits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identity: str | None = None
    language: str = "und"
    licence: str = "unknown"
    consent: str = "unknown"
    split: Split | None = None

    @field_validator("licence")
    @classmethod
    def _known_licence(cls, value: str) -> str:
        try:
            return licence_of(value).name
        except BadInput as error:
            raise ValueError(str(error)) from error


@dataclass
class Outcome:
    """What became of a source: its clips, and the ledger's lines, the last of which closes it."""

    clips: list[RawClip] = field(default_factory=list)
    entries: list[LedgerEntry] = field(default_factory=list)
    footage_s: float = 0.0


class Curator:
    """Turns sources into clips. Holds what all of them share: settings, the head model, its landmark basis."""

    def __init__(self, config: CurateConfig, model: HeadModel, settings_digest: str) -> None:
        self.config, self.model, self.settings_digest = config, model, settings_digest
        self._basis: LandmarkBasis | None = None

    @property
    def basis(self) -> LandmarkBasis:
        if self._basis is None:
            self._basis = landmark_basis(self.model)
        return self._basis

    def process(self, source: SourceFile) -> Outcome:
        """Never raises for a source's own fault: that is a dead letter, with the step at which it happened."""
        attempt = _Attempt(source, self.config)
        try:
            return self._curate(attempt)
        except TalkieError as error:
            return self._dead(attempt, error.cause, str(error))
        except Exception as error:  # the one place where a fault of ours may not stop the other sources
            where = traceback.extract_tb(error.__traceback__)[-1]
            message = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
            return self._dead(attempt, "internal_error", message)

    def _curate(self, attempt: _Attempt) -> Outcome:
        source, config = attempt.source, self.config
        facts, hearing = self._examine(attempt)
        outcome = Outcome()
        coverage = Coverage()
        attempt.step = "track"
        stream = read_video(source.path, FPS, max_seconds=config.max_source_s, on_damage=attempt.note_damage)
        for stretch, crops in cut(face_frames(stream, config, coverage), config):
            mp4 = encode_mp4(crops, FPS)
            if len(stretch) < config.min_frames:
                outcome.entries.append(self._drop_short(attempt, stretch))
                continue
            attempt.step = "fit"
            prepared = Prepared(source, facts, stretch, mp4, attempt.damaged)
            clip, notes = assemble(prepared, hearing, config, self.model, self.basis, self.tools())
            outcome.clips.append(clip)
            outcome.entries += [self._entry(attempt, "drop", **note) for note in notes]
            attempt.step = "track"
        outcome.footage_s = coverage.frames / FPS
        if coverage.frames < config.min_frames:
            raise TooShort(
                f"{coverage.frames} frame{'s' * (coverage.frames != 1)}, a clip needs {config.min_frames}",
                where=source.name,
            )
        if len(coverage.lost) == coverage.frames:
            raise NoFace(f"no face in any of {coverage.frames} frames", where=source.name)
        outcome.entries += [self._drop_faceless(attempt, span) for span in _spans(coverage.lost)]
        outcome.entries.append(self._entry(attempt, "done", clips=[clip.record.id for clip in outcome.clips]))
        return outcome

    def _examine(self, attempt: _Attempt) -> tuple[_Known, Hearing]:
        """What the source says of itself, and its sound."""
        source = attempt.source
        attempt.step = "probe"
        if source.trouble is not None:
            raise UnreadableMedia(source.trouble, where=source.name)
        info = probe(source.path)
        if info.video is None:
            raise NoVideo("holds sound only", where=source.name, cure="put it beside a video of the same name")
        if info.sha256 != source.sha256:
            raise UnreadableMedia("changed while it was being read", where=source.name, cure="run again")
        facts = _facts(source)
        attempt.step = "listen"
        return facts, hear(source, self.config.max_source_s, attempt.note_damage)

    def tools(self) -> dict[str, str]:
        names = {"talkie": "talkie", "alignment": "pocketsphinx", "decoder": "av"}
        found = {kind: f"{package} {version(package)}" for kind, package in names.items()}
        return {**found, "landmarks": tracker_version(), "head": self.model.name}

    def _dead(self, attempt: _Attempt, cause: str, message: str) -> Outcome:
        return Outcome(entries=[self._entry(attempt, "dead", cause=cause, message=message, step=attempt.step)])

    def _drop_short(self, attempt: _Attempt, stretch: Stretch) -> LedgerEntry:
        start, end = stretch.indices[0] / FPS, (stretch.indices[-1] + 1) / FPS
        message = f"a face for {end - start:.2f} s, a clip needs {self.config.min_clip_s:g} s"
        return self._entry(
            attempt, "drop", cause="short_stretch", message=message, step="track", start_s=start, end_s=end
        )

    def _drop_faceless(self, attempt: _Attempt, span: tuple[int, int]) -> LedgerEntry:
        start, end = span[0] / FPS, span[1] / FPS
        message = f"no face for {end - start:.2f} s"
        return self._entry(attempt, "drop", cause="no_face", message=message, step="track", start_s=start, end_s=end)

    def _entry(self, attempt: _Attempt, status: Any, **values: Any) -> LedgerEntry:
        source = attempt.source
        return LedgerEntry(
            sha256=source.key,
            name=source.name,
            uri=source.uri,
            status=status,
            versions=self.tools(),
            settings=self.settings_digest,
            **values,
        )


@dataclass
class _Attempt:
    """Where the work on a source stands, for the ledger."""

    source: SourceFile
    config: CurateConfig
    step: str = "probe"
    damaged: int = 0

    def note_damage(self, reached_s: float, cause: str) -> None:
        self.damaged += 1


@dataclass(frozen=True)
class _Known:
    identity: str
    language: str
    licence: str
    consent: str
    split: Split


def _facts(source: SourceFile) -> _Known:
    """Sidecar facts with their defaults: without one, each file's content is an identity of its own."""
    facts = Facts()
    if source.facts is not None:
        try:
            facts = Facts.model_validate(json.loads(source.facts.read_bytes()))
        except (ValidationError, ValueError) as error:
            first = str(error).splitlines()
            raise BadInput(" ".join(first[:3]), where=source.facts.name, cure="correct the sidecar") from error
    identity = facts.identity or f"source-{source.sha256[:12]}"
    return _Known(identity, facts.language, facts.licence, facts.consent, facts.split or split_of(identity))


def _spans(indices: list[int]) -> Iterator[tuple[int, int]]:
    """Runs of consecutive numbers as (first, last + 1)."""
    if not indices:
        return
    breaks = np.flatnonzero(np.diff(indices) > 1)
    starts = [indices[0], *(indices[b + 1] for b in breaks)]
    ends = [*(indices[b] for b in breaks), indices[-1]]
    yield from ((start, end + 1) for start, end in zip(starts, ends, strict=True))
