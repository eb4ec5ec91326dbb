"""The contract every system keeps, the tasks they serve, and how they are found and stored."""

from talkie.systems.contract import Card, Published, System, SystemConfig
from talkie.systems.measurement import Bar, Claim, Measurement
from talkie.systems.phases import Draw, Moments, Optimiser, Partner, Phase, Sampling, Schedule
from talkie.systems.registry import build_system, load_system, make_config, system_names, systems
from talkie.systems.streaming import StreamSession
from talkie.systems.task import Task
from talkie.systems.tasks import SPEECH_TO_MOTION, TASKS
from talkie.systems.tasks.speech_to_motion import MotionResult, SpeechToMotionRequest
from talkie.systems.weights import load_weights, save_system

__all__ = [
    "SPEECH_TO_MOTION",
    "TASKS",
    "Bar",
    "Card",
    "Claim",
    "Draw",
    "Measurement",
    "Moments",
    "MotionResult",
    "Optimiser",
    "Partner",
    "Phase",
    "Published",
    "Sampling",
    "Schedule",
    "SpeechToMotionRequest",
    "StreamSession",
    "System",
    "SystemConfig",
    "Task",
    "build_system",
    "load_system",
    "load_weights",
    "make_config",
    "save_system",
    "system_names",
    "systems",
]
