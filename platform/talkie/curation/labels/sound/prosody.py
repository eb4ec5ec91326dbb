"""Melody, loudness and voice activity of a clip's sound, and scores of how well it was recorded."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from talkie.clip import SAMPLE_RATE
from talkie.curation.draft import Annotator, Draft, Findings, Watcher
from talkie.speech.activity import FPS, speech_activity
from talkie.speech.prosody import loudness_contour, pitch_contour
from talkie.speech.quality import clipped_share, frame_power, integrated_loudness, snr_db

SILENT_DB = -100.0


class ProsodyAnnotator(Annotator):
    """prosody.npz at 100 Hz with the stage's arrays: time_s, f0_hz (0 where unvoiced), voiced, confidence,
    loudness_lufs, level_db, each (P,), P = 4 T; and speech (P,) bool, where somebody speaks."""

    name: ClassVar[str] = "prosody"
    fields: ClassVar[tuple[str, ...]] = ("prosody.npz",)
    scores: ClassVar[dict[str, str]] = {
        "speech_share": "share of the time in which somebody speaks",
        "snr_db": "speech over noise while somebody speaks, dB, from -10 to 60; absent where nobody speaks",
        "loudness_lufs": "integrated loudness of BS.1770, LUFS; -70 for silence",
        "f0_median_hz": "median fundamental frequency of voiced speech, Hz; absent where nothing is voiced",
        "clipped_share": "share of the samples that lie on a plateau at the end of the scale",
    }

    @property
    def tool(self) -> str:
        return "talkie-prosody 1"

    def start(self) -> Watcher:
        return _Prosody()


class _Prosody(Watcher):
    def finish(self, draft: Draft) -> Findings:
        if draft.audio is None:
            return Findings()
        audio = draft.audio
        f0, confidence = pitch_contour(audio, SAMPLE_RATE, FPS)
        speech = speech_activity(audio)
        voiced = np.isfinite(f0) & speech
        arrays = {
            "time_s": (np.arange(len(f0)) + 0.5) / FPS,
            "f0_hz": np.where(np.isfinite(f0), f0, 0.0),
            "confidence": confidence,
            "loudness_lufs": loudness_contour(audio, SAMPLE_RATE, FPS),
            "level_db": np.maximum(10 * np.log10(np.maximum(frame_power(audio), 1e-12)), SILENT_DB),
        }
        packed = {name: values.astype(np.float32) for name, values in arrays.items()}
        packed |= {"voiced": np.isfinite(f0), "speech": speech}
        scores = {
            "speech_share": float(speech.mean()),
            "loudness_lufs": integrated_loudness(audio),
            "clipped_share": clipped_share(audio),
        }
        ratio = snr_db(audio, speech)
        if ratio is not None:
            scores["snr_db"] = ratio
        if voiced.any():
            scores["f0_median_hz"] = float(np.median(f0[voiced]))
        return Findings(
            fields={"prosody.npz": packed}, scores={name: round(value, 4) for name, value in scores.items()}
        )
