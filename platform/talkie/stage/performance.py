"""One performance: a person plays a line; its sound, phones, motion and labels, before any camera looks at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from talkie.clip import FPS, SAMPLES_PER_FRAME, Transcription
from talkie.heads import ARKIT_NAMES
from talkie.speech.features import energy
from talkie.speech.phones import SILENCE
from talkie.stage.articulation import articulate, frame_times, hold_contacts
from talkie.stage.behaviour import Gesture, beats, breath_motion, breathing, brows, head_motion
from talkie.stage.blinks import SPEECH_FACTOR, Blinking, blinking
from talkie.stage.cast import Person
from talkie.stage.emotion import Manner, emotional_face, envelope, manner_of
from talkie.stage.emphasis import stressed_words
from talkie.stage.gaze import BLINK_SHIFT_RAD, GazePlan, following_lids, plan_gaze, point_eyes
from talkie.stage.line import Line
from talkie.stage.listening import event_gestures, gaze_turns, laughing_face
from talkie.stage.style import styled
from talkie.stage.voicing import Event, voiced

CAMERA = (0.0, 0.0, 1.0)
"""Where the camera is taken to be when nobody says: metres, in front of the face."""


@dataclass(frozen=True)
class Performance:
    """A line played, T frames at 25 fps. World: metres, the middle of the face at rest at the origin, x to the person's
    left, y up, z out of the face; rotations axis-angle, radians.

    audio: (T * 640,) float32 at 16 kHz; transcription: phones and words in seconds.
    Motion, as in HeadTrack: expression (T, 52); left_eye, right_eye, neck, translation (T, 3).
    Labels: emotion_level (T,) course of the emotion in [0, 1]; gaze (T, 2, 3) unit vectors of the left and right line
    of sight in the world; gaze_target (T, 3) where they meet; gaze_place: T names; blinking: lids' closure and state;
    breath (T,) fill of the lungs in [0, 1]; loudness (T,); stresses: (seconds, strength) of the words that stand out;
    gestures of the head; events: what is heard or done when."""

    line: Line
    audio: np.ndarray
    transcription: Transcription
    expression: np.ndarray
    left_eye: np.ndarray
    right_eye: np.ndarray
    neck: np.ndarray
    translation: np.ndarray
    emotion_level: np.ndarray
    gaze: np.ndarray
    gaze_plan: GazePlan
    blinking: Blinking
    breath: np.ndarray
    loudness: np.ndarray
    stresses: tuple[tuple[float, float], ...]
    gestures: tuple[Gesture, ...]
    events: tuple[Event, ...]

    def __len__(self) -> int:
        return len(self.expression)

    @property
    def text(self) -> str:
        return self.line.text

    @property
    def gaze_target(self) -> np.ndarray:
        """(T, 3) metres in the world."""
        return self.gaze_plan.target


def perform(
    person: Person, line: Line, rng: np.random.Generator, *, camera: tuple[float, float, float] = CAMERA
) -> Performance:
    """Plays a line. camera: where the partner's eyes or the lens are, metres in the world.

    The sound is padded with silence to whole frames and the last phone covers the padding. Each part of the behaviour
    draws from a generator of its own, so that they do not disturb each other."""
    voice_rng, manner_rng, head_rng, gaze_rng, lid_rng, brow_rng, breath_rng = rng.spawn(7)
    style, manner = person.style, manner_of(line.emotion, line.intensity)
    spoken = voiced(line, person.voice, voice_rng)
    frames = -(-len(spoken.audio) // SAMPLES_PER_FRAME)
    audio = np.pad(spoken.audio, (0, frames * SAMPLES_PER_FRAME - len(spoken.audio))).astype(np.float32)
    loudness = _relative_loudness(audio)
    level = envelope(frames, line.emotion, manner_rng)
    stresses = stressed_words(spoken.transcription, audio)

    length = frames / FPS
    gestures = beats(stresses, style, head_rng) + event_gestures(spoken.events, line.text, length, style, head_rng)
    plan = _gaze(frames, spoken.events, manner, np.array(camera), gaze_rng)
    neck, sway = head_motion(gestures, plan.target, level, style, manner, head_rng)
    breath = breathing(frames, style.breath_rate, _intakes(spoken.events), breath_rng)
    breath_turn, breath_sway = breath_motion(breath)
    neck = (neck + breath_turn).astype(np.float32)
    translation = (sway + breath_sway - person.anatomy.centre).astype(np.float32)
    left, right, gaze = point_eyes(plan.target, person.anatomy, neck, translation)
    rate = style.blink_rate * manner.blinking * (SPEECH_FACTOR if line.text else 1.0)
    shifts = tuple(s.start_s for s in plan.saccades if s.amplitude > BLINK_SHIFT_RAD and lid_rng.random() < 0.5)
    lids = blinking(frames, rate, lid_rng, shifts)

    mouth = articulate(spoken.transcription, frames, loudness, articulation=style.articulation * manner.articulation)
    accents = brows(stresses, frames, style, brow_rng, question=line.text.rstrip().endswith("?"))
    feeling = emotional_face(line.emotion, line.intensity, level, left=style.asymmetry >= 0, gains=style.gains)
    face = np.maximum(feeling, laughing_face(spoken.events, frames))
    speech = styled(mouth + accents, person.style)
    expression = hold_contacts(
        compose(speech, face, _speaking(spoken.transcription, frames), following_lids(left, right), lids.closure),
        spoken.transcription,
    )
    return Performance(
        line=line,
        audio=audio,
        transcription=spoken.transcription,
        expression=expression,
        left_eye=left,
        right_eye=right,
        neck=neck,
        translation=translation,
        emotion_level=level,
        gaze=gaze,
        gaze_plan=plan,
        blinking=lids,
        breath=breath,
        loudness=loudness,
        stresses=tuple(stresses),
        gestures=tuple(gestures),
        events=spoken.events,
    )


_JAW = ARKIT_NAMES.index("jawOpen")
_LID = [ARKIT_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")]
_LID_SHAPES = [ARKIT_NAMES.index(f"{name}{side}") for name in ("eyeWide", "eyeSquint") for side in ("Left", "Right")]
JAW_LEFT_TO_FEELING = 0.35
"""Share of an emotion's jaw drop that is left while somebody speaks: the jaw is needed for the words."""


def compose(
    speech: np.ndarray, face: np.ndarray, speaking: np.ndarray, following: np.ndarray, closure: np.ndarray
) -> np.ndarray:
    """Speech, expression, lids that follow the eyes (T, 52 each) and blinks (T,) as one face (T, 52) in [0, 1].

    speaking: (T,) in [0, 1]. A blink shuts the lids whatever else they show."""
    face = face.copy()
    face[:, _JAW] *= 1 - (1 - JAW_LEFT_TO_FEELING) * speaking
    total = np.clip(speech + face + following, 0.0, 1.0)
    total[:, _LID] = 1 - (1 - total[:, _LID]) * (1 - closure[:, None])
    total[:, _LID_SHAPES] *= 1 - closure[:, None]
    return total


def _gaze(
    frames: int, events: tuple[Event, ...], manner: Manner, camera: np.ndarray, rng: np.random.Generator
) -> GazePlan:
    turns = gaze_turns(events, frames / FPS, rng)
    return plan_gaze(frames, rng, camera=camera, averted=manner.averted, away=manner.away, turns=turns)


INTAKE_S = 0.45
"""Time in which air is taken in before a sound."""


def _intakes(events: tuple[Event, ...]) -> list[tuple[float, float]]:
    """(start, end) in seconds of the breaths that sound needs: those that are heard, and silent ones before each
    stretch of speech or laughter that no heard one goes before."""
    heard = [(e.start_s, e.end_s) for e in events if e.kind == "breath"]
    onsets = [e.start_s for e in events if e.kind in ("speech", "laughter")]
    silent = [(at - INTAKE_S, at) for at in onsets if all(not 0 <= at - end < INTAKE_S for _, end in heard)]
    return sorted(heard + silent)


def _speaking(transcription: Transcription, frames: int) -> np.ndarray:
    """How much (frames,) in [0, 1] the mouth is busy with speech, with soft borders."""
    times = frame_times(frames)
    busy = np.zeros(frames)
    for phone in transcription.phones:
        if phone.label != SILENCE:
            busy[(times >= phone.start_s) & (times < phone.end_s)] = 1.0
    return gaussian_filter1d(busy, 2.0)


def _relative_loudness(audio: np.ndarray) -> np.ndarray:
    """Energy per frame (T,), 1 at the 95th percentile of the frames with sound; all 0 in silence."""
    rms = np.asarray(energy(audio, fps=FPS))
    return np.clip(rms / max(float(np.percentile(rms, 95)), 1e-3), 0.0, 1.0).astype(np.float32)
