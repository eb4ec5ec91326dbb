"""Counts what the engine reports while a run goes on, passed on as events. How they are shown is the caller's."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from talkie.curation.engine import EngineStatus
from talkie.curation.sources import Source
from talkie.curation.worker import Note
from talkie.errors import TalkieError


@dataclass(frozen=True)
class CurationEvent:
    """Progress. `done` of `total` new sources are finished, `failed` of them dead, with `clips` clips out of
    `footage_s` seconds of footage, at `rate` seconds of footage a second; `eta_s` goes by bytes. drops: by reason;
    dead: by cause; status: of the engine, where it has just told it."""

    kind: Literal["found", "started", "finished", "status", "settling", "settled"]
    source: str | None
    cause: str | None
    done: int
    total: int
    failed: int
    clips: int
    footage_s: float
    rate: float
    eta_s: float | None
    drops: dict[str, int] = field(default_factory=dict)
    dead: dict[str, int] = field(default_factory=dict)
    status: EngineStatus | None = None


class Progress:
    """The counts of one run."""

    def __init__(self, todo: Sequence[Source], on_event: Callable[[CurationEvent], None], began: float) -> None:
        self._on_event, self._began = on_event, began
        self._bytes, self._bytes_done = sum(source.size for source in todo), 0
        self._worked: tuple[float, float] | None = None
        self.total, self.done, self.failed, self.clips, self.footage_s = len(todo), 0, 0, 0, 0.0
        self.decoded = self.needed = self.encodes = 0
        self.drops: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()
        self.peak_bytes = 0

    @property
    def work_s(self) -> float:
        """Seconds from the first unit that began to the last that ended."""
        return 0.0 if self._worked is None else self._worked[1] - self._worked[0]

    def found(self) -> None:
        self._tell("found")

    def started(self, source: Source) -> None:
        self._touch()
        self._tell("started", source)

    def noted(self, note: Note) -> None:
        """What a unit gave."""
        self._touch()
        self.clips += note.clips
        self.footage_s += note.footage_s
        self.decoded, self.needed = self.decoded + note.decoded, self.needed + note.needed
        self.encodes += note.encodes
        self.drops.update(note.drops or {})

    def finished(self, source: Source) -> None:
        self.done += 1
        self._bytes_done += source.size
        self._tell("finished", source)

    def died(self, source: Source, error: TalkieError) -> None:
        self._touch()
        self.done += 1
        self.failed += 1
        self.dead[error.cause] += 1
        self._bytes_done += source.size
        self._tell("finished", source, error.cause)

    def status(self, status: EngineStatus) -> None:
        self.peak_bytes = max(self.peak_bytes, status.rss_peak)
        self._tell("status", status=status)

    def settling(self) -> None:
        self._tell("settling")

    def settled(self, dropped: Mapping[str, int]) -> None:
        """Clips that only all sources together told to drop, by cause."""
        self.drops.update(dropped)
        self._tell("settled")

    def _touch(self) -> None:
        now = time.monotonic()
        self._worked = (now if self._worked is None else self._worked[0], now)

    def _tell(
        self,
        kind: Literal["found", "started", "finished", "status", "settling", "settled"],
        source: Source | None = None,
        cause: str | None = None,
        status: EngineStatus | None = None,
    ) -> None:
        elapsed = time.monotonic() - self._began
        left = self._bytes - self._bytes_done
        self._on_event(
            CurationEvent(
                kind=kind,
                source=source.name if source else None,
                cause=cause,
                done=self.done,
                total=self.total,
                failed=self.failed,
                clips=self.clips,
                footage_s=self.footage_s,
                rate=self.footage_s / elapsed if elapsed > 0 else 0.0,
                eta_s=elapsed * left / self._bytes_done if self._bytes_done else None,
                drops=dict(self.drops),
                dead=dict(self.dead),
                status=status,
            )
        )
