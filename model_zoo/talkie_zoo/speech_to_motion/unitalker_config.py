"""Sizes and schedules of UniTalker: its settings and presets. What they mean for the network is in unitalker.py."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from talkie.systems.contract import SystemConfig
from talkie.systems.tasks.speech_to_motion import Convention

SPEAKERS = 1_000
"""For sizing only, and a round number: how many speakers the paper's corpora name is not known, and a style of 64
numbers each does not decide the size."""


class UniTalkerConfig(SystemConfig):
    """Sizes and schedule. `shares`: the conventions and the share of clips annotated in each; a clip belongs to exactly
    one, chosen by its id, because the published corpora are disjoint and unequal; arkit must be among them, since it
    answers every request; a share of 0 keeps the head of the model that a run begins with and teaches it nothing.
    `tune`: what is trained, everything or the heads alone; `inherits`: what such a run takes over, everything or the
    audio encoder alone. Training sees a random stretch of `crop_s` of a longer clip."""

    audio: Literal["log_mel", "wavlm", "wav2vec2"] = "log_mel"
    pretrained: str | None = None
    architecture: dict[str, Any] | None = None
    audio_channels: int = Field(128, ge=8)
    audio_layers: int = Field(2, ge=0)
    audio_heads: int = Field(4, ge=1)
    channels: int = Field(128, ge=8)
    style: int = Field(16, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    pca: int = Field(48, ge=1)
    pca_frames: int = Field(1000, ge=2)
    basis_vertices: int = Field(400, ge=1)
    shares: dict[Convention, float] = Field({"arkit": 0.45, "vertices": 0.25, "landmarks": 0.15, "decimated": 0.15})
    tune: Literal["all", "heads"] = "all"
    inherits: Literal["all", "encoder"] = "all"
    pivot_probability: float = Field(0.1, ge=0, le=1)
    code_weight: float = Field(0.01, ge=0)
    arkit_weight: float = Field(1e-4, ge=0)
    learning_rate: float = Field(1e-4, gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    warm_up_steps: int = Field(1, ge=0)
    steps: int = Field(1, ge=1)
    crop_s: float = Field(20.0, gt=0)
    window_s: float = Field(25.0, gt=0)
    overlap_s: float = Field(5.0, ge=0)

    @model_validator(mode="after")
    def _sound(self) -> UniTalkerConfig:
        if "arkit" not in self.shares or min(self.shares.values()) < 0 or not sum(self.shares.values()):
            raise ValueError("shares must hold arkit, and positive numbers or 0, but not 0 alone")
        if self.overlap_s >= self.window_s:
            raise ValueError("overlap_s must be shorter than window_s")
        if self.pretrained and self.architecture:
            raise ValueError("pretrained brings its own architecture: leave one of the two out")
        return self


MICRO = UniTalkerConfig(
    channels=16,
    audio_channels=16,
    audio_layers=1,
    style=4,
    pca=8,
    pca_frames=50,
    basis_vertices=50,
    learning_rate=5e-3,
    warm_up_steps=2,
    steps=8,
)
TINY = UniTalkerConfig(learning_rate=2e-3, schedule="cosine", warm_up_steps=40, steps=500, arkit_weight=0.05)
PAPER = UniTalkerConfig(
    audio="wavlm",
    pretrained="microsoft/wavlm-base-plus",
    channels=256,
    style=64,
    pca=512,
    basis_vertices=100_000,
    warm_up_steps=8_000,
    steps=800_000,
)
