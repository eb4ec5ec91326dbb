"""How the answers of a task are measured: a clip at a time, then over clips. Which clips are asked about, and who
answers, is decided in evaluate.py; what a metric is, in metrics/."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation.metrics import METRICS, find_metric
from talkie.systems import Measurement

Scores = Mapping[str, Any]
"""What is kept of one clip, by metric."""


class Protocol(ABC):
    """One task's way of measuring. `wants`: clip fields that it reads where a clip has them, beside the task's own."""

    wants: tuple[str, ...] = ()

    def comparable(self, truth: Any, answer: Any) -> Any:
        """The part of the truth that a model's answer speaks of: everybody else is measured on the same part."""
        return truth

    @abstractmethod
    def score(self, clip: Clip, truth: Any, answer: Any) -> Scores:
        """What is kept of one clip's answer. Raises BadInput where truth and answer cannot be compared."""

    @abstractmethod
    def measure(self, metric: str, clips: Sequence[Scores]) -> Measurement:
        """One metric over all clips. Raises BadInput where no clip's scores have it."""

    def improves(self, metric: str, value: float, other: float) -> bool:
        """Whether `value` of a metric is better than `other`."""
        return find_metric(base(metric)).improves(value, other)

    def gain(self, metric: str, value: float, other: float) -> float:
        """How much better `value` is: the share by which an error is smaller (0.25 = 25 %), or the difference, in the
        metric's unit, of a figure that should be large."""
        found = find_metric(base(metric))
        if found.better == "higher":
            return value - other
        if found.signed:
            value, other = abs(value), abs(other)
        return 1 - value / other if other else 0.0


def base(metric: str) -> str:
    """The metric's own name: `l1_mouth` is `l1` inside the mouth's box, `stage_lpips` is `lpips` by a stand-in."""
    own = metric.removesuffix("_mouth")
    plain = own.partition("_")[2]
    return plain if own not in METRICS and plain in METRICS else own


def answered(found: Sequence[Any], metric: str) -> list[Any]:
    """What is there of `found`. Raises BadInput where no clip could be measured."""
    kept = [value for value in found if value is not None]
    if not kept:
        cure = "look at the answers: no face was found in them, or they say nothing of the kind"
        raise BadInput("no clip could be measured", where=metric, cure=cure)
    return kept
