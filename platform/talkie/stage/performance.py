"""One performance: a person speaks a sentence; its sound, phones and motion, before any camera looks at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.clip import FPS, SAMPLES_PER_FRAME, Transcription
from talkie.speech.features import energy
from talkie.speech.synthesis import speak
from talkie.stage.articulation import articulate
from talkie.stage.behaviour import blinks, brows, gaze, head_motion, lids
from talkie.stage.cast import Person


@dataclass(frozen=True)
class Performance:
    """audio: (frames * 640,) float32 at 16 kHz; expression (T, 52), eyes / neck / sway (T, 3), as in HeadTrack."""

    text: str
    audio: np.ndarray
    transcription: Transcription
    expression: np.ndarray
    eyes: np.ndarray
    neck: np.ndarray
    sway: np.ndarray

    def __len__(self) -> int:
        return len(self.expression)


def perform(person: Person, text: str, rng: np.random.Generator) -> Performance:
    """Speaks and moves; the sound is padded with silence to whole frames and the last phone covers the padding."""
    utterance = speak(text, person.voice)
    frames = -(-len(utterance.audio) // SAMPLES_PER_FRAME)
    audio = np.pad(utterance.audio, (0, frames * SAMPLES_PER_FRAME - len(utterance.audio)))
    loudness = _relative_loudness(audio)
    mouth = articulate(utterance.transcription, frames, loudness, articulation=person.style.articulation)
    rotation, sway = head_motion(loudness, person.style.liveliness, rng)
    closure = lids(blinks(frames, person.style.blink_gap_s, rng))
    expression = np.clip(mouth + brows(loudness, person.style.liveliness, rng) + closure, 0.0, 1.0)
    return Performance(text, audio, utterance.transcription, expression, gaze(frames, rng), rotation, sway)


def _relative_loudness(audio: np.ndarray) -> np.ndarray:
    """Energy per frame (T,), 1 at the clip's 95th percentile."""
    rms = np.asarray(energy(audio, fps=FPS))
    return np.clip(rms / max(float(np.percentile(rms, 95)), 1e-6), 0.0, 1.0).astype(np.float32)
