"""The tasks of the platform: each owns its request and result types, metrics, trivial baseline and endpoint.
What a system must offer is in contract.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from talkie.clip import Clip
from talkie.systems.motion import (
    MotionResult,
    SpeechToMotionRequest,
    mean_motion,
    request_of,
    truth_of,
)


class Generator(Protocol):
    """Whatever answers a task's request: a system or a baseline."""

    def generate(self, request: Any) -> Any: ...


@dataclass(frozen=True)
class Task:
    """One task. `needs`: the clip fields that measuring it reads. `metrics` names functions of
    `talkie.evaluation.metrics`; `baseline` fits the trivial answer on training clips; `request_of` and `truth_of` turn
    a held-out clip into the question and its answer."""

    slug: str
    title: str
    request: type
    result: type
    endpoint: str
    needs: tuple[str, ...]
    metrics: tuple[str, ...]
    baseline: Callable[[Iterable[Clip]], Generator]
    request_of: Callable[[Clip], Any]
    truth_of: Callable[[Clip], Any]


SPEECH_TO_MOTION = Task(
    slug="speech_to_motion",
    title="Speech to facial motion",
    request=SpeechToMotionRequest,
    result=MotionResult,
    endpoint="/v1/speech-to-motion",
    needs=("flac", "head.npz"),
    metrics=("lve", "fdd", "mve"),
    baseline=mean_motion,
    request_of=request_of,
    truth_of=truth_of,
)

TASKS = {task.slug: task for task in (SPEECH_TO_MOTION,)}
