"""Sizes and schedule of Hallo, checked whole, with its three presets. What they mean to the networks is in
hallo_networks.py, to training in hallo.py."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from talkie.systems.contract import SystemConfig


class HalloConfig(SystemConfig):
    """Sizes in pixels, channels and frames, batches in clips, rates of AdamW.

    `base`, `autoencoder`: folders with the U-Net and the autoencoder of Stable Diffusion as diffusers stores them;
    `arcface`: an ONNX file; `pretrained`: a path or hub name of a wav2vec 2.0. Without one, a network of these sizes is
    trained here, and the run's card says so. `frames` of one pass, behind `motion_frames` of the pass before.
    `encoded`: of each clip that many frames in a row are turned into latents, anywhere in it (None: all).
    `face_share`: the face's part of the square that is cut out; `steady`: in training the square goes with the head,
    which turns in it and does not travel. `beta_schedule`: the released code trains with
    scaled_linear and samples with linear; one is used for both here. `snr_gamma` 0 weighs all steps alike. `places`:
    sines of the position are added to both U-Nets' first features. `warp`: log_mel hears training speech revoiced.
    `latent_linear`: beside the autoencoder runs a linear code of patches. `residual`: noise is added to, and taken
    from, the difference to the portrait, and to `carried` of how far the last motion frame has come from it. `target`:
    what the denoiser says of it. `lip_loss`: how much more errors in the lips' mask weigh while video is learnt.
    `late`: of that many steps drawn for a window the latest is taken: the less is seen, the more speech decides.
    `temperature`: deviation of the noise that a window is drawn from; at 0 the answer does not depend on the seed.
    `fresh`: share of windows whose motion frames are the portrait, as a film's first clip has them. `near`: a window's
    portrait lies at most so many frames outside it, where the head stands alike (None: anywhere in its clip).
    `pictures` of each clip train the stand-ins, every `thinned`-th the autoencoder.
    """

    size: int = Field(64, ge=16)
    face_share: float = Field(0.62, gt=0.2, le=1)
    steady: bool = False
    frames: int = Field(8, ge=2)
    encoded: int | None = Field(None, ge=8)
    motion_frames: int = Field(2, ge=1)
    latent_channels: int = Field(8, ge=1)
    latent_widths: tuple[int, ...] = (8, 24, 48)
    latent_layers: int = Field(1, ge=1)
    latent_linear: bool = False
    latent_scale: float | None = None
    kl_weight: float = Field(1e-3, ge=0)
    base: str | None = None
    autoencoder: str | None = None
    widths: tuple[int, ...] = (32, 64)
    attention: tuple[bool, ...] = (True, True)
    layers: int = Field(1, ge=1)
    heads: int = Field(2, ge=1)
    groups: int = Field(8, ge=1)
    context: int = Field(64, ge=4)
    positions: int = Field(32, ge=3)
    places: bool = True
    locator_widths: tuple[int, ...] = (8, 16, 32)
    arcface: str | None = None
    identity_width: int = Field(64, ge=4)
    identity_tokens: int = Field(4, ge=1)
    audio: Literal["log_mel", "wav2vec2"] = "log_mel"
    pretrained: str | None = None
    architecture: dict[str, Any] | None = None
    audio_channels: int = Field(64, ge=8)
    audio_layers: int = Field(2, ge=1)
    audio_heads: int = Field(4, ge=1)
    audio_span: int = Field(5, ge=1)
    audio_hidden: int = Field(128, ge=8)
    audio_tokens: int = Field(8, ge=1)
    warp: float = Field(0.0, ge=0, lt=0.5)
    probe: bool = True
    noise_steps: int = Field(1000, ge=2)
    beta_schedule: Literal["linear", "scaled_linear"] = "scaled_linear"
    noise_offset: float = Field(0.05, ge=0)
    snr_gamma: float = Field(5.0, ge=0)
    drop_conditions: float = Field(0.1, ge=0, lt=1)
    drop_reference: float = Field(0.05, ge=0, lt=1)
    drop_audio: float = Field(0.05, ge=0, lt=1)
    drop_motion: float = Field(0.05, ge=0, lt=1)
    residual: bool = False
    carried: float = Field(0.0, ge=0, le=1)
    lip_loss: float = Field(0.0, ge=0)
    late: int = Field(1, ge=1)
    target: Literal["v", "sample"] = "v"
    fresh: float = Field(0.25, ge=0, le=1)
    apart: int = Field(30, ge=1)
    near: int | None = Field(None, ge=1)
    sampling_steps: int = Field(40, ge=1)
    temperature: float = Field(1.0, ge=0)
    guidance: float = Field(3.5, ge=1)
    part_rate: float = Field(2e-3, gt=0)
    image_rate: float = Field(1e-3, gt=0)
    video_rate: float = Field(1e-3, gt=0)
    schedule: Literal["constant", "cosine"] = "cosine"
    ema: float = Field(0.0, ge=0, lt=1)
    part_steps: int = Field(1, ge=1)
    image_steps: int = Field(1, ge=1)
    video_steps: int = Field(1, ge=1)
    part_batch: int = Field(8, ge=1)
    part_window: int = Field(40, ge=4)
    image_batch: int = Field(8, ge=1)
    video_batch: int = Field(2, ge=1)
    pictures: int = Field(2, ge=1)
    thinned: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _sound(self) -> HalloConfig:
        factor = 2 ** (len(self.latent_widths) - 1)
        if self.size % (factor * 2 ** (len(self.widths) - 1)):
            raise ValueError(f"size {self.size} does not divide down to the coarsest level")
        if 2 ** (len(self.locator_widths) - 1) != factor:
            raise ValueError("locator_widths must halve the side as often as latent_widths")
        if len(self.widths) != len(self.attention):
            raise ValueError("widths and attention must name the same levels")
        if self.frames + self.motion_frames > self.positions or self.motion_frames > self.frames:
            raise ValueError("frames with motion_frames must fit positions, and motion_frames into frames")
        if self.pretrained and self.audio == "log_mel":
            raise ValueError("log_mel is trained from scratch: choose audio wav2vec2 for pretrained weights")
        if self.autoencoder and self.latent_scale is None:
            raise ValueError("a stored autoencoder has a latent_scale (Stable Diffusion's is 0.18215)")
        return self

    @property
    def latent_side(self) -> int:
        """Side of the latents."""
        return self.size // 2 ** (len(self.latent_widths) - 1)


MICRO = HalloConfig(
    size=32,
    frames=4,
    latent_channels=4,
    latent_widths=(8, 8, 16),
    widths=(8, 16),
    attention=(False, True),
    groups=4,
    context=16,
    locator_widths=(4, 8, 8),
    identity_width=8,
    audio_channels=16,
    audio_layers=1,
    audio_heads=2,
    audio_hidden=16,
    audio_tokens=2,
    latent_linear=True,
    residual=True,
    carried=0.75,
    target="sample",
    lip_loss=10.0,
    late=2,
    warp=0.12,
    sampling_steps=2,
    snr_gamma=0.0,
    apart=10,
    # Sixty steps must do where the conformance test learns two clips by heart over a base of random weights.
    video_rate=1e-2,
    part_steps=2,
    image_steps=2,
    video_steps=2,
    part_batch=2,
    image_batch=2,
)
TINY = HalloConfig(
    # Of a looser square lips are two pixels; of latents of 16 x 16 a step would take four times as long.
    face_share=0.85,
    # Of how the lips' latents change within a clip, openings are 0.10 where the square stands and 0.30 where it goes
    # with the head.
    steady=True,
    latent_widths=(8, 24, 48, 48),
    # Of 16 channels the openings of true mouths, coded and decoded, correlate with themselves at 0.55 as MediaPipe
    # reads them, of 32 at 0.76; pixels err by 4.5 and 2.3 of 255.
    latent_channels=32,
    locator_widths=(8, 16, 32, 32),
    kl_weight=1e-4,
    # Some windows of each clip are all that hundreds of steps see of it.
    encoded=40,
    # In hundreds of steps nothing is left for the steps without signal, which that weight forgets and which decide
    # where the lips are.
    snr_gamma=0.0,
    latent_linear=True,
    # Of the difference to the frame before (`carried`) speech explains more; but what is painted amiss then stays:
    # openings follow at 0.63 and faces are off the portrait by 6.7 of 255 after 700 steps; without, at 0.64 and by 4.1
    # after 1000.
    residual=True,
    target="sample",
    lip_loss=50.0,
    late=4,
    warp=0.12,
    near=8,
    # Noise that is not quite taken away again is drawn as marks on the face, more with every window and step.
    sampling_steps=2,
    temperature=0.0,
    # Of 4 more frames have marks; 2 opens mouths by 0.8 to 0.9 of the true deviation.
    guidance=2.0,
    ema=0.99,
    image_rate=2e-3,
    video_rate=3e-3,
    part_batch=8,
    pictures=8,
    thinned=8,
    image_batch=16,
    video_batch=8,
    part_steps=250,
    image_steps=500,
    video_steps=1000,
)
PAPER = HalloConfig(
    size=512,
    frames=14,
    latent_channels=4,
    latent_widths=(128, 256, 512, 512),
    latent_layers=2,
    latent_scale=0.18215,
    kl_weight=1e-6,
    widths=(320, 640, 1280, 1280),
    attention=(True, True, True, False),
    layers=2,
    heads=8,
    groups=32,
    context=768,
    places=False,
    locator_widths=(16, 32, 64, 128),
    arcface="glintr100.onnx",
    identity_width=512,
    audio="wav2vec2",
    pretrained="facebook/wav2vec2-base-960h",
    audio_hidden=512,
    audio_tokens=32,
    probe=False,
    fresh=0.0,
    image_rate=1e-5,
    video_rate=1e-5,
    schedule="constant",
    image_steps=30_000,
    video_steps=30_000,
    image_batch=64,
    video_batch=32,
)
