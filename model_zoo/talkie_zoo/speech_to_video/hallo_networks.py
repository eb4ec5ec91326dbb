"""What Hallo puts around its two U-Nets: the locator of the face, projections of identity and sound, the hearing that
makes its sound features, and the small networks that stand in for ArcFace and measure mouths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie.clip import SAMPLES_PER_FRAME
from talkie.speech.phones import VISEMES
from talkie_zoo.blocks.activations import SiLU
from talkie_zoo.blocks.audio import LogMelEncoder, PretrainedEncoder
from talkie_zoo.blocks.temporal import resample
from talkie_zoo.blocks.unet_parts import GroupNorm


class FaceLocator(nn.Module):
    """The hard mask of the face (B, 1, S, S) -> features (B, C, s, s) that are added to the denoiser's first ones. The
    last convolution begins with zeros."""

    def __init__(self, widths: Sequence[int], outputs: int):
        super().__init__()
        # Three equal planes, as released.
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, padding=1), SiLU()]
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, a, 3, padding=1), SiLU(), nn.Conv2d(a, b, 3, stride=2, padding=1), SiLU()]
        last = nn.Conv2d(widths[-1], outputs, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        self.layers = nn.Sequential(*layers, last)

    def forward(self, mask: Tensor) -> Tensor:
        return self.layers(mask.expand(-1, 3, -1, -1))


class ImageProjection(nn.Module):
    """An embedding of the face (B, E) -> tokens (B, K, D)."""

    def __init__(self, embedding: int, tokens: int, context: int):
        super().__init__()
        self.tokens = tokens
        self.proj, self.norm = nn.Linear(embedding, tokens * context), nn.LayerNorm(context)

    def forward(self, embedding: Tensor) -> Tensor:
        return self.norm(self.proj(embedding).unflatten(-1, (self.tokens, -1)))


class AudioProjection(nn.Module):
    """Stacked hidden states around each frame -> tokens of that frame: (B, T, L, C) -> (B, T, K, D).

    A window of `span` frames, the edges repeated, through three linear layers.
    """

    def __init__(self, span: int, inputs: int, hidden: int, tokens: int, context: int):
        super().__init__()
        self.span, self.tokens = span, tokens
        self.proj1, self.proj2 = nn.Linear(span * inputs, hidden), nn.Linear(hidden, hidden)
        self.proj3, self.norm = nn.Linear(hidden, tokens * context), nn.LayerNorm(context)

    def forward(self, heard: Tensor) -> Tensor:
        """Windows (B, T, span, L, C), as `windows` makes them."""
        x = F.relu(self.proj2(F.relu(self.proj1(heard.flatten(2)))))
        return self.norm(self.proj3(x).unflatten(-1, (self.tokens, -1)))

    def windows(self, stacked: Tensor, frames: Sequence[int]) -> Tensor:
        """Of hidden states (T, L, C) what lies around some frames: (len(frames), span, L, C)."""
        reach = torch.arange(self.span) - self.span // 2
        return stacked[(torch.tensor(list(frames))[:, None] + reach).clamp(0, len(stacked) - 1)]


class MelHearing(LogMelEncoder):
    """The stand-in for wav2vec 2.0: log-mel, convolutions, transformer layers, taught to name visemes and frozen."""

    def __init__(self, channels: int, layers: int, heads: int):
        super().__init__(channels, layers, heads, 0.1)
        self.depth = layers
        self.names = nn.Linear(channels, len(VISEMES))
        self.architecture: dict[str, Any] | None = None

    def stacked(self, inputs: Tensor, frames: int) -> Tensor:
        """Hidden states of all layers at the frame rate: inputs (M, 80) -> (T, L, C)."""
        features, lengths = self.features(inputs[None], torch.tensor([len(inputs)]))
        x = resample(features, lengths, torch.tensor([frames]), frames)
        mask = torch.ones(1, frames, dtype=torch.bool)
        states = []
        for layer in self.layers:
            x = layer(x, mask)
            states.append(F.layer_norm(x, x.shape[-1:]))
        return torch.stack(states, 2)[0]

    def scores(self, inputs: Tensor, lengths: Tensor, frames: Tensor, mask: Tensor) -> Tensor:
        """Scores of visemes (B, T, V) of a padded batch (B, M, 80)."""
        features, samples = self.features(inputs, lengths)
        return self.names(self.context(resample(features, samples, frames, mask.shape[1]), mask))


class Wav2VecHearing(PretrainedEncoder):
    """wav2vec 2.0, frozen, whose convolutional features are brought to the frame rate before its transformer."""

    def __init__(self, pretrained: str | None, architecture: dict[str, Any] | None):
        super().__init__("wav2vec2", pretrained, architecture)
        self.depth = self.model.config.num_hidden_layers

    def stacked(self, inputs: Tensor, frames: int) -> Tensor:
        """Hidden states of all layers at the frame rate: inputs (N, 1) -> (T, L, C)."""
        features = self.model.feature_extractor(inputs[None, :, 0]).transpose(1, 2)
        lengths = torch.tensor([features.shape[1]])
        x = resample(features, lengths, torch.tensor([frames]), frames)
        hidden = self.model.encoder(self.model.feature_projection(x)[0], output_hidden_states=True).hidden_states
        return torch.stack(hidden[1:], 2)[0]


def inputs_of(hearing: MelHearing | Wav2VecHearing, audio: np.ndarray, frames: int) -> Tensor:
    """What a hearing reads of sound (N,), brought to exactly `frames`."""
    samples = frames * SAMPLES_PER_FRAME
    audio = np.asarray(audio[:samples], np.float32)
    return hearing.inputs(np.pad(audio, (0, samples - len(audio))))


class _Trunk(nn.Sequential):
    """Convolutions of stride 2 down to 4 px and a linear layer: (N, 3, S, S) -> (N, width)."""

    def __init__(self, size: int, width: int, first: int = 16):
        layers: list[nn.Module] = []
        channels, side = 3, size
        while side > 4:
            layers += [nn.Conv2d(channels, first, 3, stride=2, padding=1), GroupNorm(4, first), SiLU()]
            channels, first, side = first, min(2 * first, 64), (side + 1) // 2
        super().__init__(*layers, nn.Flatten(), nn.Linear(channels * side * side, width))


class FaceClassifier(nn.Module):
    """The stand-in for ArcFace: a classifier of the training people, whose last layer but one is the embedding of any
    face, of unit length times the root of its width."""

    def __init__(self, size: int, width: int, people: int):
        super().__init__()
        self.trunk, self.people = _Trunk(size, width), nn.Linear(width, max(1, people))

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (N, 3, S, S) in [-1, 1] -> (N, width)."""
        return F.layer_norm(self.trunk(pictures), (self.people.in_features,))

    def loss(self, pictures: Tensor, people: Tensor) -> Tensor:
        return F.cross_entropy(self.people(self(pictures)), people)


class MouthProbe(nn.Module):
    """Reads how far a mouth is open off the pixels: pictures (N, 3, S, S) in [-1, 1] -> (N,), inner lips apart over the
    mouth's width. It looks closely, at where mouths are in a square around a face. It learns from true landmarks, and
    nothing is trained against it."""

    WIDTHS = (16, 24, 24, 32, 32)
    STRIDES = (1, 2, 1, 2, 2)

    def __init__(self, size: int):
        super().__init__()
        side = size // 16
        self.rows, self.columns = slice(8 * side, 16 * side), slice(3 * side, 13 * side)
        layers: list[nn.Module] = []
        for (a, b), stride in zip(pairwise((3, *self.WIDTHS)), self.STRIDES, strict=True):
            layers += [nn.Conv2d(a, b, 3, stride, 1), GroupNorm(4, b), SiLU()]
        self.look = nn.Sequential(*layers, nn.Flatten())
        self.opening = nn.Linear(self.WIDTHS[-1] * side * math.ceil(10 * side / 8), 1)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.opening(self.look(pictures[:, :, self.rows, self.columns]))[:, 0]


def recoloured(pictures: Tensor, by: float = 0.1) -> Tensor:
    """Pictures (N, 3, S, S) under other light, so that openings are not learnt with the colours of a few people: each
    with a contrast and a colour drawn from torch's random state."""
    mean, count = pictures.mean((2, 3), keepdim=True), len(pictures)
    contrast, colour = (1 + by * torch.randn(count, 1, 1, 1)).to(mean), (by * torch.randn(count, 3, 1, 1)).to(mean)
    return mean + contrast * (pictures - mean) + colour
