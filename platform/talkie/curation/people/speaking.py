"""Who of a scene is heard: each person's mouth against the sound, frame by frame. Who the people are is `identities`'.

No network, so that it needs neither a GPU nor a licence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from talkie.clip import SAMPLES_PER_FRAME
from talkie.errors import BadInput
from talkie.faces.chart import canonical
from talkie.speech.features import mel_for_frames

UPPER_LIP, LOWER_LIP, BELOW_NOSE, UNDER_LIP = 13, 14, 2, 17
"""Inner edges of the lips, the base of the nose, the lower edge of the lower lip."""

_FAST, _SYLLABLES = (0.7, 2.5), (1.0, 8.0)
"""Widths in frames of the two Gaussians whose difference is a band: lips that close and open for phones (about 2 to 8
Hz), and syllables, chewing and laughter (0.5 to 5 Hz). A smile and the head's turn are slower than both."""
_WINDOW, _LONG = 10.0, 25.0
"""Widths in frames of the windows in which motion, and its likeness to the sound, are measured: a turn in a talk of a
second is told, likeness needs some syllables more."""
_STILL = 5e-4
"""Motion, in distances between the eyes, far below what the mesh's own noise makes of a closed mouth."""
_OPENING, _LAG, _LAG_COST = 0.012, 12, 0.005
"""Least motion by which a mouth is scaled for the search of the offset; offsets tried, in frames either way; and what
each frame of offset takes off the likeness."""
_VOWELS = slice(10, 40)
"""Mel bands, of 80 to 8 kHz, of the first two formants: about 400 to 1,700 Hz. An open mouth makes them loud, while
hissing sounds, which are loud above, come through closed teeth (median correlation with the speaker's mouth in stage
footage 0.45, of the whole level 0.38)."""
_MEL_FLOOR = -14.0
_PER_SHADE = 0.1
"""Opening for each unit of shade, about: mouths out of focus move by 0.05 to 0.3 of it when they speak."""
WEIGHTS = {"fast": 7.2, "syllables": -1.9, "likeness": 2.7, "phrases": 1.5, "bias": 19.4}
"""Logistic regression of "this person speaks" over voiced frames of 65 two-person scenes of the stage (turns, listeners
who nod, smile, chew or laugh, and voices from elsewhere), made by people whom bench_people.py does not show."""
DULL = {"fast": 0.24, "syllables": 1.23, "likeness": 1.4, "phrases": 3.3, "bias": 6.74}
"""The same of a mouth that is measured by its shade: 42 two-person scenes of the stage's seed 11, out of focus, or with
a caption over who speaks or over who listens. Regularised more (C = 0.01), for the scenes are few; the bias is 0.25
over the fitted one. In five folds by take every answer was right but where a caption covers the listener: there 0.9."""
_VOICED_SHARE = 0.35
"""Share of the way from the quietest to the loudest level above which sound counts as voice."""
_QUIET_DB = -70.0


NOBODY, UNTOLD = -1, -2
"""In the answer of `speakers`: the voice is of nobody in the picture; sound and lips cannot tell."""
SURE, DOUBTFUL = 0.5, 0.03
"""Probability above which one person is the speaker, and together of everybody above which nobody in particular is not
the answer either: in stage footage two who listen to a voice from elsewhere have 0.02 and less together, but for those
who chew."""
SURE_UNCLEAR = 0.7
"""The first of these where somebody's lips are not clear: a caption over the one who listens flickers as heads move,
and with 0.5 a tenth of such frames of seed 11 was given to the listener, with 0.7 a hundredth."""


@dataclass(frozen=True)
class PersonInScene:
    """track: the person's number; seen (T,) bool; landmarks (T, 478, 3) pixels of the source, any unit. shade (T,): how
    dark the mouth is (`faces.mouth_shade`), which speaks for lips that are not clear: out of focus, or written over."""

    track: int
    seen: np.ndarray
    landmarks: np.ndarray
    shade: np.ndarray | None = None
    clear: bool = True


@dataclass(frozen=True)
class SpeakingTrack:
    """score (T,) float32 in [0, 1]: the probability that this person is the one who is heard; 0 where nobody is.
    clear: as `PersonInScene` has it."""

    track: int
    score: np.ndarray
    clear: bool = True


def mouth_opening(landmarks: np.ndarray) -> np.ndarray:
    """How far the mouth is open, (T, 478, 3) -> (T,), in distances between the eyes, whatever the pose."""
    points = canonical(landmarks, [UPPER_LIP, LOWER_LIP, BELOW_NOSE, UNDER_LIP]).astype(np.float64)
    lips = np.linalg.norm(points[:, 0] - points[:, 1], axis=-1)
    chin = np.linalg.norm(points[:, 2] - points[:, 3], axis=-1)
    return np.asarray(lips + chin)


def _mouth(person: PersonInScene) -> np.ndarray:
    """(T,) how far the mouth is open, in distances between the eyes; from its shade where its lips are not clear."""
    if person.clear:
        return mouth_opening(person.landmarks)
    if person.shade is None or not person.seen.any():
        return np.zeros(len(person.seen))
    at = np.arange(len(person.seen))
    return _PER_SHADE * np.interp(at, at[person.seen], np.asarray(person.shade, np.float64)[person.seen])


def _told_by(person: PersonInScene) -> np.ndarray:
    """Frames (T,) bool that say something of a person's mouth."""
    return person.seen & (person.clear or person.shade is not None)


def voice_activity(audio: np.ndarray, frames: int) -> np.ndarray:
    """Frames (frames,) bool in which sound (N,) at 16 kHz is well above its quiet parts: by level alone."""
    level = _level(audio, frames)
    quiet, loud = np.percentile(level, [5, 95])
    return level > max(quiet + _VOICED_SHARE * (loud - quiet), _QUIET_DB + 10)


def active_speaker(
    people: Sequence[PersonInScene], audio: np.ndarray, voiced: np.ndarray | None = None
) -> list[SpeakingTrack]:
    """Of people who are in the same T frames, who is heard in each of them.

    audio: (N,) at 16 kHz, in time with the frames as far as is known; one offset of up to 12 frames for the whole scene
    is looked for. voiced: (T,) bool or share in [0, 1], where somebody's voice is heard; by level alone where None. The
    scores of a frame add up to its voice activity at most: what is missing is the probability that the voice is of
    nobody in the picture. Somebody who is not seen has 0, and who has neither clear lips nor a shade. Raises BadInput
    for people of different lengths."""
    if not people:
        return []
    frames = len(people[0].landmarks)
    if any(len(p.landmarks) != frames or len(p.seen) != frames for p in people):
        raise BadInput(
            f"people of {[len(p.landmarks) for p in people]} frames", cure="give all of them the same frames"
        )
    voice = voice_activity(audio, frames) if voiced is None else np.asarray(voiced, np.float64)
    if len(voice) != frames:
        raise BadInput(f"voice activity of {len(voice)} frames for people of {frames}")
    openings = [_mouth(p) for p in people]
    sound = _vowels(audio, frames)
    sound = _moved(sound, _offset(openings, sound))
    logits = np.stack([_logit(o, sound, WEIGHTS if p.clear else DULL) for o, p in zip(openings, people, strict=True)])
    odds = np.exp(np.clip(logits, -30, 30)) * np.stack([_told_by(p) for p in people])
    share = odds / (1 + odds.sum(0)) * voice
    return [SpeakingTrack(p.track, row.astype(np.float32), p.clear) for p, row in zip(people, share, strict=True)]


def speakers(tracks: Sequence[SpeakingTrack], voice: np.ndarray) -> np.ndarray:
    """Who is heard in each frame: (T,) int, a person's number, NOBODY where no voice is or somebody else's, UNTOLD
    where sound and lips cannot tell: that a voice is of nobody in the picture is told only where everybody's lips are
    clear. voice: (T,) share in [0, 1] that the scores were weighed by."""
    heard = np.asarray(voice, np.float64)
    answer = np.full(len(heard), NOBODY)
    if not tracks:
        return answer
    scores = np.stack([track.score for track in tracks]) / np.maximum(heard, 1e-6)
    numbers = np.array([track.track for track in tracks])
    clear = all(track.clear for track in tracks)
    answer = np.where(scores.sum(0) >= DOUBTFUL, UNTOLD, answer) if clear else np.full(len(heard), UNTOLD)
    answer = np.where(scores.max(0) > (SURE if clear else SURE_UNCLEAR), numbers[scores.argmax(0)], answer)
    return np.where(heard < SURE, NOBODY, answer)


def traits(opening: np.ndarray, sound: np.ndarray) -> dict[str, np.ndarray]:
    """What tells speech from other motion of a mouth, each (T,): logarithms of fast and of syllables' motion; likeness
    (correlation in [-1, 1]) of opening and sound, and of motion and loudness over whole phrases."""
    quick, slow = _band(opening, _FAST), _band(opening, _SYLLABLES)
    motion = np.sqrt(gaussian_filter1d(quick**2, 3.0))
    return {
        "fast": np.log(np.sqrt(gaussian_filter1d(quick**2, _WINDOW)) + _STILL),
        "syllables": np.log(np.sqrt(gaussian_filter1d(slow**2, _WINDOW)) + _STILL),
        "likeness": _likeness(slow, _band(sound, _SYLLABLES), _LONG),
        "phrases": _likeness(np.log(motion + 4 * _STILL), gaussian_filter1d(sound, 2.0), 1.6 * _LONG),
    }


def _logit(opening: np.ndarray, sound: np.ndarray, weights: Mapping[str, float]) -> np.ndarray:
    found = traits(opening, sound)
    return np.asarray(sum(weights[name] * trait for name, trait in found.items()) + weights["bias"])


def _offset(openings: list[np.ndarray], sound: np.ndarray) -> int:
    """Frames by which the sound is late of the mouths, where all of them together are most like it."""
    heard = _band(sound, _SYLLABLES)
    heard = heard / max(float(heard.std()), 1e-6)
    mouths = [_band(opening, _SYLLABLES) for opening in openings]
    mouths = [mouth / max(float(mouth.std()), _OPENING) for mouth in mouths]
    like = {
        lag: sum(float((mouth * _moved(heard, lag)).mean()) for mouth in mouths) - _LAG_COST * abs(lag)
        for lag in sorted(range(-_LAG, _LAG + 1), key=abs)
    }
    return max(like, key=lambda lag: like[lag])


def _moved(signal: np.ndarray, lag: int) -> np.ndarray:
    """The signal `lag` frames earlier; its ends are repeated."""
    return signal[np.clip(np.arange(len(signal)) + lag, 0, len(signal) - 1)]


def _likeness(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """Correlation of two signals in a Gaussian window around each frame."""

    def mean(signal: np.ndarray) -> np.ndarray:
        return np.asarray(gaussian_filter1d(signal, width))

    power = np.maximum(mean(a * a) - mean(a) ** 2, 1e-6) * np.maximum(mean(b * b) - mean(b) ** 2, 1e-3)
    return np.asarray((mean(a * b) - mean(a) * mean(b)) / np.sqrt(power))


def _vowels(audio: np.ndarray, frames: int) -> np.ndarray:
    """(frames,) loudness of the first formants, natural logarithm of mel power."""
    mel = mel_for_frames(np.asarray(audio, np.float32), frames).numpy()[: 2 * frames]
    return np.maximum(mel, _MEL_FLOOR).reshape(frames, 2, -1)[..., _VOWELS].mean((1, 2)).astype(np.float64)


def _band(signal: np.ndarray, widths: tuple[float, float]) -> np.ndarray:
    return np.asarray(gaussian_filter1d(signal, widths[0]) - gaussian_filter1d(signal, widths[1]))


def _level(audio: np.ndarray, frames: int) -> np.ndarray:
    """(frames,) decibels re full scale of the sound under each frame."""
    padded = np.zeros(frames * SAMPLES_PER_FRAME)
    padded[: min(len(audio), len(padded))] = audio[: len(padded)]
    power = (padded.reshape(frames, -1) ** 2).mean(1)
    return 10 * np.log10(np.maximum(power, 10 ** (_QUIET_DB / 10)))
