"""The networks of EMOTE: the talker that turns speech features and a condition into latents of the motion prior, its
audio front at 25 Hz, and the frozen critics and judges. How they are trained is in emote.py."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from talkie.speech.phones import VISEMES
from talkie_zoo.blocks.alibi import AlibiLayer
from talkie_zoo.blocks.audio import LogMelEncoder, PretrainedEncoder
from talkie_zoo.blocks.batches import masked_mean
from talkie_zoo.blocks.critics import (
    ClipClassifier,
    LipReader,
    RecurrentJudge,
    clip_distance,
    frame_cross_entropy,
    frame_distance,
)
from talkie_zoo.blocks.injectors import ConcatInjector
from talkie_zoo.blocks.motion_vae import Squash


class Wav2Vec25(PretrainedEncoder):
    """wav2vec 2.0 whose convolutional features are brought to the frame rate before its transformer, not after."""

    def __init__(self, pretrained: str | None, architecture: dict[str, Any] | None):
        super().__init__("wav2vec2", pretrained, architecture)

    def features(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The frozen convolutions: x (B, N, 1), lengths (B,) -> (B, M, C) at 50 Hz and their lengths (B,)."""
        with torch.no_grad():
            features = self.model.feature_extractor(x[..., 0]).transpose(1, 2)
        return features, self.model._get_feat_extract_output_lengths(lengths).long()

    def context(self, x: Tensor, mask: Tensor) -> Tensor:
        """Projection and transformer at 25 Hz: x (B, T, C), mask (B, T) -> (B, T, hidden), zero outside the mask."""
        hidden = self.model.encoder(self.model.feature_projection(x)[0], attention_mask=mask.long())
        return hidden.last_hidden_state * mask[..., None]


def audio_encoder(
    kind: Literal["log_mel", "wav2vec2"],
    channels: int,
    layers: int,
    heads: int,
    dropout: float,
    pretrained: str | None,
    architecture: dict[str, Any] | None,
) -> LogMelEncoder | Wav2Vec25:
    """The audio net that a config names."""
    if kind == "wav2vec2":
        return Wav2Vec25(pretrained, architecture)
    return LogMelEncoder(channels, layers, heads, dropout)


class Talker(nn.Module):
    """Speech features and a condition -> latents of the prior: a linear sequence encoder without positions, the
    condition beside it, one transformer layer with a bias that steps every 30 frames, a zero-initialised head, and
    eight frames squashed into a latent."""

    PERIOD = 30

    def __init__(self, audio: int, conditions: int, channels: int, heads: int, dropout: float, latent: int):
        super().__init__()
        self.sequence = nn.Linear(audio, channels)
        self.style = ConcatInjector(conditions, channels)
        self.layer = AlibiLayer(2 * channels, heads, 2 * channels, dropout, self.PERIOD)
        self.head = nn.Linear(2 * channels, channels)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.squash = Squash(channels, latent)

    def forward(self, context: Tensor, condition: Tensor, mask: Tensor) -> Tensor:
        """context (B, T, A), condition (B, K) or (B, T, K), mask (B, T) -> (B, ceil(T / 8), latent)."""
        hidden = self.layer(self.style(self.sequence(context), condition), mask)
        return self.squash(self.head(hidden) * mask[..., None])


class Critics(nn.Module):
    """Lip reader and emotion classifier on the vertices of the average face, and their two perceptual losses."""

    def __init__(
        self, lips: int, points: int, channels: int, heads: int, emotions: int, intensities: int, dropout: float
    ):
        super().__init__()
        self.lips = lips
        self.lip = LipReader(3 * lips, channels, len(VISEMES))
        self.emotion = ClipClassifier(3 * points, channels, heads, (emotions, intensities), dropout, 0.2)

    def lip_loss(self, moved: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """Cross entropy of the visemes: moved (B, T, points, 3) in units of their motion, labels and mask (B, T)."""
        return frame_cross_entropy(self.lip(self._lips(moved), mask), labels, mask)

    def emotion_loss(self, moved: Tensor, emotion: Tensor, intensity: Tensor, mask: Tensor) -> Tensor:
        """Cross entropies of emotion and intensity (B,), added up."""
        said = self.emotion(moved.flatten(2), mask)
        each = [nn.functional.cross_entropy(s, t) for s, t in zip(said, (emotion, intensity), strict=True)]
        return torch.stack(each).sum()

    def lip_distance(self, moved: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
        """1 - mean cosine of the lips' features per frame."""
        said, wanted = (self.lip.features(self._lips(x), mask) for x in (moved, reference))
        return frame_distance(said, wanted, mask)

    def emotion_distance(self, moved: Tensor, reference: Tensor, mask: Tensor, reference_mask: Tensor) -> Tensor:
        """1 - mean cosine of the clips' features; the reference may be another clip."""
        mine = self.emotion.features(moved.flatten(2), mask)
        return clip_distance(mine, self.emotion.features(reference.flatten(2), reference_mask))

    def _lips(self, moved: Tensor) -> Tensor:
        return moved[:, :, : self.lips].flatten(2)


class Judges(nn.Module):
    """Who measures the claims: networks of another kind than the critics, on other numbers where there are others. The
    emotion judge reads coefficients, the lip judge lip vertices. Nothing is trained against them."""

    def __init__(self, lips: int, coefficients: int, channels: int, emotions: int):
        super().__init__()
        self.lips = lips
        self.lip = RecurrentJudge(3 * lips, channels, len(VISEMES))
        self.emotion = RecurrentJudge(coefficients, channels, emotions)

    def visemes(self, moved: Tensor) -> Tensor:
        """Scores (B, T, visemes) of vertices (B, T, points, 3) in units of their motion."""
        return self.lip(moved[:, :, : self.lips].flatten(2))

    def emotions(self, coefficients: Tensor) -> Tensor:
        """Log-probabilities (B, emotions), averaged over the frames of standardised coefficients (B, T, D)."""
        return self.emotion(coefficients).log_softmax(-1).mean(1)

    def loss(self, moved: Tensor, coefficients: Tensor, labels: Tensor, emotion: Tensor, mask: Tensor) -> Tensor:
        """Cross entropies of both."""
        lips = frame_cross_entropy(self.visemes(moved), labels, mask)
        each = self.emotion(coefficients)
        return lips + frame_cross_entropy(each, emotion[:, None].expand(-1, each.shape[1]), mask)


def vertex_error(moved: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """MSE over vertices and the real frames: (B, T, points, 3), mask (B, T) -> scalar, in the square of their unit."""
    return masked_mean((moved - truth).square().flatten(2).mean(-1), mask)
