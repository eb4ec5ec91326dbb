"""What a stretch of a source has given so far, and how a clip is kept or a reason noted; no frame is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from talkie.clip import FPS
from talkie.curation.judgement.filters import FILTERS, Facts, Filter, Reason, judge_all
from talkie.curation.opened import Opened
from talkie.curation.outcome import spans
from talkie.curation.scenes import Coverage
from talkie.shards import LedgerEntry, RawClip

Entry = Callable[..., LedgerEntry]
"""Writes a ledger line of the source: called with a status and the line's other values by name."""


@dataclass
class Work:
    """What a piece has given so far."""

    opened: Opened
    entry: Entry
    clips: list[RawClip] = field(default_factory=list)
    drops: list[LedgerEntry] = field(default_factory=list)
    encodes: int = 0
    damaged: int = 0

    def note_damage(self, reached_s: float, cause: str) -> None:
        self.damaged += 1

    def drop(self, first: int, last: int, cause: str, message: str, step: str) -> None:
        """A line for the frames [first, last)."""
        line = self.entry("drop", cause=cause, message=message, step=step, start_s=first / FPS, end_s=last / FPS)
        self.drops.append(line)

    def in_order(self) -> list[LedgerEntry]:
        return sorted(self.drops, key=lambda drop: (drop.start_s or 0.0, drop.end_s or 0.0, drop.cause or ""))


def judge(clip: RawClip, filters: Sequence[Filter], work: Work) -> None:
    """Keep a clip, or say which filters are against it."""
    record = clip.record
    facts = Facts(record.seconds, record.language, record.licence, record.consent, record.labels)
    against = [reason for reason in judge_all(tuple(filters), record.scores, facts) if reason.drops]
    if not against:
        work.clips.append(clip)
        return
    work.drops.append(
        work.entry(
            "drop",
            cause=against[0].name,
            message="; ".join(reason.message for reason in against),
            values=_measured(against[0]),
            step="judge",
            start_s=record.source.start_s,
            end_s=record.source.end_s,
        )
    )


def explain(coverage: Coverage, work: Work) -> None:
    """Lines for transitions between shots, and for words that did not fit the sound."""
    for first, last in spans(coverage.transitions):
        message = f"a transition between shots of {(last - first) / FPS:.2f} s"
        work.drop(first, last, "transition", message, "shots")
    for words in work.opened.words.values():
        if words.failure is not None:
            message = f"transcript left out: {words.failure}"
            work.drops.append(work.entry("drop", cause="alignment_failed", message=message, step="listen"))


def _measured(reason: Reason) -> dict[str, float]:
    """The score that a filter took exception to, and what it had to be."""
    values = {FILTERS[reason.name].needs[0] if FILTERS[reason.name].needs else reason.name: reason.value}
    values["threshold"] = reason.threshold
    return {name: value for name, value in values.items() if value is not None}
