"""Filters of what is known of a clip beside its scores: its length, its language, its licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from talkie.curation.judgement.filters.base import Facts, Filter, Reason

Scores = Mapping[str, float]


@dataclass(frozen=True)
class Length(Filter):
    """Seconds of the clip."""

    name: ClassVar[str] = "length"
    least_s: float = 1.0
    most_s: float = 60.0

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        short = self.under(facts.seconds, self.least_s, "{value} s long, {limit} are needed")
        return short or self.over(facts.seconds, self.most_s, "{value} s long, {limit} may be")


@dataclass(frozen=True)
class Languages(Filter):
    """allowed: ISO 639 tags as clips have them; none: any. A clip whose language nobody knows (`und`) counts as
    unknown."""

    name: ClassVar[str] = "language"
    allowed: tuple[str, ...] = ()

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        if not self.allowed or facts.language in self.allowed:
            return None
        return _named(self, "language", facts.language, "und", self.allowed)


@dataclass(frozen=True)
class Licence(Filter):
    """allowed: names of licences as `talkie.licences` spells them; none: any. An unknown licence counts as unknown."""

    name: ClassVar[str] = "licence"
    allowed: tuple[str, ...] = ()

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        if not self.allowed or facts.licence in self.allowed:
            return None
        return _named(self, "licence", facts.licence, "unknown", self.allowed)


def _named(judge: Filter, what: str, given: str, nobody_knows: str, allowed: tuple[str, ...]) -> Reason:
    message = f"{what} {given!r}, allowed: {', '.join(allowed)}"
    return Reason(judge.name, message, None, None, drops=given != nobody_knows or judge.unknown == "drop")


KNOWN: tuple[type[Filter], ...] = (Length, Languages, Licence)
