"""Perceptual networks on face geometry: what the lips say, frame by frame, and what a clip expresses. They are trained
first and frozen then; systems compare features through them. Second networks of other build judge the result."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie_zoo.blocks.alibi import AlibiLayer


class LipReader(nn.Module):
    """Lip vertices -> one feature and scores of visemes per frame, through temporal convolutions (k5): the stand-in for
    the front end of a visual speech recogniser, whose first layer also spans five frames."""

    def __init__(self, inputs: int, channels: int, classes: int, dropout: float = 0.1):
        super().__init__()
        self.stem = nn.Linear(inputs, channels)
        self.convs = nn.ModuleList(nn.Conv1d(channels, channels, 5, padding=2) for _ in range(2))
        self.norm, self.dropout = nn.LayerNorm(channels), nn.Dropout(dropout)
        self.head = nn.Linear(channels, classes)

    def features(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, inputs), mask (B, T) -> (B, T, channels)."""
        x = F.gelu(self.stem(x)) * mask[..., None]
        for conv in self.convs:
            x = (x + F.gelu(conv(x.transpose(1, 2)).transpose(1, 2))) * mask[..., None]
        return self.norm(x)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, T, classes)."""
        return self.head(self.dropout(self.features(x, mask)))


class ClipClassifier(nn.Module):
    """Per-frame features -> transformer layer with symmetric ALiBi -> mean over time -> linear heads, one a label: the
    video emotion network of EMOTE. `stem` layers make the features where no pretrained network does."""

    def __init__(
        self, inputs: int, channels: int, heads: int, classes: tuple[int, ...], dropout: float, drop_head: float
    ):
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(inputs, channels), nn.GELU(), nn.Linear(channels, channels))
        self.layer = AlibiLayer(channels, heads, channels, dropout)
        self.drop_head = nn.Dropout(drop_head)
        self.heads = nn.ModuleList(nn.Linear(channels, count) for count in classes)

    def features(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, inputs), mask (B, T) -> one feature a clip (B, channels)."""
        return masked_average(self.layer(self.stem(x), mask), mask)

    def forward(self, x: Tensor, mask: Tensor) -> list[Tensor]:
        """Scores (B, classes) of each head."""
        pooled = self.drop_head(self.features(x, mask))
        return [head(pooled) for head in self.heads]


class RecurrentJudge(nn.Module):
    """A bidirectional GRU over motion: scores per frame and, averaged, per clip. Nothing is trained against it."""

    def __init__(self, inputs: int, channels: int, classes: int, dropout: float = 0.2):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(inputs, channels, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, inputs) -> (B, T, classes)."""
        return self.head(self.dropout(self.gru(self.dropout(x))[0]))


def masked_average(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over the real frames: x (B, T, C), mask (B, T) -> (B, C)."""
    weight = mask[..., None].to(x)
    return (x * weight).sum(1) / weight.sum(1).clamp_min(1)


def frame_distance(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """1 - mean cosine of per-frame features (B, T, C) over the real frames: the lip-reading loss of EMOTE."""
    cosine = F.cosine_similarity(a, b, dim=-1) * mask
    return 1 - cosine.sum() / mask.sum().clamp_min(1)


def clip_distance(a: Tensor, b: Tensor) -> Tensor:
    """1 - mean cosine of clip features (B, C): EMOTE's emotion loss."""
    return 1 - F.cosine_similarity(a, b, dim=-1).mean()


def frame_cross_entropy(scores: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Mean cross entropy over the real frames: scores (B, T, K), labels (B, T), mask (B, T)."""
    each = F.cross_entropy(scores.flatten(0, 1), labels.flatten(), reduction="none")
    weight = mask.flatten().to(each)
    return torch.dot(each, weight) / weight.sum().clamp_min(1)
