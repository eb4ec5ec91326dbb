"""An audio encoder at the frame rate of the video, and how it learns to hear without anybody's weights: phones, by
connectionist temporal classification. Encoders at 50 Hz, and those of transformers, are in audio.py."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie.clip import FPS, SAMPLES_PER_FRAME
from talkie.speech.features import log_mel
from talkie_zoo.blocks.phone_tokens import BLANK, CLASSES
from talkie_zoo.blocks.transformer import ContextEncoder

BANDS, HOP_S = 26, 0.01
STACKED = round(1 / (FPS * HOP_S))
"""Columns of the spectrum under one video frame: four at 25 fps."""
INPUTS = BANDS * STACKED


def stacked_filterbanks(audio: np.ndarray, frames: int) -> Tensor:
    """(frames, 104): 26 log filterbanks at 100 Hz, four stacked to a frame and brought to zero mean and unit deviation
    in it, as AV-HuBERT hears (Shi et al. 2022). audio (N,) at 16 kHz is cut or padded with silence."""
    wanted = frames * SAMPLES_PER_FRAME
    samples = np.pad(np.asarray(audio, np.float32)[:wanted], (0, max(0, wanted - len(audio))))
    stacked = log_mel(samples, n_mels=BANDS, hop_s=HOP_S).reshape(frames, INPUTS)
    return F.layer_norm(stacked, (INPUTS,))


class PhoneAudio(nn.Module):
    """Stacked filterbanks -> features at the frame rate, each of which has heard the whole clip, and scores of phones.

    The audio branch of AV-HuBERT: a linear layer, a norm, another linear layer and a transformer."""

    def __init__(self, width: int, layers: int, heads: int, feedforward: int, dropout: float, reach: int, groups: int):
        super().__init__()
        self.width = width
        self.stem = nn.Sequential(nn.Linear(INPUTS, width), nn.LayerNorm(width), nn.Linear(width, width))
        self.context = ContextEncoder(width, layers, heads, feedforward, dropout, reach, groups)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, 104), mask (B, T) bool -> (B, T, width), zero outside the mask."""
        return self.context(self.stem(x), mask)

    def ctc(self, features: Tensor, frames: Tensor, strings: Tensor, lengths: Tensor) -> Tensor:
        """`ctc_per_phone` of features (B, T, width) of `frames` (B,) rows, strings (B, L) of `lengths` (B,)."""
        return ctc_per_phone(self.head(features), frames, strings, lengths)

    @torch.no_grad()
    def spell(self, features: Tensor) -> list[int]:
        """The best phone of each frame of one clip (T, width), repetitions and blanks left out."""
        return best_path(self.head(features))


def ctc_per_phone(scores: Tensor, frames: Tensor, strings: Tensor, lengths: Tensor) -> Tensor:
    """Mean over the clips of -log p(phones) per phone (Graves et al. 2006): scores (B, T, CLASSES) of `frames` (B,)
    rows, strings (B, L) of `lengths` (B,). A string that does not fit into its frames counts nothing."""
    chances = scores.log_softmax(-1).transpose(0, 1)
    each = F.ctc_loss(chances, strings, frames, lengths, BLANK, reduction="none", zero_infinity=True)
    return (each / lengths.clamp_min(1)).mean()


def best_path(scores: Tensor) -> list[int]:
    """The string that the best class of each of the frames (T, CLASSES) spells, repetitions and blanks left out."""
    best = scores.argmax(-1)
    kept = best[torch.diff(best, prepend=best.new_tensor([-1])) != 0]
    return [int(k) for k in kept if k != BLANK]


def warped_bands(x: Tensor, warp: float) -> Tensor:
    """Stacked filterbanks (T, 104) as another vocal tract would make them: bands stretched by up to `warp` and tilted,
    from torch's random state (Jaitly & Hinton 2013)."""
    bands = x.unflatten(-1, (STACKED, BANDS))
    place = (torch.arange(BANDS) * (1 + warp * (2 * torch.rand(()) - 1))).clamp(0, BANDS - 1)
    low = place.long().clamp_max(BANDS - 2)
    share = place - low
    bands = bands[..., low] * (1 - share) + bands[..., low + 1] * share
    bands = bands + 2 * warp * torch.randn(()) * torch.linspace(-1, 1, BANDS)
    return F.layer_norm(bands.flatten(-2), (INPUTS,))
