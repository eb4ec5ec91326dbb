"""What a task is: the types that its systems share, how a held-out clip becomes a question with a known answer, and the
trivial answer. The tasks themselves are in tasks/, how they are measured in `talkie.evaluation`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np

from talkie.clip import Clip
from talkie.errors import BadInput


def film_nothing(clip: Clip, answers: Sequence[Any]) -> None:
    """For tasks whose results are no pictures."""
    return None


def show_nothing(clip: Clip, result: Any) -> Mapping[str, bytes]:
    """For tasks whose results nobody has drawn yet."""
    return {}


@dataclass(frozen=True)
class Material:
    """What a person hands over for one question, whatever the task: audio (N,) float32 at 16 kHz; portrait (H, W, 3)
    and driving (T, H, W, 3) uint8 RGB, square crops of faces; video (T, H, W, 3) uint8, whole frames at 25 fps; values
    of the controls in the system's card; the seed of what is drawn."""

    audio: np.ndarray | None = None
    portrait: np.ndarray | None = None
    driving: np.ndarray | None = None
    video: np.ndarray | None = None
    controls: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def need(self, name: str) -> np.ndarray:
        """One of the arrays. Raises BadInput where it was not handed over."""
        value: np.ndarray | None = getattr(self, name)
        if value is None:
            raise BadInput(f"the question needs {name}", where=name, cure=f"give a file as --{name}")
        return value


def asks_by_clip(material: Material) -> Any:
    """For tasks whose questions no loose file holds."""
    raise BadInput("this task is asked about curated clips", cure="give --data SHARDS and --clip ID")


def with_sound(request: Any, audio: np.ndarray) -> Any:
    """The question with other speech, for requests that hold some and take it as long as it is."""
    return replace(request, audio=audio)


class Generator(Protocol):
    """Whatever answers a task's request: a system or a baseline."""

    def generate(self, request: Any) -> Any: ...


@dataclass(frozen=True)
class Task:
    """One task; systems of one task are interchangeable.

    `needs`: the clip fields that asking and answering read. `request_of` and `truth_of` turn a held-out clip into the
    question and its answer. `baseline` fits the trivial answer, which `baseline_name` describes, on training clips;
    `control` is the question with its driving signal taken from another clip's, which `control_name` describes: a
    system that answers both alike does not listen. `metrics` are measured by the task's protocol, the first one ranks
    unless a system's bar names another; those of `also` are measured where the answers and the clips allow it.
    `request_from` makes the question of what a person hands over, `with_speech` that of a clip with speech (N,) float32
    at 16 kHz that a person hands over with it. `show` turns a clip and what was generated for it
    into files for people, by the ends of their names; `film` makes of a clip and several answers about it as many films
    (T, H, W, 3) uint8 that can be laid beside each other, or None.
    """

    slug: str
    title: str
    request: type
    result: type
    endpoint: str
    needs: tuple[str, ...]
    metrics: tuple[str, ...]
    request_of: Callable[[Clip], Any]
    truth_of: Callable[[Clip], Any]
    baseline: Callable[[Iterable[Clip]], Generator]
    baseline_name: str
    control: Callable[[Any, Any], Any]
    control_name: str
    held_out: Literal["identity", "time"] = "identity"
    show: Callable[[Clip, Any], Mapping[str, bytes]] = show_nothing
    film: Callable[[Clip, Sequence[Any]], list[np.ndarray] | None] = film_nothing
    also: tuple[str, ...] = ()
    request_from: Callable[[Material], Any] = asks_by_clip
    with_speech: Callable[[Any, np.ndarray], Any] = with_sound

    def headline(self, metric: str) -> str:
        """The metric that ranks a system whose bar names `metric`, which may be empty."""
        return metric or self.metrics[0]
