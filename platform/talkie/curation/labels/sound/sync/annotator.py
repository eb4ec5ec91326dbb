"""The audio-video offset as a label: what is measured on a draft, and how much of it a clip's sound may be moved."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from talkie.clip import FPS, SAMPLE_RATE, Sync
from talkie.curation.draft import Annotator, Draft, Findings, Watcher
from talkie.curation.labels.sound.sync.model import SyncModel, fitted_model
from talkie.curation.labels.sound.sync.mouth import mouth_motion
from talkie.curation.labels.sound.sync.offset import LEAST_FRAMES, estimate

CONFIDENT = 0.5
"""Confidence from which on an offset is trusted; on the stage more than 90 % of such are right within a frame."""


class SyncAnnotator(Annotator):
    """Audio-video offset of each clip from mouth and sound, positive where the audio is late."""

    name: ClassVar[str] = "sync"
    scores: ClassVar[dict[str, str]] = {
        "sync_offset_frames": "how late the sound is against the mouth, frames of 40 ms; negative: early",
        "sync_confidence": "probability that the offset is right within one frame and the voice belongs to the mouth; "
        "low for dubbed footage, a still mouth, little speech",
    }

    def __init__(self, model: SyncModel | None = None) -> None:
        self.model = model or fitted_model()

    @property
    def tool(self) -> str:
        return f"talkie-sync {self.model.version}"

    def start(self) -> Watcher:
        return _Sync(self.model, self.tool)


class _Sync(Watcher):
    def __init__(self, model: SyncModel, tool: str) -> None:
        self.model, self.tool = model, tool

    def finish(self, draft: Draft) -> Findings:
        if draft.wide_audio is not None:
            audio, margin = draft.wide_audio, draft.margin
        elif draft.audio is not None:
            audio, margin = draft.audio, 0
        else:
            return Findings()
        if int(np.sum(draft.seen)) < LEAST_FRAMES:
            return Findings(scores={"sync_confidence": 0.0})
        motion = mouth_motion(draft.landmarks)
        found = estimate(motion, np.asarray(draft.seen, bool), audio, margin, draft.transcription, self.model)
        if found is None:
            return Findings(scores={"sync_confidence": 0.0})
        confidence = round(found.confidence, 4)
        sync = Sync(
            offset_s=round(found.offset_s, 4), confidence=confidence, method=self.tool, crop=f"clip {draft.size} px"
        )
        return Findings(
            scores={"sync_offset_frames": round(found.offset_s * FPS, 3), "sync_confidence": confidence}, sync=sync
        )


def correction_s(sync: Sync | None, least_confidence: float = CONFIDENT) -> float:
    """By how much the sound is to be moved earlier, in seconds: the offset to a whole sample where it is trusted, else
    0. What `Sync.applied_s` shall hold."""
    if sync is None or sync.confidence < least_confidence:
        return 0.0
    return round(sync.offset_s * SAMPLE_RATE) / SAMPLE_RATE
