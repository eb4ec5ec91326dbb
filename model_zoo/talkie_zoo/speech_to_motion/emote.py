"""EMOTE (Danecek et al., SIGGRAPH Asia 2023, arXiv 2306.08990): speech, emotion, intensity and speaker become the
latents of a frozen motion prior. Networks, conditions, sizes and claims are in the files emote_*.py beside this one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from talkie.clip import FPS, SAMPLES_PER_FRAME, Clip
from talkie.errors import BadInput
from talkie.heads import builtin_head
from talkie.speech.emotion import EMOTIONS, INTENSITIES
from talkie.speech.phones import VISEMES
from talkie.systems.contract import Batch, Card, Example, System, SystemConfig
from talkie.systems.measurement import Bar, Claim
from talkie.systems.phases import Draw, Optimiser, Phase, Schedule
from talkie.systems.tasks.speech_to_motion import EXPRESSIONS, MotionResult, SpeechToMotionRequest, clip_audio
from talkie_zoo.blocks.audio import LogMelEncoder
from talkie_zoo.blocks.batches import pad
from talkie_zoo.blocks.critics import frame_cross_entropy
from talkie_zoo.blocks.exchange import derangement, doubled
from talkie_zoo.blocks.head_model import shared_head
from talkie_zoo.blocks.motion_vae import STRIDE, TemporalVAE, kl_to_normal
from talkie_zoo.blocks.temporal import crossfaded, mask_of, resample
from talkie_zoo.blocks.visemes import viseme_labels
from talkie_zoo.speech_to_motion.emote_conditions import CONTROLS, labels_of, one_hot, requested
from talkie_zoo.speech_to_motion.emote_config import MICRO, PAPER, TINY, EmoteConfig
from talkie_zoo.speech_to_motion.emote_face import COEFFICIENTS, Face
from talkie_zoo.speech_to_motion.emote_networks import (
    Critics,
    Judges,
    Talker,
    audio_encoder,
    vertex_error,
)

TRAINS = {
    "critics": ("critics", "judges", "hearing"),
    "prior": ("prior",),
    "stage_1": ("audio", "talker"),
    "stage_2": ("talker", "twin"),
}
"""The parts that a phase trains; all others are frozen, their normalisation and dropout included."""
STYLE = len(EMOTIONS) + len(INTENSITIES)
"""Where the speaker begins in a row of conditions."""
OVERLAP = 6 * STRIDE
"""Frames that two windows of a long recording share."""


class Emote(System):
    """Critics, then the prior (FLINT), then the talker: first by vertices alone, then with the audio net frozen and
    with emotions exchanged inside the batch.

    Decided here. Both critics see vertices of the average face (lips, and the whole face) in place of rendered
    pictures: the renderer of the original only carries a frozen network's gradient to the same vertices. The lip
    critic is a viseme reader trained on the same clips in place of a network for visual speech recognition; the
    emotion critic makes its features itself in place of EMOCA's. The emotion reference is the donor's true motion
    in place of its real video. Coefficients are ARKit's 52 and the jaw in place of FLAME's, standardised by the
    training motion where the prior reads and writes them. An audio net without pretrained weights first learns
    visemes, beside the critics, and its convolutions rest then, since the original's had learned to recognise
    speech and rest too. The prior's transformers step their bias every frame. Unless `rescale` is off, the vertex
    term is 1 for the mean face and the perceptual weights refer to that. A speaker whom nobody named gets equal
    shares of all styles, since the original always takes one of its training speakers. Frames whose fit has no
    finite residual count in no term, as frames without landmarks in the original. A recording beyond the table of
    1200 frames goes through cross-faded windows in place of being cut off.
    """

    card: ClassVar[Card] = Card(
        slug="emote",
        title="EMOTE: Emotional Speech-Driven Animation with Content-Emotion Disentanglement",
        paper="arXiv 2306.08990, SIGGRAPH Asia 2023",
        task="speech_to_motion",
        licence="Max Planck non-commercial research licence (code of the original)",
        needs=("flac", "head.npz", "phones.json"),
        labels=("emotion",),
        controls=CONTROLS,
        summary="Speech, emotion, intensity and speaker to face motion through a frozen temporal motion prior.",
        gaps=(
            "no renderer: critics see vertices, so texture and teeth teach nothing",
            "emotions are those of the stage's recordings; MEAD was never trained on",
        ),
    )
    Config: ClassVar[type[SystemConfig]] = EmoteConfig
    presets: ClassVar[Mapping[str, SystemConfig]] = {"micro": MICRO, "tiny": TINY, "paper": PAPER}
    bar: ClassVar[Bar] = Bar(over_baseline=0.15)
    config: EmoteConfig

    def __init__(self, config: SystemConfig):
        super().__init__(config)
        self.identities: list[str] = []
        self.head_name = ""
        self.phase = ""

    def describe(self) -> Card:
        c = self.config
        audio = "log-mel conv stem and transformer, trained from scratch in place of wav2vec 2.0"
        if c.audio == "wav2vec2":
            audio = f"wav2vec 2.0: {c.pretrained or 'random weights, built from the config'}"
        parts = {
            "audio net": audio,
            "lip critic": "viseme reader on lip vertices, trained first, in place of a visual speech recogniser",
            "emotion critic": "clip classifier on face vertices, trained first, in place of EMOCA features",
            "renderer": "none: critics see vertices",
            "head model": self.head_name,
        }
        return self.card.model_copy(update={"parts": parts})

    # --- what depends on data -----------------------------------------------------------------------------------

    def prepare(self, clips: Iterable[Clip]) -> None:
        """Speaker table, head model, statistics of sound and motion. Raises NotADataset without clips, BadInput where
        clips disagree about the head model or lack an emotion."""
        clips = list(clips)
        self.head_name = shared_head(clips)
        for clip in clips:
            labels_of(clip)
        self.identities = sorted({clip.record.identity for clip in clips})
        self._build(self.config.architecture)
        self.audio.measure([self.audio.inputs(clip_audio(clip)) for clip in clips[:64]])
        self.face.measure(torch.cat([_motion(clip) for clip in clips]))

    @property
    def constants(self) -> dict[str, Any]:
        architecture = getattr(self.audio, "architecture", None)
        return {"identities": self.identities, "head": self.head_name, "architecture": architecture}

    def restore(self, constants: dict[str, Any]) -> None:
        self.identities, self.head_name = list(constants["identities"]), constants["head"]
        self._build(constants["architecture"])

    @classmethod
    def typical_constants(cls, config: SystemConfig) -> dict[str, Any]:
        """Of MEAD's 32 training speakers."""
        people = [f"speaker {number}" for number in range(32)]
        return {"identities": people, "head": builtin_head().name, "architecture": {}}

    def _build(self, architecture: dict[str, Any] | None) -> None:
        c = self.config
        self.face = Face(self.head_name, c.lip_points, c.face_points)
        self.audio = audio_encoder(
            c.audio, c.audio_channels, c.audio_layers, c.audio_heads, 0.1, c.pretrained, architecture
        )
        width = self.audio.channels
        conditions = len(EMOTIONS) + len(INTENSITIES) + len(self.identities)
        self.talker = Talker(width, conditions, c.channels, c.heads, c.dropout, c.prior_width)
        self.prior = TemporalVAE(COEFFICIENTS, c.prior_width, c.prior_heads, c.prior_feedforward, c.prior_out_std)
        lips, points = self.face.lips, self.face.points
        sizes = (len(EMOTIONS), len(INTENSITIES))
        self.critics = Critics(lips, points, c.critic_channels, c.critic_heads, *sizes, c.dropout)
        if c.judges:
            self.judges = Judges(lips, COEFFICIENTS, c.critic_channels // 2, len(EMOTIONS))
        if c.hearing:
            self.hearing = torch.nn.Linear(width, len(VISEMES))
        if c.ablation:
            self.twin = Talker(width, conditions, c.channels, c.heads, c.dropout, c.prior_width)

    # --- training -----------------------------------------------------------------------------------------------

    def phases(self) -> tuple[Phase, ...]:
        """Critics (with judges and hearing), prior, stage 1 with the audio net (but its convolutions, where they have
        been taught), stage 2 with the talker alone (and its twin)."""
        c = self.config

        def adam(*prefixes: str, rate: float = c.learning_rate) -> Optimiser:
            return Optimiser(rate, trains=prefixes, schedule=Schedule(c.schedule), clip_norm=1.0)

        first_of_all: dict[str, tuple[str, ...]] = {"lip": ("critics.lip.",), "emotion": ("critics.emotion.",)}
        first_of_all |= {"judges": ("judges.",)} if c.judges else {}
        first_of_all |= {"hearing": ("audio.", "hearing.")} if c.hearing else {}
        critics = {role: adam(*prefixes, rate=c.critic_rate) for role, prefixes in first_of_all.items()}
        last = {"model": adam("talker.")} | ({"twin": adam("twin.")} if c.ablation else {})
        prior = {"model": adam("prior.", rate=c.prior_rate)}
        taught = ("!audio.stem.",) if c.hearing else ()
        first = {"model": adam("audio.", "talker.", "!audio.model.feature_extractor.", *taught)}
        return (
            Phase("critics", c.critic_steps, critics, batch_size=c.critic_batch, patience=c.patience),
            Phase("prior", c.prior_steps, prior, batch_size=c.prior_batch, patience=c.patience),
            Phase("stage_1", c.stage_1_steps, first, batch_size=c.batch, patience=c.patience),
            Phase("stage_2", c.stage_2_steps, last, batch_size=c.batch, patience=c.patience),
        )

    def enter(self, phase: str) -> None:
        """The twin begins stage 2 where the talker does."""
        self.phase = phase
        if phase == "stage_2" and self.config.ablation:
            self.twin.load_state_dict(self.talker.state_dict())
        self.train(self.training)

    def train(self, mode: bool = True) -> Emote:
        """As torch's, but what the phase does not train stays in eval mode: a frozen prior's batch statistics too."""
        super().train(mode)
        if mode and self.phase:
            for name, part in self.named_children():
                heard = name == "audio" and self.phase == "critics" and self.config.hearing
                part.train(heard or name in TRAINS[self.phase])
        return self

    def example(self, clip: Clip, draw: Draw) -> Example:
        """audio (M, C), motion (T, 55), visemes and valid (T,), rows of emotion, intensity and speaker."""
        emotion, intensity = labels_of(clip)
        motion = _motion(clip)
        return {
            "id": clip.id,
            "audio": self.audio.inputs(clip_audio(clip)),
            "motion": motion,
            "visemes": viseme_labels(clip.fields["phones.json"], len(motion)),
            "valid": torch.as_tensor(np.isfinite(clip.fields["head.npz"].residual)),
            "emotion": emotion,
            "intensity": intensity,
            "speaker": self.identities.index(clip.record.identity) if clip.record.identity in self.identities else 0,
        }

    def collate(self, examples: Sequence[Example]) -> Batch:
        """A window of each clip, as long as the phase trains on, drawn from torch's random state; shorter clips are
        padded with zeros and their frames masked."""
        c = self.config
        size = {"critics": c.critic_window, "prior": c.prior_window}.get(self.phase, c.window)
        cut = [self._stretch(e, size) for e in examples]
        audio, samples = pad([e["audio"] for e in cut])
        batch: Batch = {"ids": [e["id"] for e in examples], "audio": audio, "samples": samples}
        batch["frames"] = torch.tensor([len(e["motion"]) for e in cut])
        for name in ("motion", "visemes", "valid"):
            rows = pad([e[name] for e in cut])[0]
            batch[name] = torch.cat([rows, rows.new_zeros(len(rows), size - rows.shape[1], *rows.shape[2:])], 1)
        for name in ("emotion", "intensity", "speaker"):
            batch[name] = torch.tensor([e[name] for e in examples])
        return batch

    def _stretch(self, example: Example, size: int) -> Example:
        start = int(torch.randint(max(0, len(example["motion"]) - size) + 1, ()))
        rows = self.audio.rows_per_frame
        cut = {name: example[name][start : start + size] for name in ("motion", "visemes", "valid")}
        audio = example["audio"][start * rows : (start + size) * rows]
        if self.config.warp and isinstance(self.audio, LogMelEncoder):
            audio = self.audio.revoiced(audio, self.config.warp)
        return {**cut, "audio": audio}

    def losses(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        """Terms of one role; `vertices` is 1 for the mean face unless `rescale` is off."""
        motion, real = batch["motion"], mask_of(batch["frames"], batch["motion"].shape[1])
        valid = real & batch["valid"]
        # The roles of a step look at the same faces.
        moved = batch["_moved"] if "_moved" in batch else self.face(motion)
        batch["_moved"] = moved
        if role == "hearing":
            heard = self.hearing(self.context(batch["audio"], batch["samples"], batch["frames"], real))
            return {"hearing": frame_cross_entropy(heard, batch["visemes"], real)}
        if phase == "critics":
            return self._judged(batch, role, moved, valid)
        if phase == "prior":
            return self._restored(motion, moved, valid)
        return self._spoken(batch, moved, real, valid, phase == "stage_2", role == "twin")

    def _judged(self, batch: Batch, role: str, moved: Tensor, valid: Tensor) -> dict[str, Tensor]:
        if role == "lip":
            return {"visemes": self.critics.lip_loss(moved, batch["visemes"], valid)}
        if role == "emotion":
            return {"labels": self.critics.emotion_loss(moved, batch["emotion"], batch["intensity"], valid)}
        codes = self.face.standardised(batch["motion"])
        return {"judges": self.judges.loss(moved, codes, batch["visemes"], batch["emotion"], valid)}

    def _restored(self, motion: Tensor, moved: Tensor, valid: Tensor) -> dict[str, Tensor]:
        codes, mean, logvar = self.prior(self.face.standardised(motion))
        error = vertex_error(self.face(self.face.motion(codes)), moved, valid)
        scale = 1.0 if self.config.rescale else 1e6 * self.face.variance
        return {"vertices": error * scale, "kl": self.config.kl_weight * kl_to_normal(mean, logvar).mean()}

    def _spoken(
        self, batch: Batch, moved: Tensor, real: Tensor, valid: Tensor, second: bool, twin: bool
    ) -> dict[str, Tensor]:
        c, talker = self.config, self.twin if twin else self.talker
        rows = (batch["emotion"], batch["intensity"], batch["speaker"])
        condition = one_hot(*rows, len(self.identities))
        with torch.set_grad_enabled(not second and torch.is_grad_enabled()):
            context = self.context(batch["audio"], batch["samples"], batch["frames"], real)
        scale = 1.0 if c.rescale else self.face.variance
        if not second or twin:
            said = self.face(self.speak(talker, context, condition, real))
            return {"vertices": vertex_error(said, moved, valid) * scale}
        donors = derangement(len(moved))
        donor = condition[donors].clone()
        # The copy takes over emotion and intensity; the speaker stays.
        donor[:, STYLE:] = condition[:, STYLE:]
        both = torch.cat([context, context]), torch.cat([condition, donor]), torch.cat([real, real])
        said = self.face(self.speak(talker, *both))
        heard, seen = doubled(valid, valid, donors)
        own, felt = doubled(moved, moved, donors)
        return {
            "vertices": vertex_error(said[: len(moved)], moved, valid) * scale,
            "lip": c.lip_weight * self.critics.lip_distance(said, own, heard),
            "emotion": c.emotion_weight * self.critics.emotion_distance(said, felt, heard, seen),
        }

    def context(self, audio: Tensor, samples: Tensor, frames: Tensor, mask: Tensor) -> Tensor:
        """What the audio net says: inputs (B, M, C) -> (B, T, A) at 25 Hz, zero outside mask (B, T)."""
        features, lengths = self.audio.features(audio, samples)
        return self.audio.context(resample(features, lengths, frames, mask.shape[1]), mask)

    def speak(self, talker: Talker, context: Tensor, condition: Tensor, mask: Tensor) -> Tensor:
        """Coefficients (B, T, 55) through the prior's decoder."""
        codes = self.prior.decode(talker(context, condition, mask))
        return self.face.motion(codes[:, : mask.shape[1]])

    # --- use ----------------------------------------------------------------------------------------------------

    def generate(self, request: SpeechToMotionRequest) -> MotionResult:
        """Motion of `request.frames` frames; controls as `emote_conditions.requested` says. Raises BadInput for an
        identity, emotion or intensity that is not known, and for a convention other than arkit."""
        return self.answer(self.talker, request)

    @torch.no_grad()
    def answer(self, talker: Talker, request: SpeechToMotionRequest) -> MotionResult:
        """`generate` with a given talker: the claims ask the twin too."""
        if request.convention != "arkit":
            raise BadInput(f"emote answers no {request.convention!r}", cure="ask for arkit")
        condition = requested(request, self.identities)
        self.eval()

        def piece(start: int, end: int) -> Tensor:
            audio = request.audio[start * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME].astype(np.float32)
            inputs = self.audio.inputs(np.pad(audio, (0, (end - start) * SAMPLES_PER_FRAME - len(audio))))
            mask = torch.ones(1, end - start, dtype=torch.bool)
            frames = torch.tensor([end - start])
            context = self.context(inputs[None], torch.tensor([len(inputs)]), frames, mask)
            return self.speak(talker, context, condition[None, start:end], mask)[0]

        motion = crossfaded(request.frames, self.config.limit, min(OVERLAP, self.config.limit // 2), piece)
        return MotionResult(FPS, motion[:, :EXPRESSIONS].clamp(0, 1).numpy(), motion[:, EXPRESSIONS:].numpy())

    def claims(self) -> tuple[Claim, ...]:
        from talkie_zoo.speech_to_motion.emote_claims import claims

        return claims(self)


def _motion(clip: Clip) -> Tensor:
    """(T, 55) ARKit weights and the jaw's axis-angle, radians."""
    track = clip.fields["head.npz"]
    return torch.as_tensor(np.concatenate([track.expression, track.jaw], 1), dtype=torch.float32)
