"""Phones as labels of video frames, for networks that learn to hear or to read lips."""

from __future__ import annotations

import torch
from torch import Tensor

from talkie.clip import FPS, Transcription
from talkie.speech.phones import SILENCE, VISEMES, viseme_of


def viseme_labels(transcription: Transcription, frames: int) -> Tensor:
    """(frames,) the viseme at the middle of each frame, as a row of VISEMES; silence where no phone is."""
    labels = torch.full((frames,), VISEMES.index(viseme_of(SILENCE)))
    middles = (torch.arange(frames) + 0.5) / FPS
    for phone in transcription.phones:
        labels[(middles >= phone.start_s) & (middles < phone.end_s)] = VISEMES.index(phone.viseme)
    return labels
