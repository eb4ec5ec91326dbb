"""Curation of one source, whole or by pieces, with its lines of the ledger. Which machine does it is not here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkie.clip import FPS
from talkie.curation.config import CurateConfig
from talkie.curation.draft import Annotator
from talkie.curation.hearing import Words
from talkie.curation.judgement.filters import Filter
from talkie.curation.opened import Opened, open_source
from talkie.curation.outcome import Outcome, merged
from talkie.curation.sources import Source
from talkie.errors import NoFace, TooShort, at_step
from talkie.media import piece_bounds
from talkie.shards import LedgerEntry

if TYPE_CHECKING:
    from talkie.curation.piece import PieceMaker
    from talkie.curation.whole import WholeMaker
    from talkie.heads.model import HeadModel


class Curator:
    """Turns sources into clips. Holds what all of them share: settings, the head model, annotators and filters.

    model: None where the recipe shows whole frames, which need none."""

    def __init__(
        self,
        config: CurateConfig,
        model: HeadModel | None,
        settings_digest: str,
        annotators: Sequence[Annotator] = (),
        filters: Sequence[Filter] = (),
    ) -> None:
        self.config, self._settings = config, settings_digest
        names = {"talkie": "talkie", "phones.json": "pocketsphinx", "decoder": "av"}
        self._tools = {kind: f"{package} {version(package)}" for kind, package in names.items()}
        self._maker = self._of_frames(filters) if model is None else self._of_faces(model, annotators, filters)

    def _of_frames(self, filters: Sequence[Filter]) -> WholeMaker:
        from talkie.curation.whole import WholeMaker

        return WholeMaker(self.config, filters, self._tools)

    def _of_faces(self, model: HeadModel, annotators: Sequence[Annotator], filters: Sequence[Filter]) -> PieceMaker:
        # Late: a worker that makes clips of whole frames starts without torch, the tracker and the fit.
        from talkie.curation.finish import Finisher
        from talkie.curation.piece import PieceMaker
        from talkie.faces import tracker_version
        from talkie.heads.fitting import landmark_basis

        self._tools |= {"landmarks.npy": tracker_version(), "head.npz": model.name}
        finisher = Finisher(self.config, model, landmark_basis(model), annotators, self._tools)
        return PieceMaker(self.config, finisher, annotators, filters)

    def open(self, source: Source, folder: Path, words: dict[int, Words] | None = None) -> Opened:
        """See `open_source`; the source must be local."""
        return open_source(source, self.config, folder, words)

    def pieces(self, opened: Opened) -> list[tuple[float, float | None]]:
        """The stretches (start_s, end_s) in which a source is worked on; the last has no end."""
        return piece_bounds(opened.source.path, self.config.piece_s, info=opened.info.video)

    def piece(self, opened: Opened, start_s: float = 0.0, end_s: float | None = None) -> Outcome:
        """The clips of one stretch, without the line that closes the source."""

        def entry(status: Any, **values: Any) -> LedgerEntry:
            return self.entry(opened.source, status, **values)

        with at_step("track"):
            return self._maker.make(opened, entry, start_s, end_s)

    def process(self, source: Source, folder: Path) -> Outcome:
        """A whole source in one go. Raises what is wrong with it."""
        with source.local(folder) as local:
            opened = self.open(local, folder)
            return self.closed(source, merged([self.piece(opened, *bounds) for bounds in self.pieces(opened)]))

    def closed(self, source: Source, outcome: Outcome) -> Outcome:
        """The outcome of all pieces with the line that closes the source. Raises NoFace or TooShort where it is of no
        use at all."""
        frames, least = round(outcome.footage_s * FPS), self.config.min_frames
        with at_step("track"):
            if frames < least:
                raise TooShort(f"{frames} frame{'s' * (frames != 1)}, a clip needs {least}", where=source.name)
            if outcome.faceless == frames:
                raise NoFace(f"no face in any of {frames} frames", where=source.name)
        done = self.entry(source, "done", clips=[clip.record.id for clip in outcome.clips])
        return replace(outcome, entries=[*outcome.entries, done])

    def entry(self, source: Source, status: Any, **values: Any) -> LedgerEntry:
        """A line of the ledger."""
        return LedgerEntry(
            sha256=source.key,
            input_sha256=source.sha256,
            name=source.name,
            uri=source.uri,
            given=source.through,
            status=status,
            versions=self._tools,
            settings=self._settings,
            **values,
        )
