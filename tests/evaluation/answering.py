"""Systems whose worth is known, for tests of protocols: one answers with the truth of the clip that the request is of,
with a black corner, another with nothing that depends on the request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from talkie.clip import Clip
from talkie.systems import Bar, Task
from talkie.systems.tasks.video import VideoResult

BAR = Bar(over_baseline=0.1)


def driver_of(task: Task, request: Any) -> bytes:
    """What of a request drives the answer, as bytes: a good system's answer follows from it."""
    wanted = {
        "speech_to_motion": "audio", "speech_to_video": "audio", "dubbing": "audio", "avatars": "audio",
        "reenactment": "driving", "human_animation": "guidance", "motion_transfer": "reference",
        "capture": "frames", "recognition": "frames", "head_creation": "image",
    }[task.slug]  # fmt: skip
    value = getattr(request, wanted)
    value = value["pose"] if wanted == "guidance" else value
    return np.ascontiguousarray(value).tobytes()


@dataclass
class Knows:
    """Answers what is true of the clip whose driving signal it is given. `bar` as a system's."""

    task: Task
    clips: Sequence[Clip]
    bar: Bar = BAR

    def __post_init__(self) -> None:
        self._truths = {
            driver_of(self.task, self.task.request_of(clip)): self.task.truth_of(clip) for clip in self.clips
        }

    def generate(self, request: Any) -> Any:
        return worse(self._truths[driver_of(self.task, request)])


@dataclass
class Ignores:
    """Answers every request with what is true of the first clip."""

    task: Task
    clips: Sequence[Clip]
    bar: Bar = BAR

    def generate(self, request: Any) -> Any:
        return self.task.truth_of(self.clips[0])


def worse(truth: Any) -> Any:
    """A black corner, for a figure that is good and not perfect."""
    if not isinstance(truth, VideoResult):
        return truth
    frames = truth.frames.copy()
    frames[:, :2, :2] = 0
    return replace(truth, frames=frames)
