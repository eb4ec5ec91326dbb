"""Phones of a stretch of video as numbers for networks: a string of tokens to be spelt, and a label a frame. Visemes of
motion are the systems' own."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import torch
from torch import Tensor

from talkie.clip import FPS, Transcription
from talkie.speech.phones import ARPABET, SILENCE, viseme_of

BLANK = 0
"""Padding, the blank of connectionist temporal classification, and silence where every frame has a label."""
PHONES: tuple[str, ...] = tuple(phone for phone in ARPABET if phone != SILENCE)
EOS = len(PHONES) + 1
"""Ends a string; decoders begin with it too, as fairseq's do."""
CLASSES, TOKENS = len(PHONES) + 1, len(PHONES) + 2
"""How many labels a frame can have (blank and phones), and how many tokens a string is made of (with EOS)."""
_NUMBER = {phone: number for number, phone in enumerate(PHONES, 1)}


def phone_tokens(said: Transcription) -> tuple[Tensor, Tensor]:
    """Tokens (P,) int64 of what is said, silence left out, and the middle of each in frames (P,) float32."""
    heard = [phone for phone in said.phones if phone.label != SILENCE]
    tokens = torch.tensor([_NUMBER[phone.label] for phone in heard], dtype=torch.long)
    return tokens, torch.tensor([(phone.start_s + phone.end_s) / 2 * FPS for phone in heard])


def phone_labels(said: Transcription, frames: int) -> Tensor:
    """(frames,) int64 the phone in the middle of each frame, BLANK for silence and where none is."""
    labels = torch.full((frames,), BLANK)
    middles = (torch.arange(frames) + 0.5) / FPS
    for phone in said.phones:
        if phone.label != SILENCE:
            labels[(middles >= phone.start_s) & (middles < phone.end_s)] = _NUMBER[phone.label]
    return labels


def phone_names(tokens: Iterable[int]) -> list[str]:
    """Tokens of phones -> their ARPABET labels."""
    return [PHONES[token - 1] for token in tokens]


def viseme_runs(tokens: Iterable[int]) -> list[str]:
    """Tokens of phones -> the visemes they show, those that follow one another and look alike as one."""
    return [viseme for viseme, _ in groupby(map(viseme_of, phone_names(tokens)))]
