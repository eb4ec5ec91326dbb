"""Conversations of two people for the measurement of active speakers: who moves how, what is heard, who says it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from talkie.clip import FPS
from talkie.heads import ARKIT_NAMES
from talkie.speech.phones import SILENCE
from talkie.stage.articulation import frame_times
from talkie.stage.cast import Person
from talkie.stage.line import Line
from talkie.stage.performance import Performance, perform
from talkie.stage.sentences import SENTENCES

MANNERS = ("nod", "smile", "chew")


@dataclass(frozen=True)
class Talk:
    """acts: what both do, T frames each; audio (T * 640,); voiced (T,): frames with a phone of anybody; speaker (T,):
    who says it, -1 where it is nobody in the picture."""

    acts: tuple[Performance, Performance]
    audio: np.ndarray
    voiced: np.ndarray
    speaker: np.ndarray


def talk(people: list[Person], seed: int, *, turns: int = 2, absent: Person | None = None) -> Talk:
    """Two people speak in turn; the one who listens nods, smiles or chews. absent: who speaks instead of both."""
    rng = np.random.default_rng((seed, 0x7A1C))
    acts: tuple[list[Performance], list[Performance]] = ([], [])
    audio, voiced, speaker = [], [], []
    who = int(rng.integers(2))
    texts = rng.permutation(SENTENCES["en"])
    for turn in range(turns):
        voice = people[who] if absent is None else absent
        spoken = perform(voice, Line(str(texts[turn])), rng.spawn(1)[0])
        frames = len(spoken)
        for side in (0, 1):
            if side == who and absent is None:
                acts[side].append(spoken)
            else:
                manner = str(rng.choice(MANNERS))
                acts[side].append(_listens(people[side], frames, manner, rng.spawn(1)[0]))
        times = frame_times(frames)
        heard = np.zeros(frames, bool)
        for phone in spoken.transcription.phones:
            heard |= (phone.label != SILENCE) & (times >= phone.start_s) & (times < phone.end_s)
        audio.append(spoken.audio)
        voiced.append(heard)
        speaker.append(np.full(frames, who if absent is None else -1))
        who = 1 - who
    both = (_joined(acts[0]), _joined(acts[1]))
    return Talk(both, np.concatenate(audio), np.concatenate(voiced), np.concatenate(speaker))


def _listens(person: Person, frames: int, manner: str, rng: np.random.Generator) -> Performance:
    emotion = "happy" if manner == "smile" else "neutral"
    line = Line(
        event="listening", seconds=max(0.5, frames / FPS), emotion=emotion, intensity=2 if emotion == "happy" else 1
    )
    act = perform(person, line, rng)
    index = np.minimum(np.arange(frames), len(act) - 1)
    names = ("expression", "left_eye", "right_eye", "neck", "translation")
    act = replace(act, **{name: getattr(act, name)[index] for name in names}, audio=np.zeros(0, np.float32))
    if manner == "chew":
        rate, size = rng.uniform(1.1, 1.7), rng.uniform(0.1, 0.25)
        phase = 2 * np.pi * (rate * np.arange(frames) / FPS + 0.15 * np.cumsum(rng.normal(size=frames)) / FPS)
        expression = act.expression.copy()
        expression[:, ARKIT_NAMES.index("jawOpen")] += size * (0.5 - 0.5 * np.cos(phase))
        expression[:, ARKIT_NAMES.index("mouthLeft")] += 0.2 * (0.5 + 0.5 * np.sin(phase / 2))
        act = replace(act, expression=np.clip(expression, 0, 1).astype(np.float32))
    return act


def _joined(acts: list[Performance]) -> Performance:
    names = ("expression", "left_eye", "right_eye", "neck", "translation")
    return replace(acts[0], **{name: np.concatenate([getattr(act, name) for act in acts]) for name in names})
