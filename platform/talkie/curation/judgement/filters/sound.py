"""Filters of the sound, and of how it belongs to the picture. The scores they read are made by the sound's labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from talkie.curation.judgement.filters.base import Facts, Filter, Reason

Scores = Mapping[str, float]

_QUIET = 0.2
"""Share of frames under which there is too little speech to compare with the lips."""


def _quiet(scores: Scores) -> bool:
    """By what is known of it: whether this person speaks, else whether anybody does."""
    return scores.get("speaking", scores.get("speech_share", 1.0)) < _QUIET


@dataclass(frozen=True)
class AudioOffset(Filter):
    """most_frames: of 40 ms; beyond one frame a lag of the picture is seen (ITU-R BT.1359: 45 ms early, 125 ms late).
    LatentSync takes up to 6 and then corrects. least_confidence: under it the offset says nothing, and the filter of
    dubbing speaks; on the stage 98 % of foreign voices stay under it. It is the offset of the source as it came,
    also where curation has corrected it."""

    name: ClassVar[str] = "audio_offset"
    needs: ClassVar[tuple[str, ...]] = ("sync_confidence",)
    most_frames: float = 1.0
    least_confidence: float = 0.25

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        if _quiet(scores) or scores["sync_confidence"] < self.least_confidence:
            return None
        offset = scores["sync_offset_frames"]
        side = "late" if offset > 0 else "early"
        return self.over(abs(offset), self.most_frames, f"the sound is {{value}} frames {side}, {{limit}} may be")


@dataclass(frozen=True)
class Dubbed(Filter):
    """A voice that does not belong to the face: sound and lips agree nowhere near to where they are. least: confidence
    in [0, 1] of the sync tool; near_frames: an offset within them is taken for agreement even where the clip is too
    short for confidence, if that is least_near at least: a tenth of foreign voices lie there by chance. Where nobody
    speaks, or somebody else, there is nothing to judge.

    Measured on the 160 stage clips of 3 to 4.5 s on which least_near was chosen: of foreign voices 96 % fail; of own
    ones none where the text is known, 7 % with guessed phones, 15 % with the sound alone. Longer clips tell more."""

    name: ClassVar[str] = "dubbed"
    needs: ClassVar[tuple[str, ...]] = ("sync_confidence",)
    least: float = 0.2
    near_frames: float = 1.5
    least_near: float = 0.1

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        if _quiet(scores):
            return None
        near = abs(scores.get("sync_offset_frames", np.inf)) <= self.near_frames
        least = min(self.least, self.least_near) if near else self.least
        message = "sound and lips agree with a confidence of {value}, {limit} is needed"
        return self.under(scores["sync_confidence"], least, message)


@dataclass(frozen=True)
class Speaks(Filter):
    """least: share of the frames in which the person of the clip speaks."""

    name: ClassVar[str] = "speaks"
    needs: ClassVar[tuple[str, ...]] = ("speaking",)
    least: float = 0.3

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.under(scores["speaking"], self.least, "the person speaks in {value} of the frames, not {limit}")


@dataclass(frozen=True)
class NoisySound(Filter):
    """least_db: speech over noise. Measured on the stage, whose noisy takes lie at 0 to 10 dB."""

    name: ClassVar[str] = "noisy_sound"
    needs: ClassVar[tuple[str, ...]] = ("snr_db",)
    least_db: float = 14.0

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.under(scores["snr_db"], self.least_db, "speech is {value} dB over the noise, {limit} are needed")


@dataclass(frozen=True)
class ClippedSound(Filter):
    """most: share of the samples on plateaus at the end of the range. Measured on the stage: 0.0002 to 0.35 of
    26 overdriven takes and nothing of a 27th, nothing of the others."""

    name: ClassVar[str] = "clipped_sound"
    needs: ClassVar[tuple[str, ...]] = ("clipped_share",)
    most: float = 0.0001

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.over(scores["clipped_share"], self.most, "{value} of the samples are clipped, {limit} may be")


SOUND: tuple[type[Filter], ...] = (AudioOffset, Dubbed, Speaks, NoisySound, ClippedSound)
