"""What a filter is: scores of a clip in, nothing or a named reason to drop it out. The filters are beside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Unknown = Literal["keep", "drop"]
"""What becomes of a clip that lacks the score a filter asks for."""


@dataclass(frozen=True)
class Reason:
    """Why a filter speaks up. name: the filter's; value: the score that failed, None where it is not known;
    threshold: what it had to be; drops: False where a missing score is noted and the clip kept all the same."""

    name: str
    message: str
    value: float | None
    threshold: float | None
    drops: bool = True

    @property
    def unknown(self) -> bool:
        return self.value is None


@dataclass(frozen=True)
class Facts:
    """What is known of a clip beside its scores: length in seconds, labels and licence."""

    seconds: float = 0.0
    language: str = "und"
    licence: str = "unknown"
    consent: str = "unknown"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Filter(ABC):
    """One idea of what a clip must be; thresholds are fields, their defaults cite where they come from.

    name: its key in a recipe. needs: the scores it reads. unknown: what it does with a clip that lacks one; either
    way a reason says so."""

    name: ClassVar[str]
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    needs: ClassVar[tuple[str, ...]] = ()
    unknown: Unknown = field(default="drop", kw_only=True)

    def judge(self, scores: Mapping[str, float], facts: Facts) -> Reason | None:
        """None: keep."""
        missing = [name for name in self.needs if name not in scores]
        if missing:
            what = f"{missing[0]} is not known"
            return Reason(self.name, f"{what}: {'kept' if self.unknown == 'keep' else 'dropped'} all the same",
                          None, None, drops=self.unknown == "drop")  # fmt: skip
        return self.fault(scores, facts)

    @abstractmethod
    def fault(self, scores: Mapping[str, float], facts: Facts) -> Reason | None:
        """The same with every needed score at hand."""

    def over(self, value: float, most: float, message: str) -> Reason | None:
        """A reason where a value is greater than it may be; `message` may hold {value} and {limit}."""
        return self._reason(value, most, message) if value > most else None

    def under(self, value: float, least: float, message: str) -> Reason | None:
        return self._reason(value, least, message) if value < least else None

    def _reason(self, value: float, limit: float, message: str) -> Reason:
        return Reason(self.name, message.format(value=f"{value:.3g}", limit=f"{limit:.3g}"), float(value), float(limit))


def judge_all(filters: tuple[Filter, ...], scores: Mapping[str, float], facts: Facts) -> tuple[Reason, ...]:
    """Everything that the filters have to say of a clip, in their order: not the first reason only. The clip is kept
    where none of them `drops`."""
    return tuple(reason for f in filters if (reason := f.judge(scores, facts)) is not None)
