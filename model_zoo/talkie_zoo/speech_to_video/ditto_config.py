"""Ditto's sizes, rates and steps, and its three presets. What they mean is in the networks and phases."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from talkie.systems.contract import SystemConfig


class DittoConfig(SystemConfig):
    """`size`: side of the crop that is read; the answer is `shuffle` times as large. Of `appearance`, `warp` and
    `decoder` the names are those of the blocks' arguments. `renderer`: a folder with the renderer's weights
    (`ditto_renderer.load_renderer`); with it the first two phases fall away. `pretrained`: of the audio net."""

    read: int = 160
    """Side to which stored pictures are reduced before the face is cut out of them."""
    crop: bool = True
    """Whether the face is looked for and cut out; off: pictures are taken whole, and eyes held at training's mean."""
    size: int = 128
    shuffle: int = 1
    extractor_channels: tuple[int, ...] = (16, 32, 64, 96)
    extractor_depths: tuple[int, ...] = (1, 1, 2, 1)
    extractor_pooled: bool = False
    extractor_closer: tuple[int, ...] = (16, 32, 48)
    """Channels of the closer look at the mouth (`implicit_keypoints.LipReader`); none as published."""
    appearance_base: int = 12
    halvings: int = 2
    volume_channels: int = 16
    volume_depth: int = 2
    residuals: int = 2
    compress: int = 1
    warp_base: int = 8
    warp_most: int = 64
    warp_levels: int = 3
    mask_kernel: int = 3
    features: int = 32
    decoder_channels: int = 32
    decoder_last: int = 12
    decoder_middle: int = 1
    decoder_hidden: int = 8
    blend: bool = True
    """Whether pixels are taken from the warped source picture where that serves (`ditto_renderer.Renderer`)."""
    mouth_channels: tuple[int, ...] = (32, 64, 64)
    """Of the mouth painted from near by (`mouth_painter.MouthPainter`), a level each; none as published."""
    stitching: tuple[int, ...] = (64, 64, 32)
    renderer: str | None = None

    audio: Literal["mel", "hubert", "wavlm", "wav2vec2"] = "mel"
    pretrained: str | None = None
    mels: int = 32
    channels: int = 128
    hidden: int = 256
    heads: int = 4
    encoders: int = 2
    decoders: int = 3
    dropout: float = 0.1
    aligned: bool = True
    """Whether a frame's conditions are also added to its own motion (`motion_dit.MotionDiT`); off, as published."""

    window: int = 40
    overlap: int = 10
    online_overlap: int = 30
    noise_steps: int = 1000
    offline_steps: int = 20
    online_steps: int = 20
    eta: float = 1.0
    temperature: float = Field(0.0, ge=0)
    """Of the noise that a window is drawn from, in deviations; 1, a sample, as published. At 0 the answer does not
    depend on the seed."""
    guidance: float = 1.0
    alpha_exp: float = 1.5
    """What the expression's way from the source is multiplied by, unless a request says; 1 as published."""
    drop: float = 0.2
    part_weights: dict[str, float] = Field(default_factory=lambda: {"exp": 4.0})
    """Of the six parts of the motion where they are not 1; none as published."""
    eyes_exchanged: float = Field(1.0, ge=0, le=1)
    """Share of windows that learn with the eyes of another one (`ditto_examples.eyes_exchanged`); 0 as published."""

    extractor_steps: int = 900
    """Of the extractor alone, before the renderer, which then goes by what it reads; 0: both together, as published."""
    extractor_batch: int = 4
    extractor_pictures: int = Field(12, ge=3)
    """Of each clip of that batch."""
    extractor_rate: float = 1.5e-3
    mouth_steps: int = 1000
    """Of the painter of the mouth alone, where there is one."""
    mouth_batch: int = 4
    mouth_pictures: int = Field(7, ge=3)
    """Of each clip of that batch: a source and those that are painted from it."""
    mouth_rate: float = 2e-3
    renderer_steps: int = 160
    renderer_batch: int = 6
    renderer_rate: float = 1.5e-3
    stitching_steps: int = 40
    stitching_rate: float = 1e-3
    motion_steps: int = 300
    motion_batch: int = 24
    motion_rate: float = 1e-3
    weight_decay: float = 0.02
    ema: float = 0.98

    @model_validator(mode="after")
    def _sizes_fit(self) -> DittoConfig:
        cells = self.size // 2**self.halvings
        if self.size % 2 ** (self.halvings + self.warp_levels) or cells < 2**self.warp_levels:
            raise ValueError(f"size {self.size} cannot be halved {self.halvings + self.warp_levels} times")
        if not 0 < self.overlap < self.window or not 0 < self.online_overlap < self.window:
            raise ValueError("overlaps must lie inside the window")
        return self

    @property
    def out(self) -> int:
        """Side of the answer's pictures: features, two upsamplings, the shuffle."""
        return self.size // 2**self.halvings * 4 * self.shuffle


MICRO = DittoConfig(
    read=64,
    crop=False,
    size=32,
    shuffle=2,
    extractor_channels=(8, 12),
    extractor_depths=(1, 1),
    extractor_closer=(8, 12),
    appearance_base=4,
    volume_channels=2,
    volume_depth=2,
    residuals=1,
    warp_base=4,
    warp_most=8,
    warp_levels=2,
    features=8,
    decoder_channels=8,
    decoder_last=4,
    decoder_middle=1,
    decoder_hidden=4,
    mouth_channels=(8, 8),
    stitching=(16,),
    mels=8,
    channels=32,
    hidden=32,
    heads=2,
    encoders=1,
    decoders=1,
    window=12,
    overlap=4,
    online_overlap=8,
    offline_steps=2,
    online_steps=2,
    temperature=1.0,
    guidance=2.0,
    alpha_exp=1.0,
    extractor_steps=2,
    extractor_batch=2,
    extractor_pictures=3,
    mouth_steps=2,
    mouth_batch=2,
    mouth_pictures=3,
    renderer_steps=2,
    renderer_batch=2,
    stitching_steps=2,
    motion_steps=2,
    motion_batch=4,
    drop=0.1,
    dropout=0.0,
    eyes_exchanged=0.0,
)
TINY = DittoConfig()
PAPER = DittoConfig(
    read=512,
    size=256,
    shuffle=2,
    extractor_channels=(96, 192, 384, 768),
    extractor_depths=(3, 3, 9, 3),
    extractor_pooled=True,
    extractor_closer=(),
    appearance_base=64,
    volume_channels=32,
    volume_depth=16,
    residuals=6,
    compress=4,
    warp_base=32,
    warp_most=1024,
    warp_levels=5,
    mask_kernel=7,
    features=256,
    decoder_channels=512,
    decoder_last=64,
    decoder_middle=6,
    decoder_hidden=128,
    blend=False,
    mouth_channels=(),
    stitching=(128, 128, 64),
    audio="hubert",
    pretrained="facebook/hubert-large-ls960-ft",
    channels=512,
    hidden=1024,
    heads=8,
    encoders=2,
    decoders=8,
    aligned=False,
    window=80,
    overlap=10,
    online_overlap=70,
    offline_steps=50,
    online_steps=10,
    temperature=1.0,
    guidance=2.0,
    alpha_exp=1.0,
    extractor_steps=0,
    renderer_steps=300_000,
    renderer_batch=64,
    renderer_rate=2e-4,
    stitching_steps=20_000,
    motion_steps=500_000,
    motion_batch=1024,
    motion_rate=1e-4,
    part_weights={},
    eyes_exchanged=0.0,
    ema=0.9999,
)
