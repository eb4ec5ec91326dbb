"""The settings of a training run, checked whole before Ray starts. A system's own settings are in its config."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class TrainConfig(BaseModel):
    """How to train. `system`, `preset` and `overrides` choose the system and its config; `batch_size` is that of all
    workers together; `threads` are torch threads of each worker. Bit-equal repetition holds for equal settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    preset: str = "tiny"
    overrides: dict[str, Any] = {}
    seed: int = 0
    batch_size: int = Field(16, ge=1, description="clips per step, over all workers")
    workers: int = Field(1, ge=1, description="Ray Train workers")
    threads: int = Field(2, ge=1, description="torch threads per worker")
    zero_stage: int = Field(0, ge=0, le=3, description="DeepSpeed ZeRO stage")
    checkpoint_every: int = Field(100, ge=1, description="steps between checkpoints")
    keep: int = Field(2, ge=1, description="checkpoints kept")
    log_every: int = Field(10, ge=1, description="steps between progress events")
    cache_mb: int = Field(2048, ge=0, description="memory for prepared examples, per worker")

    @model_validator(mode="after")
    def _even_slices(self) -> TrainConfig:
        if self.batch_size % self.workers:
            raise ValueError(f"batch_size {self.batch_size} cannot be shared evenly by {self.workers} workers")
        return self
