"""The list of all metrics, the one rule by which figures are named, and the way from numbers to a Measurement. Each
metric is defined in the file of its family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import numpy as np

from talkie.errors import BadInput
from talkie.evaluation.bootstrap import RESAMPLES, interval
from talkie.evaluation.networks.identity import NetworkIdentity
from talkie.systems.measurement import Measurement

Better = Literal["lower", "higher"]
VIDEO = ("speech_to_video", "reenactment", "dubbing", "avatars", "human_animation", "motion_transfer")
TALKING = ("speech_to_video", "dubbing", "avatars")
MESH = ("speech_to_motion",)
DRIVEN = ("reenactment", "motion_transfer", "human_animation", "avatars")
ALL_TASKS = (*MESH, *VIDEO, "capture", "head_creation", "recognition")


@dataclass(frozen=True)
class Metric:
    """A metric and where it comes from.

    function: pure, on arrays; what it takes and gives is in its docstring. item: what one value of it is taken over.
    signed: the value nearest to zero is the best; `better` speaks of its magnitude. network: the kind of published
    network that its definition names, None where it needs none.
    """

    name: str
    title: str
    unit: str
    better: Better
    tasks: tuple[str, ...]
    source: str
    function: Callable[..., Any]
    item: str = "frame"
    signed: bool = False
    network: str | None = None

    def improves(self, value: float, other: float) -> bool:
        """Whether `value` is better than `other`."""
        if self.signed:
            value, other = abs(value), abs(other)
        return value < other if self.better == "lower" else value > other


_METRICS: dict[str, Metric] = {}
METRICS: Mapping[str, Metric] = MappingProxyType(_METRICS)
"""Every metric by its published name; complete once `talkie.evaluation.metrics` is imported."""

F = TypeVar("F", bound=Callable[..., Any])


def metric(
    name: str,
    title: str,
    *,
    unit: str,
    better: Better,
    tasks: tuple[str, ...],
    source: str,
    item: str = "frame",
    signed: bool = False,
    network: str | None = None,
) -> Callable[[F], F]:
    """Enters the decorated function in METRICS under `name`; it stays a plain function."""

    def enter(function: F) -> F:
        if name in _METRICS:
            raise ValueError(f"two metrics named {name}")
        _METRICS[name] = Metric(name, title, unit, better, tasks, source, function, item, signed, network)
        return function

    return enter


def find_metric(name: str) -> Metric:
    """The metric of that name. Raises BadInput."""
    if name not in METRICS:
        raise BadInput(f"no metric {name!r}", cure=f"there are {', '.join(sorted(METRICS))}")
    return METRICS[name]


def published_name(name: str, network: NetworkIdentity | None = None) -> str:
    """The name that a figure may carry: the metric's own where its definition needs no network, or where the published
    one was used; behind the stand-in's word and an underscore ("rand_lpips") otherwise.

    Raises BadInput where a network is needed and none, or one of another kind, was used.
    """
    needed = find_metric(name).network
    if needed is None:
        return name
    if network is None or network.kind != needed:
        used = "none" if network is None else network.kind
        raise BadInput(f"needs {needed}, measured with {used}", where=name, cure="say which network gave the numbers")
    return f"{network.stand_in}_{name}" if network.stand_in else name


def measure(
    name: str,
    clips: Sequence[Any],
    *,
    network: NetworkIdentity | None = None,
    protocol: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
    pooled: bool = False,
) -> Measurement:
    """The mean over clips of each clip's mean, or over all values where they are `pooled`, with its bootstrap interval
    over clips.

    clips: for each clip the metric's values, an array or one number. `protocol` adds what a reader needs to repeat the
    figure (crop, resolution, rate, mask, detector). Raises BadInput where a clip has no value or one that is no number.
    """
    values = [np.atleast_1d(np.asarray(clip, np.float64)) for clip in clips]
    if not values:
        raise BadInput("no clips", where=name, cure="measure at least one clip")
    for number, clip in enumerate(values):
        if clip.size == 0 or not np.isfinite(clip).all():
            raise BadInput(f"clip {number} has no value, or one that is no number", where=name, cure="leave it out")
    means = [float(clip.mean()) for clip in values]
    low, high = interval(means, resamples)
    mean = f"over all {find_metric(name).item}s" if pooled else "over clips of the clip's mean"
    more = {"clips": str(len(values)), "mean": mean, "interval": "95 % bootstrap over clips"}
    items = sum(clip.size for clip in values)
    value = float(np.concatenate(values).mean()) if pooled else float(np.mean(means))
    return _measurement(name, value, items, network, {**more, **(protocol or {})}, low, high)


def measure_set(
    name: str,
    value: float,
    items: int,
    *,
    network: NetworkIdentity | None = None,
    protocol: Mapping[str, str] | None = None,
    bounds: tuple[float, float] | None = None,
) -> Measurement:
    """A figure of a whole set (a Frechet distance, an error rate), which has no mean over clips; `bounds`: its 95 %
    interval, where it was estimated (`bootstrap.set_interval`).

    Raises BadInput for a value that is no number or for no items."""
    if items < 1 or not np.isfinite(value):
        raise BadInput(f"{value} over {items} items", where=name, cure="measure at least one item")
    return _measurement(name, float(value), items, network, dict(protocol or {}), *(bounds or ()))


def _measurement(
    name: str,
    value: float,
    items: int,
    network: NetworkIdentity | None,
    protocol: dict[str, str],
    low: float | None = None,
    high: float | None = None,
) -> Measurement:
    known = find_metric(name)
    says = {"definition": known.title, "source": known.source, "better": known.better, **protocol}
    if known.network is not None:
        says["network"] = str(network)
    return Measurement(
        name=published_name(name, network),
        value=value,
        unit=known.unit,
        items=items,
        item=known.item,
        protocol=says,
        low=low,
        high=high,
    )
