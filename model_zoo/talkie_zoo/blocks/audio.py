"""Audio encoders behind one interface (features at 50 Hz, then context at the frame rate): a small one on log-mel,
trained from scratch, and the self-supervised ones of transformers. What is decoded from them lives with each system."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie.clip import FPS, SAMPLES_PER_FRAME
from talkie.errors import MissingExtra
from talkie.speech.features import log_mel
from talkie_zoo.blocks.temporal import AttentionLayer, mask_of

MELS = 80
MEL_HOP_S = 0.02
TILT = 0.5
"""Deviation of a band under another voice's colour, in deviations of the training clips."""


def normalise(audio: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance per clip: (N,) float32; silence stays zero."""
    centred = audio - audio.mean()
    return (centred / np.sqrt(centred.var() + 1e-7)).astype(np.float32)


class LogMelEncoder(nn.Module):
    """Two convolutions on 80 log-mel bands at 50 Hz, then transformer layers.

    `mel_mean` and `mel_std` (80,) standardise the bands; they are measured on the training clips.
    """

    mel_mean: Tensor
    mel_std: Tensor
    rows_per_frame = round(1 / (FPS * MEL_HOP_S))
    """Input rows under one video frame."""

    def __init__(self, channels: int, layers: int, heads: int, dropout: float):
        super().__init__()
        self.channels = channels
        self.stem = nn.ModuleList(
            [nn.Conv1d(MELS, channels, 3, padding=1), nn.Conv1d(channels, channels, 3, padding=1)]
        )
        self.layers = nn.ModuleList(AttentionLayer(channels, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(channels)
        self.register_buffer("mel_mean", torch.zeros(MELS))
        self.register_buffer("mel_std", torch.ones(MELS))

    @staticmethod
    def inputs(audio: np.ndarray) -> Tensor:
        """What the encoder reads of a clip: (N,) samples at 16 kHz -> (M, 80) log-mel at 50 Hz."""
        return log_mel(normalise(audio), n_mels=MELS, hop_s=MEL_HOP_S)

    def measure(self, inputs: list[Tensor]) -> None:
        """Sets the bands' statistics from the inputs of training clips."""
        mel = torch.cat(inputs)
        self.mel_mean.copy_(mel.mean(0))
        self.mel_std.copy_(mel.std(0).clamp_min(1e-3))

    def revoiced(self, x: Tensor, warp: float) -> Tensor:
        """Inputs (M, 80) as if somebody else spoke: the bands stretched by up to `warp`, as by another vocal tract
        (Jaitly & Hinton 2013, vocal tract length perturbation), and coloured by a smooth curve, from torch's random
        state."""
        stretch = 1 + warp * (2 * torch.rand(()) - 1)
        place = (torch.arange(MELS) * stretch).clamp(0, MELS - 1)
        low = place.long().clamp_max(MELS - 2)
        share = place - low
        x = x[:, low] * (1 - share) + x[:, low + 1] * share
        curve = torch.linspace(-1, 1, MELS)[None] ** torch.arange(3)[:, None]
        return x + self.mel_std * (TILT * torch.randn(3) @ curve)

    def features(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The convolutional front end: x (B, M, 80), lengths (B,) -> (B, M, C) at 50 Hz and their lengths (B,)."""
        mask = mask_of(lengths, x.shape[1])[..., None]
        x = (x - self.mel_mean) / self.mel_std * mask
        for conv in self.stem:
            x = F.gelu(conv(x.transpose(1, 2)).transpose(1, 2)) * mask
        return x, lengths

    def context(self, x: Tensor, mask: Tensor) -> Tensor:
        """The transformer: x (B, T, C) at any frame rate, mask (B, T) -> (B, T, C), zero outside the mask."""
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x) * mask[..., None]


class PretrainedEncoder(nn.Module):
    """WavLM, wav2vec 2.0 or HuBERT through transformers; its convolutional front end is always frozen.

    `pretrained`: a path or hub name whose safetensors are loaded. Without one, the class is built with random weights
    from `architecture` (settings of its config class) - the run's card says so. Raises MissingExtra without
    transformers.
    """

    rows_per_frame = SAMPLES_PER_FRAME
    """Input rows under one video frame."""

    def __init__(
        self, kind: Literal["wavlm", "wav2vec2", "hubert"], pretrained: str | None, architecture: dict[str, Any] | None
    ):
        super().__init__()
        try:
            import transformers
        except ImportError as error:
            raise MissingExtra(
                f"the {kind} audio encoder needs transformers",
                cure="pip install transformers, or use the preset `tiny`, which needs none",
            ) from error
        name = {"wavlm": "WavLM", "wav2vec2": "Wav2Vec2", "hubert": "Hubert"}[kind]
        names = (f"{name}Model", f"{name}Config")
        model, config = (getattr(transformers, name) for name in names)
        if pretrained and architecture is None:
            # Only safetensors: a pickle from a hub would run code.
            self.model = model.from_pretrained(pretrained, use_safetensors=True)
        else:
            self.model = model(config(**(architecture or {})))
        self.model.feature_extractor._freeze_parameters()
        self.channels = self.model.config.hidden_size
        self.architecture: dict[str, Any] = self.model.config.to_diff_dict()

    @staticmethod
    def inputs(audio: np.ndarray) -> Tensor:
        """(N,) samples at 16 kHz -> (N, 1), zero mean and unit variance."""
        return torch.from_numpy(normalise(audio))[:, None]

    def measure(self, inputs: list[Tensor]) -> None:
        """Nothing: the waveform is normalised per clip."""

    def features(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The whole model: x (B, N, 1), lengths (B,) -> (B, M, C) at 50 Hz and their lengths (B,)."""
        mask = mask_of(lengths, x.shape[1])
        features = self.model(x[..., 0], attention_mask=mask.long()).last_hidden_state
        return features, self.model._get_feat_extract_output_lengths(lengths).long()

    def context(self, x: Tensor, mask: Tensor) -> Tensor:
        """Nothing more: the transformer belongs to the pretrained 50 Hz (position 1 of the adaptor, as shipped)."""
        return x * mask[..., None]
