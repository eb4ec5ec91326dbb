"""UniTalker (Fan et al., ECCV 2024, arXiv 2408.00762): one audio encoder and one motion decoder with an output head
per annotation convention. What it claims is in unitalker_claims.py, its heads are in unitalker_heads.py."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from talkie.clip import FPS, SAMPLES_PER_FRAME, Clip
from talkie.errors import BadConfig, BadInput
from talkie.heads import builtin_head
from talkie.systems.contract import Batch, Card, Example, Published, System, SystemConfig
from talkie.systems.inheritance import take_over
from talkie.systems.measurement import Bar, Claim
from talkie.systems.phases import Draw, Optimiser, Phase, Schedule
from talkie.systems.tasks.speech_to_motion import EXPRESSIONS, MotionResult, SpeechToMotionRequest, clip_audio
from talkie_zoo.blocks.audio import LogMelEncoder, PretrainedEncoder
from talkie_zoo.blocks.batches import assigned, pad
from talkie_zoo.blocks.head_model import head_model, shared_head
from talkie_zoo.blocks.temporal import TemporalDecoder, crossfaded, mask_of, resample
from talkie_zoo.speech_to_motion.unitalker_config import MICRO, PAPER, SPEAKERS, TINY, UniTalkerConfig
from talkie_zoo.speech_to_motion.unitalker_heads import ArkitHead, OffsetHead


class UniTalker(System):
    """Audio encoder -> 50 Hz to 25 fps -> identity style -> TCN -> one zero-initialised linear head per convention.

    Deviations from the published code: batches of several clips (padding masked in both terms, long clips cut at
    random), the rec term of each convention divided by the mean square of its training motion (the paper scales each
    dataset by hand), and at `tiny` a log-mel encoder trained from scratch in the SSL encoder's place, with the
    frequency adaptor before its transformer (position 0 of the published code; pretrained encoders keep position 1).
    Four conventions stand for the paper's six: blendshape weights with the jaw's angles (also for its corpora of FLAME
    parameters, whose loss is that of vertices too), dense and coarse meshes, landmarks.
    """

    card: ClassVar[Card] = Card(
        slug="unitalker",
        title="UniTalker: Scaling up Audio-Driven 3D Facial Animation through A Unified Model",
        paper="arXiv 2408.00762, ECCV 2024",
        task="speech_to_motion",
        licence="Apache-2.0 (code of the original)",
        needs=("flac", "head.npz"),
        summary="One audio encoder and one motion decoder, one output head per annotation convention.",
        parameters=92,
        published=(
            Published(
                metric="LVE, trained jointly",
                value="3.859e-4",
                data="BIWI",
                source="paper, quoted by others: unverified",
            ),
            Published(
                metric="LVE, trained jointly",
                value="8.303e-6 m^2",
                data="VOCASET",
                source="paper, quoted by others: unverified",
            ),
            Published(
                metric="LVE, best before it",
                value="4.249e-4",
                data="BIWI",
                source="SelfTalk, quoted by others: unverified",
            ),
        ),
        gaps=(
            "the conventions are made from one tracked corpus; the paper's eight corpora were never trained on",
            "`paper` was built and sized, never trained",
        ),
    )
    Config: ClassVar[type[SystemConfig]] = UniTalkerConfig
    presets: ClassVar[Mapping[str, SystemConfig]] = {"micro": MICRO, "tiny": TINY, "paper": PAPER}
    bar: ClassVar[Bar] = Bar(over_baseline=0.3)
    config: UniTalkerConfig

    def __init__(self, config: SystemConfig):
        super().__init__(config)
        self.identities: list[str] = []
        self.head_name = ""

    def describe(self) -> Card:
        c = self.config
        if c.audio == "log_mel":
            audio = "log-mel conv stem and transformer, trained from scratch in place of the SSL encoder"
        else:
            audio = f"{c.audio}: {c.pretrained or 'random weights, built from the config'}"
        return self.card.model_copy(update={"parts": {"audio encoder": audio, "head model": self.head_name}})

    # --- what depends on data -----------------------------------------------------------------------------------

    def prepare(self, clips: Iterable[Clip]) -> None:
        """Identity table, head model, band statistics, PCA of each mesh convention and the scale of each head.
        Raises NotADataset without clips, BadInput where clips disagree about the head model."""
        clips = list(clips)
        self.head_name = shared_head(clips)
        self.identities = sorted({clip.record.identity for clip in clips})
        self._build(self.config.architecture, {})
        # A few dozen clips fix 80 means and deviations; decoding a large corpus twice would not make them better.
        self.encoder.measure([self.encoder.inputs(clip_audio(clip)) for clip in clips[:64]])
        for name, head in self.heads.items():
            mine = [c for c in clips if assigned(c.id, self.config.shares) == name] or clips
            head.measure(mine, self.config.pca_frames)

    @property
    def constants(self) -> dict[str, Any]:
        sizes = {name: head.pca.components for name, head in self.heads.items() if isinstance(head, OffsetHead)}
        architecture = getattr(self.encoder, "architecture", None)
        return {
            "identities": self.identities,
            "head": self.head_name,
            "components": sizes,
            "architecture": architecture,
        }

    def restore(self, constants: dict[str, Any]) -> None:
        self.identities, self.head_name = list(constants["identities"]), constants["head"]
        # With the architecture given, pretrained weights are not fetched again: the stored ones replace them.
        self._build(constants["architecture"], constants["components"])

    @classmethod
    def typical_constants(cls, config: SystemConfig) -> dict[str, Any]:
        people = [f"speaker {number}" for number in range(SPEAKERS)]
        return {"identities": people, "head": builtin_head().name, "components": {}, "architecture": {}}

    def _build(self, architecture: dict[str, Any] | None, components: Mapping[str, int]) -> None:
        c = self.config
        self.encoder: LogMelEncoder | PretrainedEncoder
        if c.audio == "log_mel":
            self.encoder = LogMelEncoder(c.audio_channels, c.audio_layers, c.audio_heads, c.dropout)
        else:
            self.encoder = PretrainedEncoder(c.audio, c.pretrained, architecture)
        self.decoder = TemporalDecoder(self.encoder.channels, c.channels, c.style, c.dropout)
        self.style = nn.Embedding(len(self.identities) + 1, c.style)
        model = head_model(self.head_name)
        self.heads = nn.ModuleDict()
        for name in c.shares:
            if name == "arkit":
                self.heads[name] = ArkitHead(c.channels, model, c.basis_vertices, c.arkit_weight)
            else:
                self.heads[name] = OffsetHead(c.channels, model, name, components.get(name, c.pca), c.code_weight)

    def inherit(self, trained: System) -> None:
        """Encoder, decoder, and the heads of conventions that the model knows, with their units and components; a new
        convention's head begins at rest. People whom the model knows keep their style, all others begin with the
        pivot's. Raises BadInput for another head model, BadConfig for other sizes."""
        assert isinstance(trained, UniTalker)
        if trained.head_name != self.head_name:
            raise BadInput(
                f"the model moves {trained.head_name}, the clips are tracked with {self.head_name}",
                cure="curate the clips with the model's head",
            )
        take_over(self.encoder, trained.encoder, "the audio encoder")
        if self.config.inherits == "encoder":
            return
        take_over(self.decoder, trained.decoder, "the decoder")
        for name in self.heads.keys() & trained.heads.keys():
            self.heads[name] = trained.heads[name]
        with torch.no_grad():
            self.style.weight.copy_(trained.style.weight[trained.pivot])
            for row, person in enumerate(self.identities):
                self.style.weight[row] = trained.style.weight[trained._row(person)]

    # --- training -----------------------------------------------------------------------------------------------

    def enter(self, phase: str) -> None:
        idle = [name for name, share in self.config.shares.items() if not share and self.heads[name].at_rest]
        if idle:
            raise BadConfig(
                f"no clip would teach the {idle[0]} head, and no model brought one",
                cure=f"give {idle[0]} a share, or begin with a model that has the head",
            )

    def phases(self) -> tuple[Phase, ...]:
        """Decoder warm-up with the whole audio encoder frozen, then everything (except a pretrained front end); or the
        heads alone."""
        c = self.config
        if c.tune == "heads":
            heads = Optimiser(c.learning_rate, trains=("heads.",), schedule=Schedule(c.schedule))
            return (Phase("heads", c.steps, {"model": heads}),)
        warm = Optimiser(c.learning_rate, trains=("", "!encoder."))
        joint = Optimiser(
            c.learning_rate, trains=("", "!encoder.model.feature_extractor."), schedule=Schedule(c.schedule)
        )
        both = (
            Phase("warm_up", c.warm_up_steps, {"model": warm}),
            Phase("joint", c.steps, {"model": joint}),
        )
        return tuple(phase for phase in both if phase.steps)

    def example(self, clip: Clip, draw: Draw) -> Example:
        """audio (M, C), frames, identity row, convention, target (T, D) in the convention's own numbers."""
        convention = assigned(clip.id, self.config.shares)
        return {
            "id": clip.id,
            "audio": self.encoder.inputs(clip_audio(clip)),
            "identity": self._row(clip.record.identity),
            "convention": convention,
            "target": self.heads[convention].target(clip),
        }

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Padded audio (B, M, C) with lengths; per convention, the rows that carry it and their targets. A clip longer
        than `crop_s` gives a stretch of that length, drawn from torch's random state."""
        cut = [self._stretch(e["audio"], e["target"]) for e in examples]
        audio, samples = pad([a for a, _ in cut])
        batch: Batch = {
            "ids": [e["id"] for e in examples],
            "audio": audio,
            "samples": samples,
            "frames": torch.tensor([len(target) for _, target in cut]),
            "identity": torch.tensor([e["identity"] for e in examples]),
        }
        for name, head in self.heads.items():
            rows = [i for i, e in enumerate(examples) if e["convention"] == name]
            batch[f"rows/{name}"] = torch.tensor(rows, dtype=torch.long)
            batch[f"target/{name}"] = pad([cut[i][1] for i in rows])[0] if rows else torch.zeros(0, 1, head.width)
        return batch

    def _stretch(self, audio: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        size = round(self.config.crop_s * FPS)
        if len(target) <= size:
            return audio, target
        start = int(torch.randint(len(target) - size + 1, ()))
        rows = self.encoder.rows_per_frame
        return audio[start * rows : (start + size) * rows], target[start : start + size]

    def losses(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        """rec and code terms per convention, weighted by its share of the batch: the mean over one-clip batches."""
        identity = batch["identity"]
        if self.training:
            pivot = torch.rand(len(identity)) < self.config.pivot_probability
            identity = identity.masked_fill(pivot, self.pivot)
        hidden, mask = self._hidden(batch["audio"], batch["samples"], batch["frames"], identity)
        losses: dict[str, Tensor] = {}
        # A head without a row in the batch takes part with nothing, so that workers agree on what they reduce.
        for name, head in self.heads.items():
            rows, target = batch[f"rows/{name}"], batch[f"target/{name}"]
            size = target.shape[1]
            for term, value in head.losses(hidden[rows, :size], target, mask[rows, :size]).items():
                losses[f"{name}/{term}"] = value * (len(rows) / len(identity))
        return losses

    @property
    def pivot(self) -> int:
        """The row of the pivot identity: nobody's own style, hence the one for strangers."""
        return len(self.identities)

    def _row(self, identity: str) -> int:
        return self.identities.index(identity) if identity in self.identities else self.pivot

    def _hidden(self, audio: Tensor, samples: Tensor, frames: Tensor, identity: Tensor) -> tuple[Tensor, Tensor]:
        features, lengths = self.encoder.features(audio, samples)
        size = int(frames.max())
        mask = mask_of(frames, size)
        context = self.encoder.context(resample(features, lengths, frames, size), mask)
        return self.decoder(context, self.style(identity), mask), mask

    # --- use ----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(self, request: SpeechToMotionRequest) -> MotionResult:
        """Motion of `request.frames` frames; a stranger's request (identity None) speaks in the pivot's style.

        Longer audio goes through windows of 25 s with 5 s of overlap, cross-faded, each normalised by itself. Raises
        BadInput for an identity or convention that this model was not trained on.
        """
        wanted = self._known(request.convention)
        identity = self._known_identity(request.identity)
        heads = {"arkit": self.heads["arkit"], wanted: self.heads[wanted]}
        self.eval()

        def piece(start: int, end: int) -> Tensor:
            audio = request.audio[start * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME].astype(np.float32)
            inputs = self.encoder.inputs(np.pad(audio, (0, (end - start) * SAMPLES_PER_FRAME - len(audio))))
            hidden, _ = self._hidden(
                inputs[None], torch.tensor([len(inputs)]), torch.tensor([end - start]), torch.tensor([identity])
            )
            return torch.cat([head(hidden[0]) for head in heads.values()], -1)

        c = self.config
        codes = crossfaded(request.frames, round(c.window_s * FPS), round(c.overlap_s * FPS), piece)
        motion, rest = codes[:, : EXPRESSIONS + 3], codes[:, EXPRESSIONS + 3 :]
        offsets = None if wanted == "arkit" else self.heads[wanted].offsets(rest).numpy()
        return MotionResult(
            fps=FPS,
            expression=motion[:, :EXPRESSIONS].clamp(0, 1).numpy(),
            jaw=motion[:, EXPRESSIONS:].numpy(),
            vertices=offsets if wanted in ("vertices", "decimated") else None,
            landmarks=offsets if wanted == "landmarks" else None,
        )

    def _known(self, convention: str) -> str:
        if convention not in self.heads:
            raise BadInput(f"this model has no {convention!r} head", cure=f"ask for {' or '.join(self.heads)}")
        return convention

    def _known_identity(self, identity: str | None) -> int:
        if identity is None:
            return self.pivot
        if identity not in self.identities:
            near = difflib.get_close_matches(identity, self.identities, n=1)
            cure = f"did you mean {near[0]!r}?" if near else "leave it out for the neutral style"
            raise BadInput(f"no identity {identity!r} was trained", cure=cure)
        return self.identities.index(identity)

    def claims(self) -> tuple[Claim, ...]:
        from talkie_zoo.speech_to_motion.unitalker_claims import claims

        return claims(self)
