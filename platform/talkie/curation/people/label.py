"""The label "who speaks" of a clip: how the measure of `speaking` is asked for one person among the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import ClassVar

import numpy as np

from talkie.curation.draft import Annotator, Draft, Findings, Toolbox, Watcher
from talkie.curation.judgement.filters.picture import Blur, Subtitles
from talkie.curation.people.speaking import UNTOLD, PersonInScene, active_speaker, speakers, voice_activity
from talkie.faces import to_source

Voice = Callable[[Draft], np.ndarray | None]
"""Where a voice is heard in a draft: (T,) bool or share in [0, 1], or None where that is not known."""


class SpeakingLabel(Annotator):
    """speaking.npz: score (T,) float32, the probability that this face is the one who is heard; voice (T,) float32, the
    voice activity that it was weighed by. Silent footage gets none.

    voice: who knows where a voice is heard; by the sound's level alone where None."""

    name = "speaking"
    fields = ("speaking.npz",)
    scores: ClassVar[Mapping[str, str]] = {
        "speaking": "share of the time with a voice, where sound and lips can tell who speaks, in which this face is "
        "the speaker; not given where they can tell less than half of it"
    }

    needs = ("prosody.npz", "sharpness", "text_on_face")

    @classmethod
    def made(cls, tools: Toolbox) -> Annotator:
        return cls(measured_voice)

    def __init__(self, voice: Voice | None = None) -> None:
        self._voice = voice

    @property
    def tool(self) -> str:
        return "talkie speaking 3"

    def start(self) -> Watcher:
        return _Listener(self._voice)


class _Listener(Watcher):
    def __init__(self, voice: Voice | None) -> None:
        self._voice = voice

    def finish(self, draft: Draft) -> Findings:
        if draft.audio is None:
            return Findings()
        told = None if self._voice is None else self._voice(draft)
        voice = np.asarray(voice_activity(draft.audio, len(draft)) if told is None else told, np.float32)
        clear = clear_lips(draft.scores)
        points = to_source(draft.landmarks, draft.boxes, draft.size)
        own = PersonInScene(draft.track, draft.seen, points, draft.shade, clear)
        # Of the same picture: what hides this face's lips is taken to hide the others'.
        others = [PersonInScene(o.track, o.seen, o.landmarks, o.shade, clear) for o in draft.company]
        # Sorted, so that the float sums over people do not depend on whose clip this is.
        people = sorted([own, *others], key=lambda person: person.track)
        tracks = active_speaker(people, draft.audio, voice)
        score = next(track.score for track in tracks if track.track == draft.track)
        fields = {"speaking.npz": {"score": score, "voice": voice}}
        answer = speakers(tracks, voice)[voice >= 0.5]
        told = answer[answer != UNTOLD]
        if 2 * len(told) < len(answer):
            return Findings(fields=fields)
        share = float((told == draft.track).mean()) if len(told) else 0.0
        return Findings(fields=fields, scores={"speaking": share})


def clear_lips(scores: Mapping[str, float]) -> bool:
    """Whether a clip's scores say that lips can be seen in it: by the thresholds of the filters `blur` and `subtitles`.
    A face too small to be measured counts as clear."""
    sharp = scores.get("sharpness", np.inf) >= Blur().least
    return sharp and scores.get("text_on_face", 0.0) <= Subtitles().most


def measured_voice(draft: Draft) -> np.ndarray | None:
    """(T,) in [0, 1]: the voice activity that `prosody.npz` holds at a higher rate, as the mean over each frame."""
    prosody = draft.found.get("prosody.npz")
    if prosody is None or "speech" not in prosody:
        return None
    activity = np.asarray(prosody["speech"], np.float32)
    edges = np.round(np.arange(len(draft) + 1) * len(activity) / len(draft)).astype(int)
    return np.array([activity[a:b].mean() for a, b in pairwise(edges)], np.float32)
