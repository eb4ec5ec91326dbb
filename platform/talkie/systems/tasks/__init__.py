"""The tasks of the platform, one file each: typed request and result, question and answer of a clip, trivial answer."""

from talkie.systems.tasks.avatars import AVATARS
from talkie.systems.tasks.capture import CAPTURE
from talkie.systems.tasks.dubbing import DUBBING
from talkie.systems.tasks.head_creation import HEAD_CREATION
from talkie.systems.tasks.human_animation import HUMAN_ANIMATION
from talkie.systems.tasks.motion_transfer import MOTION_TRANSFER
from talkie.systems.tasks.recognition import RECOGNITION
from talkie.systems.tasks.reenactment import REENACTMENT
from talkie.systems.tasks.speech_to_motion import SPEECH_TO_MOTION
from talkie.systems.tasks.speech_to_video import SPEECH_TO_VIDEO

TASKS = {
    task.slug: task
    for task in (
        SPEECH_TO_MOTION,
        SPEECH_TO_VIDEO,
        REENACTMENT,
        HUMAN_ANIMATION,
        MOTION_TRANSFER,
        DUBBING,
        AVATARS,
        CAPTURE,
        HEAD_CREATION,
        RECOGNITION,
    )
}

__all__ = [
    "AVATARS",
    "CAPTURE",
    "DUBBING",
    "HEAD_CREATION",
    "HUMAN_ANIMATION",
    "MOTION_TRANSFER",
    "RECOGNITION",
    "REENACTMENT",
    "SPEECH_TO_MOTION",
    "SPEECH_TO_VIDEO",
    "TASKS",
]
