"""Hallo (Xu et al. 2024, arXiv 2406.08801): a portrait and speech become a talking portrait by latent diffusion. Sizes,
networks, masks, examples, sampling and claims are in the files hallo_*.py beside this one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from talkie.clip import Clip
from talkie.errors import NotADataset
from talkie.faces.embedding import load_embedder
from talkie.systems.contract import Batch, Card, Example, Published, System, SystemConfig
from talkie.systems.measurement import Bar, Claim
from talkie.systems.phases import Draw, Optimiser, Phase, Sampling, Schedule
from talkie.systems.tasks.checks import clip_audio
from talkie.systems.tasks.speech_to_video import SpeechToVideoRequest
from talkie.systems.tasks.video import VideoResult
from talkie_zoo.blocks.critics import frame_cross_entropy
from talkie_zoo.blocks.latents import Autoencoder
from talkie_zoo.blocks.masked_audio_attention import pyramid
from talkie_zoo.blocks.noise_schedule import NoiseSchedule, error_per_sample, offset_noise
from talkie_zoo.blocks.temporal import mask_of
from talkie_zoo.blocks.unet import Conditions, UNet, UNetSizes
from talkie_zoo.speech_to_video.hallo_config import MICRO, PAPER, TINY, HalloConfig
from talkie_zoo.speech_to_video.hallo_examples import (
    film_example,
    pair_batch,
    part_batch,
    part_example,
    pixels,
    seen,
    stretch_of,
    window_batch,
)
from talkie_zoo.speech_to_video.hallo_networks import (
    AudioProjection,
    FaceClassifier,
    FaceLocator,
    ImageProjection,
    MelHearing,
    MouthProbe,
    Wav2VecHearing,
    recoloured,
)
from talkie_zoo.speech_to_video.hallo_sampling import CONTROLS, film

TRAINS = {
    "parts": ("autoencoder", "faces", "hearing", "probe"),
    "images": ("denoiser", "reference", "locator", "image_projection"),
    "video": ("denoiser", "audio_projection"),
}
"""The parts that a phase trains; all others are frozen."""
SLOTS = (".audio_modules.", ".motion_modules.")
"""What the video phase adds to the denoiser."""
CHANNELS = {"wav2vec2": (12, 768)}
"""Layers and channels of the published hearing."""
MEASURED, BEGUN_EVERY = 48, 20
"""Clips whose first pictures give the scale of the latents, and whose pictures, one in so many, begin the linear code.
"""


class Hallo(System):
    """Stand-ins for pretrained parts, the latents' scale, then images without sound and time, then video, where only
    the audio transformers, the temporal modules and the audio projection learn.

    Decided here. The U-Nets and the autoencoder are written in this project: those of diffusers have no slots for sound
    between their layers, and no bank. Names and answers are diffusers' (tests compare them where it is installed), so
    that its files load from a path. The square around the first frame's face is cut out, made to talk, and put back
    into the portrait. Without pretraining (`tiny`) that square goes with the head in training, and the portrait is near
    its window: where a head travels, openings are a tenth of how the latents of lips change, and three tenths where it
    only turns. The projection behind each audio transformer begins with zeros in place of its three convolutions, so
    that the second stage begins with exactly the first stage's images and sound has a gradient from the first step.
    Noise is scaled_linear in training and sampling; the released sampler has another schedule than its training.
    Without pretraining (`tiny`) noise is on the difference to the portrait (`residual`; a share of the way to the last
    motion frame can be added, `carried`), the network says what is under it and not v (`target`), the autoencoder
    begins as a linear code of patches (`latent_linear`), and windows are drawn without noise (`temperature`): hundreds
    of steps do not teach copying, the subtraction of noise, or colours of strangers. Min-SNR weights apply to each
    sample; as released they multiply the batch's mean. The dropped condition of an image drops the location too, since
    guidance's negative branch leaves it out. Motion frames are the latents of the clip before, without a way through
    the pictures. Where a level has no spatial attention its temporal module sees no motion frames. Drops are drawn for
    each sample.
    """

    card: ClassVar[Card] = Card(
        slug="hallo",
        title="Hallo: Hierarchical Audio-Driven Visual Synthesis for Portrait Image Animation",
        paper="arXiv 2406.08801, 2024",
        task="speech_to_video",
        licence="MIT (code of the original)",
        needs=("mp4", "flac", "landmarks.npy", "phones.json"),
        controls=CONTROLS,
        # Two U-Nets of Stable Diffusion 1.5, its autoencoder, AnimateDiff's modules, wav2vec2-base: each as published;
        # the audio transformers and projections as their layer sizes imply.
        parameters=2781.2,
        summary="Portrait and speech to video: latent diffusion with a reference network, temporal modules and masked "
        "cross-attention to speech for pose, face and lips.",
        published=(
            Published(metric="FID", value="20.545", data="HDTF", source="the paper's table, unverified"),
            Published(metric="FVD", value="173.497", data="HDTF", source="the paper's table, unverified"),
            Published(metric="Sync-C", value="7.750", data="HDTF", source="the paper's table, unverified"),
            Published(metric="Sync-C", value="4.06", data="HDTF", source="a note on Sonic's table, unverified"),
        ),
        gaps=(
            "`tiny` reaches its bar and seven of nine claims in each of three seeds: mouths of 4 strangers (32 "
            "clips) follow speech to 0.59, 0.55 and 0.56 as the stage's probe reads them (other speech 0.18, 0.17 and "
            "0.16; asked 0.5 and 0.3 more); on clips of the same kind that cannot be recorded again to 0.63, 0.63 and "
            "0.59",
            "at t = 600 right speech lowers the lips' error to 0.89, 0.91 and 0.92 of that with other speech, where "
            "0.85 is asked and 0.81 is the least that its hearing can make; and the sound of the pose moves what is "
            "outside the face 1.4 to 2.5 times as much as the lips, where 3 is asked: its hearing explains 0.04 of how "
            "heads nod, nothing of how they turn, and 0.61 of how far mouths open "
            "(tests/bench/bench_hallo.py); learnt from twice as many clips 0.05, nothing and 0.63. "
            "With three times the video phase's steps, which the preset's 12 minutes do not have, and those clips, "
            "lips are at 0.87, 0.87 and 0.85 (64 clips of strangers; three seeds) and the pose at 1.0 to 1.3. Half of "
            "the steps without the pose's sound, and masks without a blur, leave that at 1.4 to 1.6, bring the lips "
            "to 0.86 to 0.88 beside nearer portraits, and cost one seed its bar (0.54), so they were taken back",
            "heads of `tiny` hardly move: it learns where the square goes with the head, and without noise",
            "some frames are smeared beside the mouth; on photographs mouths move little, about the opening that the "
            "portrait has",
            "vocals are not separated from music: give clean speech",
            "weights of Stable Diffusion and AnimateDiff were never loaded here; the names are theirs",
            "the head outside the square stands still",
        ),
    )
    Config: ClassVar[type[SystemConfig]] = HalloConfig
    presets: ClassVar[Mapping[str, SystemConfig]] = {"micro": MICRO, "tiny": TINY, "paper": PAPER}
    bar: ClassVar[Bar] = Bar(over_baseline=0.5, over_control=0.3, metric="stage_opening_correlation")
    config: HalloConfig
    spread: Tensor

    def __init__(self, config: SystemConfig):
        super().__init__(config)
        c = self.config
        self.identities: list[str] = []
        self.phase = ""
        image = UNetSizes(
            c.latent_channels, c.widths, c.attention, c.layers, c.heads, c.groups, c.context, places=c.places
        )
        video = UNetSizes(**{**vars(image), "sound": c.context, "length": c.positions})
        self.schedule = NoiseSchedule(c.noise_steps, kind=c.beta_schedule, target=c.target)
        self.autoencoder = Autoencoder(
            c.latent_widths,
            c.latent_layers,
            min(c.groups, c.latent_widths[0]),
            c.latent_channels,
            c.latent_scale or 1.0,
            c.latent_linear,
        )
        self.register_buffer("spread", torch.ones(()))
        self.reference, self.denoiser = UNet(image), UNet(video)
        self.locator = FaceLocator(c.locator_widths, c.widths[0])
        self.image_projection = ImageProjection(c.identity_width, c.identity_tokens, c.context)
        layers, channels = CHANNELS.get(c.audio, (c.audio_layers, c.audio_channels))
        if c.architecture:
            layers, channels = c.architecture["num_hidden_layers"], c.architecture["hidden_size"]
        self.audio_projection = AudioProjection(
            c.audio_span, layers * channels, c.audio_hidden, c.audio_tokens, c.context
        )

    def describe(self) -> Card:
        c = self.config
        here = "trained first on the same clips in place of"
        parts = {
            "autoencoder": c.autoencoder or f"{here} sd-vae-ft-mse",
            "U-Nets": c.base or "random weights in place of Stable Diffusion 1.5",
            "temporal modules": "random weights in place of AnimateDiff's",
            "face embedding": c.arcface or f"a classifier of the training people, {here} ArcFace",
            "hearing": c.pretrained or f"{c.audio}, {here} wav2vec 2.0",
        }
        return self.card.model_copy(update={"parts": parts})

    # --- what depends on data -----------------------------------------------------------------------------------

    def prepare(self, clips: Iterable[Clip]) -> None:
        """The people, the statistics of their sound, and pretrained weights where a path is given. Raises NotADataset
        without clips, BadConfig for weights that do not fit."""
        clips = list(clips)
        if not clips:
            raise NotADataset("no clip to train on", cure="give shards with a train split")
        self.identities = sorted({clip.record.identity for clip in clips})
        self._build(self.config.architecture)
        self.hearing.measure([self.hearing.inputs(clip_audio(clip)) for clip in clips[:64]])
        if self.config.latent_linear:
            c = self.config
            some = [seen(clip, c.size, c.face_share, c.steady).squares[::BEGUN_EVERY] for clip in clips[:MEASURED]]
            self.autoencoder.begin(pixels(np.concatenate(some)))
        if self.config.base:
            for net in (self.reference, self.denoiser):
                net.load(Path(self.config.base))

    @property
    def constants(self) -> dict[str, Any]:
        return {"identities": self.identities, "architecture": self.hearing.architecture}

    def restore(self, constants: dict[str, Any]) -> None:
        self.identities = list(constants["identities"])
        self._build(constants["architecture"])

    @classmethod
    def typical_constants(cls, config: SystemConfig) -> dict[str, Any]:
        """Of a corpus whose people nobody counts where ArcFace embeds them, with wav2vec2-base for a hearing."""
        return {"identities": [], "architecture": {}}

    def external(self) -> tuple[str, ...]:
        """A stored autoencoder is never trained further."""
        return ("autoencoder.",) if self.config.autoencoder else ()

    def _build(self, architecture: dict[str, Any] | None) -> None:
        c = self.config
        if c.autoencoder:
            self.autoencoder.load(Path(c.autoencoder))
        self.hearing: MelHearing | Wav2VecHearing
        if c.audio == "wav2vec2":
            self.hearing = Wav2VecHearing(c.pretrained, architecture)
        else:
            self.hearing = MelHearing(c.audio_channels, c.audio_layers, c.audio_heads)
        if c.arcface is None:
            self.faces = FaceClassifier(c.size, c.identity_width, len(self.identities))
        if c.probe:
            self.probe = MouthProbe(c.size)

    # --- training -----------------------------------------------------------------------------------------------

    def phases(self) -> tuple[Phase, ...]:
        """Parts and scale where something stands in for pretrained ones; then the two published stages."""
        c = self.config

        def adam(rate: float, *prefixes: str) -> Optimiser:
            return Optimiser(rate, prefixes, "adamw", weight_decay=1e-2, schedule=Schedule(c.schedule), clip_norm=1.0)

        own = {"latents": ("autoencoder.",)} if not c.autoencoder and c.latent_scale is None else {}
        own |= {"identity": ("faces.",)} if c.arcface is None else {}
        own |= {"hearing": ("hearing.",)} if c.audio == "log_mel" else {}
        own |= {"probe": ("probe.",)} if c.probe else {}
        parts = {role: adam(c.part_rate, *prefixes) for role, prefixes in own.items()}
        slots = self.slots()
        images = adam(c.image_rate, *(f"{part}." for part in TRAINS["images"]), *(f"!{slot}" for slot in slots))
        video = adam(c.video_rate, "audio_projection.", *slots)
        first = (Phase("parts", c.part_steps, parts, batch_size=c.part_batch),) if parts else ()
        scale = (Phase("scale"),) if "latents" in parts else ()
        return (
            *first,
            *scale,
            Phase("images", c.image_steps, {"model": images}, Sampling(), c.image_batch, ema=c.ema),
            Phase("video", c.video_steps, {"model": video}, Sampling(), c.video_batch, ema=c.ema),
        )

    def slots(self) -> tuple[str, ...]:
        """Name prefixes of the audio transformers and temporal modules in the denoiser."""
        names = (f"denoiser.{name}" for name, _ in self.denoiser.named_parameters())
        cuts = (name[: name.index(slot) + len(slot)] for name in names for slot in SLOTS if slot in name)
        return tuple(dict.fromkeys(cuts))

    def enter(self, phase: str) -> None:
        self.phase = phase
        self.train(self.training)

    def train(self, mode: bool = True) -> Hallo:
        """As torch's, but what the phase does not train stays in eval mode."""
        super().train(mode)
        if mode and self.phase:
            for name, part in self.named_children():
                part.train(name in TRAINS.get(self.phase, ()))
        return self

    @torch.no_grad()
    def fit(self, phase: str, clips: Iterable[Clip]) -> None:
        """The scale of the latents, and of their difference from a picture to another one of its clip."""
        c = self.config
        squares = [
            seen(clip, c.size, c.face_share, c.steady).squares for clip, _ in zip(clips, range(MEASURED), strict=False)
        ]
        self.autoencoder.measure(pixels(np.stack([s[0] for s in squares])))
        pairs = ((s[0], s[len(s) // 2]) for s in squares)
        first, later = (self.autoencoder.encode(pixels(np.stack(of))) for of in zip(*pairs, strict=True))
        self.spread.fill_((later - first).std().clamp_min(1e-6))

    def example(self, clip: Clip, draw: Draw) -> Example:
        """Before the scale is known what stands in is trained; later the latents."""
        if self.phase not in ("images", "video"):
            return part_example(self, clip)
        return film_example(self, clip, stretch_of(self, clip, draw.rng))

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Pictures and sounds, pairs, or windows, as the phase has them; drawn from torch's random state."""
        if "latents" not in examples[0]:
            return part_batch(self, examples)
        return (pair_batch if self.phase == "images" else window_batch)(self, examples)

    def losses(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        """Terms of one role: those of the stand-ins, or the error of what the denoiser says."""
        if phase == "parts":
            return self._parts(batch, role)
        c, clean = self.config, self.coded(batch["latents"], batch["portrait"], batch.get("before"))
        count = len(clean)
        drawn = c.late if phase == "video" else 1
        t = torch.randint(self.schedule.steps, (drawn, count), device=clean.device).amax(0)
        noise = offset_noise(clean if phase == "images" else clean.flatten(0, 1), c.noise_offset).view_as(clean)
        noisy = self.schedule.noised(clean, noise, t)
        shared = (batch["face"], batch["portrait"], batch["locate"])
        if phase == "images":
            blind = torch.rand(count) < c.drop_conditions
            answer = self.denoiser(noisy, t, self.conditions(*shared, blind=blind))[0]
        else:
            kept = torch.rand(count) >= c.drop_motion
            before = batch["before"] * kept.to(clean)[:, None, None, None, None]
            blind, unheard = torch.rand(count) < c.drop_reference, torch.rand(count) < c.drop_audio
            under = self.conditions(
                *shared, batch["masks"], before, batch["heard"], blind=blind, unheard=unheard, frozen=True
            )
            answer = self.denoiser(noisy.flatten(0, 1), t, under)[0].view_as(clean)
        wanted = self.schedule.wanted(clean, noise, t)
        if c.lip_loss and phase == "video":
            lips = pyramid(batch["masks"], (c.latent_side,))[c.latent_side][:, None, 2:]
            answer, wanted = ((1 + c.lip_loss * lips).sqrt() * x for x in (answer, wanted))
        error = error_per_sample(answer, wanted)
        weights = self.schedule.min_snr_weights(t, c.snr_gamma) if c.snr_gamma else torch.ones_like(error)
        return {c.target: (weights * error).mean()}

    def coded(self, latents: Tensor, portrait: Tensor, before: Tensor | None = None) -> Tensor:
        """What noise is added to: latents (B, …, C, s, s) as they are, or less what is expected of them."""
        if not self.config.residual:
            return latents
        return (latents - self._expected(latents, portrait, before)) / self.spread

    def uncoded(self, coded: Tensor, portrait: Tensor, before: Tensor | None = None) -> Tensor:
        """Latents again."""
        if not self.config.residual:
            return coded
        return self._expected(coded, portrait, before) + self.spread * coded

    def _expected(self, like: Tensor, portrait: Tensor, before: Tensor | None) -> Tensor:
        """The portrait (B, C, s, s), moved some of the way to the last of the frames before (B, M, C, s, s); with as
        many axes as (B, …, C, s, s)."""
        if before is not None:
            portrait = portrait + self.config.carried * (before[:, -1] - portrait)
        return portrait if portrait.ndim == like.ndim else portrait[:, None]

    def _parts(self, batch: Batch, role: str) -> dict[str, Tensor]:
        pictures = batch["pictures"]
        if role == "latents":
            return self.autoencoder.losses(pictures[:: self.config.thinned], self.config.kl_weight)
        if role == "identity":
            known = batch["people"] >= 0
            return {"people": self.faces.loss(pictures[known], batch["people"][known]) if known.any()
                    else 0.0 * self.faces(pictures).sum()}  # fmt: skip
        if role == "probe":
            return {"aperture": 10 * (self.probe(recoloured(pictures)) - batch["aperture"]).square().mean()}
        assert isinstance(self.hearing, MelHearing)
        mask = mask_of(batch["frames"], batch["visemes"].shape[1])
        scores = self.hearing.scores(batch["sound"], batch["samples"], batch["frames"], mask)
        return {"visemes": frame_cross_entropy(scores, batch["visemes"], mask)}

    def conditions(
        self,
        face: Tensor,
        portrait: Tensor,
        locate: Tensor,
        masks: Tensor | None = None,
        before: Tensor | None = None,
        heard: Tensor | None = None,
        *,
        blind: Tensor | None = None,
        unheard: Tensor | None = None,
        weights: Sequence[float] = (1.0, 1.0, 1.0),
        frozen: bool = False,
    ) -> Conditions:
        """What the denoiser is told of B samples: face (B, E), portrait (B, C, s, s), locate (B, 1, S, S); for video
        masks (B, 3, 64, 64), the frames before (B, M, C, s, s) and what is heard (B, F, span, L, C). Samples of `blind`
        (B,) know neither face nor portrait nor place, those of `unheard` no sound. `frozen`: what belongs to images
        learns nothing."""
        sees = torch.ones(len(face), device=face.device) if blind is None else (~blind).to(face)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            context = self.image_projection(face * sees[:, None])
            located = self.locator(locate) * sees[:, None, None, None]
            rows = portrait[:, None] if before is None else torch.cat([portrait[:, None], before], 1)
            zero = torch.zeros(len(face), dtype=torch.long, device=face.device)
            kept = self.reference(rows.flatten(0, 1), zero, Conditions(context))[1]
            tokens = [k.unflatten(0, rows.shape[:2]) for k in kept]
        bank = [k[:, 0] for k in tokens]
        if before is None or heard is None or masks is None:
            return Conditions(context, bank, blind, located=located)
        hears = torch.ones_like(sees) if unheard is None else (~unheard).to(face)
        sound = self.audio_projection(heard) * hears[:, None, None, None]
        each = masks.repeat_interleave(sound.shape[1], 0)
        return Conditions(
            context,
            bank,
            blind,
            before=[_maps(k[:, 1:]) for k in tokens],
            located=located,
            sound=sound.flatten(0, 1),
            masks=pyramid(each, self.denoiser.slot_sides(self.config.latent_side)),
            weights=weights,
            moving=True,
        )

    def embedded(self, picture: np.ndarray, frame: np.ndarray, landmarks: np.ndarray) -> Tensor:
        """(E,) of a face: by the classifier from its square (S, S, 3), by ArcFace from the frame (H, W, 3) and
        landmarks (478, 3) in it; zeros where that cannot be told."""
        if self.config.arcface is None:
            return self.faces(pixels(picture[None]))[0]
        vector = load_embedder(Path(self.config.arcface)).embed(frame, landmarks)
        return torch.from_numpy(np.nan_to_num(vector))

    # --- use ----------------------------------------------------------------------------------------------------

    def generate(self, request: SpeechToVideoRequest) -> VideoResult:
        """A film as long as the sound. Controls: weights of the regions, 1 by default. Raises BadInput."""
        self.eval()
        return film(self, request)

    def claims(self) -> tuple[Claim, ...]:
        from talkie_zoo.speech_to_video.hallo_claims import claims

        return claims(self)


def _maps(tokens: Tensor) -> Tensor:
    """Tokens (B, M, H W, C) of square maps -> (B, M, C, H, W)."""
    side = round(tokens.shape[2] ** 0.5)
    return tokens.transpose(2, 3).unflatten(3, (side, side))
