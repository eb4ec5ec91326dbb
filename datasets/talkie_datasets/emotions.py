"""The emotions of all sets in talkie's eight words: records keep their set's own, who mixes sets maps late, here."""

from __future__ import annotations

COMMON = {
    "neutral": "neutral",
    "happy": "happy",
    "happiness": "happy",
    "sad": "sad",
    "sadness": "sad",
    "angry": "angry",
    "anger": "angry",
    "surprise": "surprised",
    "surprised": "surprised",
    "fear": "afraid",
    "fearful": "afraid",
    "disgust": "disgusted",
    "disgusted": "disgusted",
    "contempt": "contempt",
}
"""A set's word to talkie's. RAVDESS's `calm` has no counterpart and is not in it."""


def common_emotion(label: str) -> str | None:
    """talkie's word for a set's emotion; None where it has none, or where a clip bears several (`neutral,happy`)."""
    return COMMON.get(label.lower())
