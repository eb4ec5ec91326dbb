"""What a measurement is (never a bare number) and what a claim about a system is; how metrics are computed is
the business of `talkie.evaluation`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from talkie.clip import Clip


class Measurement(BaseModel):
    """A value with its unit, the number and kind of items it is taken over, and the protocol it follows.

    `low` and `high` bound a 95 % interval where one was estimated. `protocol` holds what a reader needs to repeat the
    figure: definition, masks (by digest), averaging, number of clips.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    value: float
    unit: str
    items: int
    item: str
    protocol: dict[str, str]
    low: float | None = None
    high: float | None = None


def measured(
    name: str,
    value: float,
    unit: str,
    items: int,
    item: str,
    clips: Sequence[Clip],
    said: Mapping[str, str] | None = None,
) -> Measurement:
    """A measurement on clips, whose number stands in its protocol beside what is `said` there."""
    protocol = {**(said or {}), "clips": str(len(clips))}
    return Measurement(name=name, value=float(value), unit=unit, items=items, item=item, protocol=protocol)


@dataclass(frozen=True)
class Bar:
    """What "works" asks of a system beside its claims: by how much `metric` must beat the trivial baseline and the
    control on held-out clips. `metric` is one of the task's, or a probe's figure ("stage_opening_correlation"); empty:
    the task's first. For an error the share by which it is smaller (0.3 = 30 %), for a figure that should be large the
    difference in its unit."""

    over_baseline: float
    over_control: float = 0.0
    metric: str = ""


@dataclass(frozen=True)
class Claim:
    """A sentence of a system's card that can be measured on held-out clips.

    It holds where the measured value is at least `floor` and at most `ceiling` (either may be absent), over the seeds
    of a bench where it does in this `share` of them.
    """

    name: str
    statement: str
    measure: Callable[[Sequence[Clip]], Measurement]
    floor: float | None = None
    ceiling: float | None = None
    share: float = 1.0

    def holds(self, measured: Measurement) -> bool:
        above = self.floor is None or measured.value >= self.floor
        below = self.ceiling is None or measured.value <= self.ceiling
        return above and below


def at_least(floor: float, name: str, statement: str, measure: Callable[[Sequence[Clip]], Measurement]) -> Claim:
    """The claim that what is measured reaches `floor`."""
    return Claim(name, statement, measure, floor=floor)


def at_most(ceiling: float, name: str, statement: str, measure: Callable[[Sequence[Clip]], Measurement]) -> Claim:
    """The claim that what is measured does not exceed `ceiling`."""
    return Claim(name, statement, measure, ceiling=ceiling)
