"""The settings of a training run, checked whole before Ray starts. A system's own settings are in its config."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from talkie.training.loading.config import LoadConfig

Precision = Literal["fp32", "bf16", "fp16"]
Offload = Literal["none", "cpu", "nvme"]


class TrainConfig(BaseModel):
    """How to train. `system`, `preset` and `overrides` choose the system and its config; `batch_size` is that of all
    workers together; `threads` are torch threads of each worker. Bit-equal repetition holds for equal settings.

    `precision`: weights and optimiser stay fp32, the losses run under torch's autocast. `accumulate`: parts that a
    worker's slice is computed in, for the memory of one part. `recompute`: activations are computed again in the
    backward pass by systems that can. `compile`: torch.compile of the losses.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    preset: str = "tiny"
    overrides: dict[str, Any] = {}
    start: Path | None = Field(None, description="folder of a trained model of this system that the run begins with")
    seed: int = Field(0, ge=0)
    batch_size: int = Field(16, ge=1, description="clips per step, over all workers")
    accumulate: int = Field(1, ge=1, description="parts of a step whose gradients are added up")
    precision: Precision = Field("fp32", description="of the losses; weights stay fp32")
    recompute: bool = Field(False, description="activation checkpointing")
    compile: bool = Field(False, description="torch.compile of the losses")
    workers: int = Field(1, ge=1, description="Ray Train workers")
    min_workers: int | None = Field(None, ge=1, description="go on with as few, where the cluster has no more")
    restarts: int = Field(3, ge=0, description="times that dead workers are started again")
    gpus_per_worker: int = Field(0, ge=0, le=1, description="GPUs of each worker")
    threads: int = Field(2, ge=1, description="torch threads per worker")
    zero_stage: int = Field(0, ge=0, le=3, description="DeepSpeed ZeRO stage")
    offload: Offload = Field("none", description="where ZeRO keeps the optimiser's state")
    nvme: str | None = Field(None, description="folder on a fast disk, for offload nvme")
    checkpoint_every: int = Field(100, ge=1, description="steps between checkpoints")
    keep: int = Field(2, ge=1, description="checkpoints kept")
    spike_factor: float = Field(50.0, ge=0, description="times the running median that a loss may reach; 0: any")
    max_skips: int = Field(10, ge=1, description="steps left out in a row after which the run stops")
    log_every: int = Field(10, ge=1, description="steps between progress events")
    validate_every: int = Field(0, ge=0, description="steps between validations; 0: none")
    validate_clips: int = Field(32, ge=1, description="draws that a validation is made on")
    samples_every: int = Field(0, ge=0, description="steps between samples of what the model generates; 0: none")
    samples: int = Field(2, ge=0, description="clips that samples are made of")
    profile: bool = Field(False, description="record some steps as a trace that Perfetto opens")
    load: LoadConfig = LoadConfig()

    @model_validator(mode="after")
    def _sound(self) -> TrainConfig:
        if self.offload != "none" and not self.zero_stage:
            raise ValueError(f"offload {self.offload} needs a zero_stage of 1 to 3")
        if self.offload == "nvme" and not (self.nvme and self.zero_stage == 3):
            raise ValueError("offload nvme needs zero_stage 3 and the setting nvme, a folder on a fast disk")
        if self.min_workers and self.min_workers > self.workers:
            raise ValueError(f"min_workers {self.min_workers} is more than workers {self.workers}")
        for workers in range(self.min_workers or self.workers, self.workers + 1):
            self.micro_batch(self.batch_size, workers)
        return self

    def micro_batch(self, batch_size: int, workers: int) -> int:
        """Clips of one part of a worker's slice. Raises ValueError where a step cannot be shared evenly."""
        parts = workers * self.accumulate
        if batch_size % parts:
            each = f" in {self.accumulate} parts" if self.accumulate > 1 else ""
            raise ValueError(f"batch_size {batch_size} cannot be shared evenly by {workers} workers{each}")
        return batch_size // parts


_PLACES = ("workers", "min_workers", "restarts", "gpus_per_worker", "threads", "zero_stage", "offload", "nvme")
MAY_CHANGE = frozenset(
    (*_PLACES, "start", "checkpoint_every", "keep", "log_every", "samples_every", "samples", "profile", "load")
)
"""Settings with which a run can go on that was begun with others: they decide how it is computed, not what. Of `start`
the digest counts and not the place (`run.py`)."""
LOAD_IDENTITY = ("weights", "balance", "confidence", "licences", "deny_licences")
"""Settings of the loading that decide what is trained on."""


def identity_of(config: TrainConfig) -> dict[str, Any]:
    """What makes two runs the same run."""
    values = config.model_dump(mode="json")
    kept = {name: value for name, value in values.items() if name not in MAY_CHANGE}
    return kept | {"load": {name: values["load"][name] for name in LOAD_IDENTITY}}
