"""Curation's worker in the engine: a source is opened, and a long one done piece by piece. What happens to its frames
is `process`'s and `piece`'s business."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from talkie.curation.config import CurateConfig
from talkie.curation.engine import Brief, Unit
from talkie.curation.hearing import Words
from talkie.curation.outcome import Outcome, merged
from talkie.curation.process import Curator
from talkie.curation.sources import Source
from talkie.curation.staging import Staging
from talkie.errors import InternalError, TalkieError

OPEN, PIECE, CLOSE = "open", "piece", "close"
_WORDS = "words.json"
_TEXTS = TypeAdapter(dict[int, Words])

WORK_BYTES = 300 * 2**20
"""An allowance for what frames, crops, encoders and sound of one piece hold beside a fresh worker; what it really
holds is the watchdog's affair, which ends a worker before the run's limit is passed."""


@dataclass(frozen=True)
class Note:
    """What a worker tells of a unit; the work itself lies staged on disk."""

    clips: int = 0
    footage_s: float = 0.0
    drops: dict[str, int] | None = None
    decoded: int = 0
    needed: int = 0
    encodes: int = 0


@dataclass(frozen=True)
class Stretch:
    """A piece of a source, as the payload of its unit."""

    source: Source
    number: int
    start_s: float
    end_s: float | None
    pieces: int

    @property
    def part(self) -> str:
        return f"{PIECE}-{self.number:04d}"


def units(sources: Iterable[Source]) -> Iterator[Unit]:
    """One unit a source to begin with, the largest first: the last core to finish then finishes early."""
    for source in sorted(sources, key=lambda s: (-s.size, s.uri)):
        yield Unit(f"{source.key}:{OPEN}", source.key, OPEN, WORK_BYTES, payload=source)


@dataclass(frozen=True)
class CuratorFactory:
    """Makes workers that stage into `out`; on a cluster of several machines it must be on a shared disk."""

    config: CurateConfig
    out: str
    settings_digest: str

    def __call__(self) -> CuratorWorker:
        import cv2

        cv2.setNumThreads(1)
        staging = Staging(Path(self.out), self.settings_digest)
        return CuratorWorker(self._of_frames() if self.config.recipe.shows == "frame" else self._of_faces(), staging)

    def _of_frames(self) -> Curator:
        return Curator(self.config, None, self.settings_digest, filters=self.config.recipe.judges())

    def _of_faces(self) -> Curator:
        import torch

        from talkie.curation.annotators import annotators_of
        from talkie.curation.draft import Toolbox
        from talkie.heads import builtin_head

        torch.set_num_threads(1)
        model = builtin_head()
        annotators = annotators_of(self.config.recipe, Toolbox(model, self.config.models))
        return Curator(self.config, model, self.settings_digest, annotators, self.config.recipe.judges())


@dataclass(frozen=True)
class CuratorWorker:
    curator: Curator
    staging: Staging

    def work(self, unit: Unit) -> Brief:
        steps: dict[str, Callable[[Unit], Brief]] = {OPEN: self._open, PIECE: self._piece, CLOSE: self._close}
        try:
            return steps[unit.step](unit)
        except TalkieError:
            raise
        except OSError:
            raise
        except Exception as error:  # a fault of ours may not stop the other sources
            where = traceback.extract_tb(error.__traceback__)[-1]
            raise InternalError(f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})") from error

    def _open(self, unit: Unit) -> Brief:
        """A source that fits one piece is done at once; else its words are placed, and pieces and their end follow."""
        source: Source = unit.payload
        with source.local(self.staging.spool) as local, tempfile.TemporaryDirectory(prefix="talkie-sound-") as sounds:
            opened = self.curator.open(local, Path(sounds))
            bounds = self.curator.pieces(opened)
            if len(bounds) == 1:
                outcome = self.curator.closed(source, self.curator.piece(opened))
                self.staging.put(source.key, outcome)
                return Brief(note(outcome))
        words = _TEXTS.dump_json(opened.words)
        self.staging.put_part(source.key, OPEN, Outcome(), {_WORDS: words})
        return Brief(Note(), tuple(_further(source, bounds)))

    def _piece(self, unit: Unit) -> Brief:
        stretch: Stretch = unit.payload
        source = stretch.source
        if self.staging.has_part(source.key, stretch.part):
            return Brief(note(self.staging.get_part(source.key, stretch.part)))
        words = _TEXTS.validate_json(self.staging.file(source.key, OPEN, _WORDS))
        with source.local(self.staging.spool) as local, tempfile.TemporaryDirectory(prefix="talkie-sound-") as sounds:
            outcome = self.curator.piece(self.curator.open(local, Path(sounds), words), stretch.start_s, stretch.end_s)
        self.staging.put_part(source.key, stretch.part, outcome)
        return Brief(note(outcome))

    def _close(self, unit: Unit) -> Brief:
        last: Stretch = unit.payload
        source = last.source
        parts = [f"{PIECE}-{number:04d}" for number in range(last.pieces)]
        whole = self.curator.closed(source, merged([self.staging.get_part(source.key, part) for part in parts]))
        self.staging.put_part(source.key, CLOSE, Outcome(entries=whole.entries[-1:]))
        self.staging.close(source.key, [*parts, CLOSE])
        return Brief(Note())


def note(outcome: Outcome) -> Note:
    drops: dict[str, int] = {}
    for entry in outcome.entries:
        if entry.status == "drop" and entry.cause is not None:
            drops[entry.cause] = drops.get(entry.cause, 0) + 1
    return Note(len(outcome.clips), outcome.footage_s, drops, outcome.decoded, outcome.needed, outcome.encodes)


def _further(source: Source, bounds: list[tuple[float, float | None]]) -> Iterator[Unit]:
    """The pieces of a long source, and the unit that ends it after all of them."""
    stretches = [Stretch(source, n, start_s, end_s, len(bounds)) for n, (start_s, end_s) in enumerate(bounds)]
    keys = tuple(f"{source.key}:{stretch.part}" for stretch in stretches)
    for key, stretch in zip(keys, stretches, strict=True):
        yield Unit(key, source.key, PIECE, WORK_BYTES, payload=stretch)
    yield Unit(f"{source.key}:{CLOSE}", source.key, CLOSE, 0, keys, stretches[-1])
