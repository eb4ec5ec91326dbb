"""One way of measuring per task."""

from collections.abc import Callable

from talkie.evaluation.protocols.coefficients import CaptureProtocol, HeadProtocol
from talkie.evaluation.protocols.labels import LabelProtocol
from talkie.evaluation.protocols.motion import MotionProtocol, offsets
from talkie.evaluation.protocols.protocol import Protocol, Scores, base
from talkie.evaluation.protocols.video import VideoProtocol, aperture, tracked
from talkie.systems import Task
from talkie.systems.tasks.video import VideoResult


def protocol_of(task: Task) -> Protocol:
    """How the answers of a task are measured; made anew, because a protocol keeps what it read of the truth."""
    if task.result is VideoResult:
        return VideoProtocol(task.metrics)
    others: dict[str, Callable[[], Protocol]] = {
        "speech_to_motion": MotionProtocol,
        "capture": CaptureProtocol,
        "head_creation": HeadProtocol,
        "recognition": LabelProtocol,
    }
    return others[task.slug]()


__all__ = [
    "MotionProtocol",
    "Protocol",
    "Scores",
    "VideoProtocol",
    "aperture",
    "base",
    "offsets",
    "protocol_of",
    "tracked",
]
