"""Speech features that can be had while somebody speaks: chunks of five frames with a little past and future, the same
numbers however the sound arrives. What is learned from them lives with each system."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from talkie.clip import FPS, SAMPLES_PER_FRAME
from talkie.speech.features import log_mel
from talkie_zoo.blocks.audio import PretrainedEncoder

PAST, NOW, FUTURE = 3, 5, 2
"""Frames of a chunk (Ditto's streaming HuBERT)."""
EXTRA = 80
"""Samples after a chunk, so that its last 50 Hz feature is whole."""
CHUNK = (PAST + NOW + FUTURE) * SAMPLES_PER_FRAME + EXTRA
"""Samples of a chunk."""
SIDE = 2
"""Frames before and after whose bands a frame's features hold."""
ROWS = 2
"""Rows at 50 Hz of a frame at 25 fps."""
QUIET = 0.02
"""The level in full scale below which sound is not raised."""


class Encoder(Protocol):
    """What turns chunks into features of their middle frames."""

    width: int
    chunk_samples: int

    def chunk(self, samples: np.ndarray) -> Tensor: ...


class MelStack(nn.Module):
    """The stand-in where nothing pretrained is given: log-mel bands of a frame and two on each side."""

    chunk_samples = CHUNK

    def __init__(self, mels: int):
        super().__init__()
        self.mels, self.width = mels, mels * ROWS * (2 * SIDE + 1)

    def chunk(self, samples: np.ndarray) -> Tensor:
        """A chunk of sound -> (5, width)."""
        rows = log_mel(samples, n_mels=self.mels, hop_s=1 / (FPS * ROWS))[: ROWS * (PAST + NOW + FUTURE)]
        stacked = rows.unfold(0, ROWS * (2 * SIDE + 1), ROWS).transpose(1, 2).flatten(1)
        return stacked[PAST - SIDE : PAST - SIDE + NOW]


class ChunkedSpeechModel(nn.Module):
    """HuBERT or a sibling, frozen: its 50 Hz outputs of a chunk's middle, averaged by pairs."""

    chunk_samples = CHUNK

    def __init__(
        self, kind: Literal["hubert", "wavlm", "wav2vec2"], pretrained: str | None, architecture: dict[str, Any] | None
    ):
        super().__init__()
        self.encoder = PretrainedEncoder(kind, pretrained, architecture)
        self.width = self.encoder.channels

    @torch.no_grad()
    def chunk(self, samples: np.ndarray) -> Tensor:
        inputs = self.encoder.inputs(samples)[None]
        out = self.encoder.features(inputs, torch.tensor([inputs.shape[1]]))[0][0]
        # The card's [-14:-4] of the 20 outputs of 6480 samples.
        return out[ROWS * PAST : ROWS * (PAST + NOW)].unflatten(0, (NOW, ROWS)).mean(1)


class Hearing:
    """One recording as it comes in. Chunk k holds frames 5 k to 5 k + 4; before the start and after the end is silence.

    The level is that of the loudest chunk heard so far, so that quiet and loud recordings sound alike and nothing
    waits for the end."""

    def __init__(self, encoder: Encoder):
        self.encoder = encoder
        self._sound = np.zeros(PAST * SAMPLES_PER_FRAME, np.float32)
        self._samples, self._frames, self._peak = 0, 0, QUIET

    def push(self, samples: np.ndarray) -> Tensor:
        """Samples (n,) -> features (m, width) of the frames that are complete."""
        self._samples += len(samples)
        self._sound = np.concatenate([self._sound, np.asarray(samples, np.float32)])
        return self._run(None)

    def finish(self, frames: int) -> Tensor:
        """Features of the rest of `frames` frames."""
        short = -(-frames // NOW) * NOW - self._frames
        missing = (PAST + short + FUTURE) * SAMPLES_PER_FRAME + EXTRA - len(self._sound)
        self._sound = np.pad(self._sound, (0, max(0, missing)))
        return self._run(frames)

    def _run(self, most: int | None) -> Tensor:
        parts = []
        while len(self._sound) >= CHUNK and (most is None or self._frames < most):
            chunk = self._sound[:CHUNK]
            self._peak = max(self._peak, float(np.sqrt(np.mean(np.square(chunk)))))
            part = self.encoder.chunk(chunk * (0.1 / self._peak))
            parts.append(part if most is None else part[: most - self._frames])
            self._frames += NOW
            self._sound = self._sound[NOW * SAMPLES_PER_FRAME :]
        return torch.cat(parts) if parts else torch.zeros(0, self.encoder.width)


def hear(encoder: Encoder, audio: np.ndarray, frames: int) -> Tensor:
    """A whole recording at once: samples (N,) -> (frames, width)."""
    hearing = Hearing(encoder)
    return torch.cat([hearing.push(audio[: frames * SAMPLES_PER_FRAME]), hearing.finish(frames)])
