"""Sizes and schedule of TalkingGaussian, checked whole, with its three presets. What they mean to the networks is in
talking_gaussian_networks.py, to training in talking_gaussian.py."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from talkie.systems.contract import SystemConfig
from talkie_zoo.blocks.gaussian_density import Density


class BranchConfig(BaseModel):
    """One branch: rows for Gaussians and how many start, in the cube of half side `spread` metres about the region's
    middle, `scale` metres wide; cells of its tri-plane; `steps` of its run, `still` of them without motion; density
    control every `dense_every` steps up to the share `dense_until` of the run, from gradients of `pull` on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    capacity: int = Field(ge=4)
    start: int = Field(ge=1)
    spread: float = Field(0.1, gt=0)
    scale: float = Field(0.005, gt=0)
    base: float = Field(16, ge=1)
    finest: float = Field(38.4, ge=1)
    steps: int = Field(50_000, ge=1)
    still: int = Field(3000, ge=0)
    dense_every: int = Field(100, ge=1)
    dense_until: float = Field(0.98, ge=0, le=1)
    pull: float = Field(5e-4, gt=0)

    @model_validator(mode="after")
    def _sound(self) -> BranchConfig:
        if self.start > self.capacity:
            raise ValueError(f"{self.start} Gaussians at the start and {self.capacity} rows")
        if self.still >= self.steps:
            raise ValueError(f"{self.still} steps without motion of {self.steps}")
        return self

    @property
    def density(self) -> Density:
        return Density(self.dense_every, min(500, self.dense_every), round(self.dense_until * self.steps), self.pull)


class TalkingGaussianConfig(SystemConfig):
    """`size`: side in pixels of what is trained on and drawn; `batch`: frames of a step. Rates are of Adam, at a run's
    begin; all fall to `final` of it. `window`: share of the frames, in the order of lip opening or of blinks, that the
    curriculum draws from: every frame while a branch rests, then one in `lips_every` of the face's run and one in
    `mouth_every` of the mouth's. It passes over the lips up to the share `lips_until` of the face's run, over blinks
    after it; the mouth's lets in smaller openings up to the share `mouth_until`. `late`: share of a run after which
    details count, `fusion_late` of the fusion's, in full `late_over` later: at once they are a leap of a loss that has
    become small. `backdrop`: the colour behind a branch that is trained alone, green as published or drawn anew for
    every frame. `ablations`: twins that lack one idea each are trained beside the model, for the claims about them."""

    size: int = Field(512, ge=16)
    batch: int = Field(1, ge=1)
    face: BranchConfig = BranchConfig(capacity=60_000, start=2000)
    mouth: BranchConfig = BranchConfig(capacity=30_000, start=10_000, base=64, finest=57.6)
    degree: int = Field(2, ge=0, le=3)
    bound: float = Field(0.15, gt=0)
    levels: int = Field(12, ge=1)
    log2_table: int = Field(17, ge=4)
    reach: float = Field(1e-2, gt=0, description="metres that an answer of 1 moves a Gaussian")
    fusion_steps: int = Field(10_000, ge=1)
    position_rate: float = Field(1.6e-4, gt=0)
    harmonic_rate: float = Field(2.5e-3, gt=0)
    opacity_rate: float = Field(0.05, gt=0)
    scale_rate: float = Field(0.003, gt=0)
    turn_rate: float = Field(0.001, gt=0)
    fusion_opacity_rate: float = Field(0.001, gt=0)
    grid_rate: float = Field(5e-3, gt=0)
    motion_rate: float = Field(5e-4, gt=0)
    attention_factor: float = Field(5.0, gt=0)
    final: float = Field(0.1, gt=0, le=1)
    similarity: float = Field(0.2, ge=0, le=1)
    delta_weight: float = Field(1e-5, ge=0)
    mask_weight: float = Field(1e-3, ge=0)
    gate_weight: float = Field(1e-4, ge=0)
    detail_weight: float = Field(0.5, ge=0)
    hair_every: int = Field(7, ge=1)
    late: float = Field(0.94, ge=0, le=1)
    fusion_late: float = Field(0.5, ge=0, le=1)
    late_over: float = Field(0.0, ge=0, le=1)
    mouth_pixels: int = Field(20, ge=1)
    window: float = Field(0.3, gt=0, le=1)
    lips_every: int = Field(15, ge=1)
    lips_until: float = Field(0.12, ge=0, le=1)
    mouth_every: int = Field(7, ge=1)
    mouth_until: float = Field(0.78, ge=0, le=1)
    backdrop: Literal["green", "drawn"] = "green"
    ablations: bool = False


PAPER = TalkingGaussianConfig()
TINY = TalkingGaussianConfig(
    # At 96, a thousand Gaussians keep 0.78 and 0.81 of two people's gradients about the mouth where 0.8 is asked, at
    # 128 0.61.
    size=64,
    batch=8,
    face=BranchConfig(
        capacity=1000, start=800, scale=0.006, steps=2000, still=120, dense_every=75, dense_until=0.6, pull=2e-4
    ),
    # As many steps as the face's and as many of them at rest, as published. With more, the twin of one branch, which
    # sees mouths in the face's run alone, falls behind for its steps and not for its idea.
    mouth=BranchConfig(
        capacity=300, start=200, spread=0.02, scale=0.003, base=16, finest=40, steps=2000, still=120, dense_every=75,
        dense_until=0.7, pull=2e-4,
    ),
    levels=6,
    fusion_steps=150,
    position_rate=4e-4,
    harmonic_rate=1e-2,
    scale_rate=0.01,
    turn_rate=0.005,
    fusion_opacity_rate=0.01,
    grid_rate=2e-2,
    motion_rate=5e-3,
    attention_factor=2,
    detail_weight=2.0,
    late=0.2,
    late_over=0.1,
    mouth_pixels=4,
    backdrop="drawn",
    ablations=True,
)  # fmt: skip
MICRO = TalkingGaussianConfig(
    size=32,
    batch=2,
    face=BranchConfig(capacity=60, start=50, scale=0.02, base=4, finest=8, steps=8, still=2, dense_every=2),
    mouth=BranchConfig(
        capacity=24, start=20, spread=0.03, scale=0.006, base=4, finest=8, steps=6, still=2, dense_every=2
    ),
    degree=1,
    levels=2,
    fusion_steps=4,
    position_rate=1e-3,
    harmonic_rate=0.1,
    grid_rate=2e-2,
    motion_rate=2e-3,
    mouth_pixels=1,
    fusion_late=1.0,
    ablations=True,
)  # fmt: skip
