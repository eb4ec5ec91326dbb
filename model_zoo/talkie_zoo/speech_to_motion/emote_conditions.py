"""What EMOTE is told beside the speech (emotion, intensity, speaker), as weights that may be soft and may change from
frame to frame. The layer that takes them in is in blocks/injectors.py."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.speech.emotion import EMOTIONS, INTENSITIES
from talkie.systems.tasks.speech_to_motion import SpeechToMotionRequest

EMOTION, INTENSITY = "emotion", "intensity"
CONTROLS = (EMOTION, INTENSITY)
MIDDLE = 2.0
"""The intensity of a request that names none; neutral knows the lowest only."""


def labels_of(clip: Clip) -> tuple[int, int]:
    """Rows of a clip's emotion and intensity. A clip without an intensity counts as one of the middle level. Raises
    BadInput for a clip without a known emotion."""
    emotion, level = clip.record.labels.get(EMOTION, ""), clip.record.labels.get(INTENSITY, f"{MIDDLE:.0f}")
    if emotion not in EMOTIONS:
        raise BadInput(
            f"clip {clip.id} has the emotion {emotion!r}", cure=f"label clips with one of {', '.join(EMOTIONS)}"
        )
    if level not in map(str, INTENSITIES):
        raise BadInput(f"clip {clip.id} has the intensity {level!r}", cure="label clips with 1, 2 or 3")
    return EMOTIONS.index(emotion), int(level) - 1


def one_hot(emotion: Tensor, intensity: Tensor, speaker: Tensor, speakers: int) -> Tensor:
    """Rows (B,) of each -> (B, 8 + 3 + speakers)."""
    sizes = (len(EMOTIONS), len(INTENSITIES), speakers)
    parts = zip((emotion, intensity, speaker), sizes, strict=True)
    return torch.cat([torch.nn.functional.one_hot(rows, size).float() for rows, size in parts], -1)


def requested(request: SpeechToMotionRequest, speakers: Sequence[str]) -> Tensor:
    """(T, 8 + 3 + speakers) weights of a request, each group adding up to 1.

    `controls["emotion"]`: a name; names with weights; or an array (8,) or (T, 8) in the order of EMOTIONS.
    `controls["intensity"]`: 1 to 3, fractions between; or (T,) of them. Without a speaker (`identity` None) all share
    the style equally. Raises BadInput for anything else.
    """
    frames = request.frames
    emotion = _over(_emotion(request.controls.get(EMOTION, "neutral")), frames, EMOTION)
    neutral = EMOTIONS.index("neutral")
    silent = emotion[:, neutral] >= 1 - 1e-6
    level = request.controls.get(INTENSITY)
    intensity = np.where(silent, 1.0, MIDDLE) if level is None else _level(level, frames)
    parts = (emotion, _between(intensity), _over(_speaker(request.identity, speakers), frames, "identity"))
    return torch.as_tensor(np.concatenate(parts, 1), dtype=torch.float32)


def _emotion(wanted: Any) -> np.ndarray:
    if isinstance(wanted, str):
        wanted = {wanted: 1.0}
    if isinstance(wanted, Mapping):
        row = np.zeros(len(EMOTIONS))
        for name, weight in wanted.items():
            if name not in EMOTIONS:
                raise BadInput(f"no emotion {name!r}", where=EMOTION, cure=f"use {', '.join(EMOTIONS)}")
            row[EMOTIONS.index(name)] = weight
        wanted = row
    try:
        weights = np.asarray(wanted, np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{wanted!r} is no emotion", where=EMOTION, cure="give a name or weights") from error
    total = weights.sum(-1, keepdims=True) if weights.ndim else weights
    wide = weights.ndim in (1, 2) and weights.shape[-1] == len(EMOTIONS)
    if not wide or not np.isfinite(weights).all() or (weights < 0).any() or (total <= 0).any():
        raise BadInput("the emotion's weights are not (8,) or (T, 8) of shares", where=EMOTION, cure="see EMOTIONS")
    return np.asarray(weights / total)


def _level(wanted: Any, frames: int) -> np.ndarray:
    try:
        levels = np.asarray(wanted, np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{wanted!r} is no intensity", where=INTENSITY, cure="give a number from 1 to 3") from error
    if levels.shape not in ((), (frames,)) or not ((levels >= 1) & (levels <= len(INTENSITIES))).all():
        raise BadInput("intensity must lie from 1 to 3", where=INTENSITY, cure=f"give one number or {frames}")
    return np.broadcast_to(levels, (frames,))


def _between(levels: np.ndarray) -> np.ndarray:
    """(T,) from 1 to 3 -> (T, 3) shares of the two nearest levels."""
    return np.maximum(0.0, 1.0 - np.abs(levels[:, None] - np.asarray(INTENSITIES, np.float64)))


def _speaker(identity: str | None, speakers: Sequence[str]) -> np.ndarray:
    if identity is None:
        return np.full(len(speakers), 1.0 / len(speakers))
    if identity not in speakers:
        near = difflib.get_close_matches(identity, speakers, n=1)
        cure = f"did you mean {near[0]!r}?" if near else "leave it out for the mean of all styles"
        raise BadInput(f"no identity {identity!r} was trained", cure=cure)
    return np.eye(len(speakers))[list(speakers).index(identity)]


def _over(weights: np.ndarray, frames: int, name: str) -> np.ndarray:
    if weights.ndim == 2 and len(weights) != frames:
        raise BadInput(f"{len(weights)} rows for {frames} frames", where=name, cure="give one row a frame")
    return np.broadcast_to(weights, (frames, weights.shape[-1]))
