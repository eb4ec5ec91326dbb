"""Sizes and schedule of DaGAN, and its presets; what is built from them is in dagan_networks.py."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from talkie.systems.contract import SystemConfig


class DaGANConfig(SystemConfig):
    """size: side of the pictures. Of each part: `*_base` channels at its first level, `*_depth` levels, `most` channels
    at any. `shrink`: how much smaller the pictures are that points and flow are found in; `downs`: halvings before
    the generator's features are warped; `pool`: of the places that attention looks at. `depth_layers`: of the residual
    encoders; `depth_rate` and `rate`: Adam's; camera motion learns `ego_speed` times as fast as depth. `least_from`:
    share of stage 1 from which on the least error of a pixel counts, until then all do (`depth_losses`).

    `blend`: the answer is the warped source where that shows what is asked, and only elsewhere what is decoded (the
    published generator decodes every pixel, which takes it thousands of steps to learn).

    neighbour: frames from a triplet's middle one to the two others. `pixel`: weight of a plain L1 beside features of a
    network that nobody trained. `vgg`: a safetensors file of VGG-19. `ablation`: a twin without depth is trained
    beside, from the same weights, for the claim about it."""

    size: int = Field(256, ge=32)
    points: int = Field(15, ge=2)
    depth_layers: Literal[18, 50] = 50
    depth_width: int = Field(64, ge=2)
    depth_base: int = Field(16, ge=2)
    ego_channels: int = Field(256, ge=4)
    shrink: int = Field(4, ge=1)
    detector_base: int = Field(32, ge=2)
    detector_depth: int = Field(5, ge=1)
    motion_base: int = Field(64, ge=2)
    motion_depth: int = Field(5, ge=1)
    most: int = Field(1024, ge=4)
    generator_base: int = Field(64, ge=2)
    generator_most: int = Field(512, ge=4)
    downs: int = Field(2, ge=1)
    residuals: int = Field(6, ge=0)
    pool: int = Field(1, ge=1)
    blend: bool = False
    critic_base: int = Field(64, ge=2)
    critic_blocks: int = Field(4, ge=1)
    vgg_base: int = Field(64, ge=2)
    vgg_plan: tuple[int, int, int, int] = (2, 2, 4, 4)
    vgg: str | None = None
    perceptual_scales: int = Field(4, ge=1)
    pixel: float = Field(0.0, ge=0)
    neighbour: int = Field(1, ge=1)
    depth_rate: float = Field(1e-4, gt=0)
    ego_speed: float = Field(1.0, gt=0)
    least_from: float = Field(0.0, ge=0, le=1)
    depth_steps: int = Field(1, ge=1)
    depth_batch: int = Field(32, ge=1)
    rate: float = Field(2e-4, gt=0)
    steps: int = Field(1, ge=1)
    batch: int = Field(8, ge=1)
    ablation: bool = False

    @model_validator(mode="after")
    def _fits(self) -> DaGANConfig:
        asked = {
            "downs": 2**self.downs,
            "detector_depth": self.shrink * 2**self.detector_depth,
            "motion_depth": self.shrink * 2**self.motion_depth,
            "depth_layers": 32,
            "perceptual_scales": 2 ** (self.perceptual_scales + 3),
        }
        for name, factor in asked.items():
            if self.size % factor:
                raise ValueError(f"size {self.size} is no multiple of {factor}, which {name} asks for")
        if self.size // self.shrink <= 6:
            raise ValueError(f"size {self.size} is too small for points at 1/{self.shrink} of it")
        return self


_SMALL = {
    "size": 64,
    "depth_layers": 18,
    "shrink": 2,
    "downs": 1,
    "pool": 2,
    "perceptual_scales": 3,
    "vgg_plan": (1, 1, 1, 1),
    "pixel": 20.0,
    "ablation": True,
    "blend": True,
    "least_from": 0.7,
}
PRESETS = {
    "micro": DaGANConfig.model_validate(
        _SMALL
        | {
            "points": 3, "depth_width": 4, "depth_base": 4, "ego_channels": 8, "detector_base": 4, "detector_depth": 2,
            "motion_base": 4, "motion_depth": 2, "most": 16, "generator_base": 8, "generator_most": 16, "residuals": 1,
            "critic_base": 4, "critic_blocks": 2, "vgg_base": 2, "neighbour": 4, "depth_steps": 4, "depth_batch": 2,
            "steps": 4, "batch": 2, "depth_rate": 1e-3,
        }
    ),
    "tiny": DaGANConfig.model_validate(
        _SMALL
        | {
            "points": 8, "depth_width": 16, "depth_base": 8, "ego_channels": 64, "detector_base": 8,
            "detector_depth": 4, "motion_base": 16, "motion_depth": 4, "most": 128, "generator_base": 16,
            "generator_most": 64, "residuals": 2, "critic_base": 16, "critic_blocks": 3, "vgg_base": 8,
            "neighbour": 12, "depth_rate": 2e-4, "ego_speed": 5.0, "depth_steps": 400, "depth_batch": 8,
            "steps": 300, "batch": 8, "rate": 1e-3,
        }
    ),
    # Published in epochs: 20 over 100,000 triplets, and 150 of 75 rounds over some 420 people, 96 a step.
    "paper": DaGANConfig(depth_steps=62_500, steps=50_000, batch=96),
}  # fmt: skip
