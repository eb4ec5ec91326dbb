"""Ditto (Li et al., ACM MM 2025, arXiv 2411.19509): a diffusion transformer speaks in the motion space of a frozen
portrait renderer, online and under control. Networks, conditions, answers and claims are in ditto_*.py beside this."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from talkie.clip import Clip
from talkie.errors import NotADataset
from talkie.systems.contract import Batch, Card, Example, Published, System, SystemConfig
from talkie.systems.measurement import Bar, Claim
from talkie.systems.phases import Draw, Optimiser, Phase, Sampling, Schedule
from talkie.systems.streaming import StreamSession
from talkie.systems.tasks.speech_to_motion import frames_of
from talkie.systems.tasks.speech_to_video import SpeechToVideoRequest
from talkie.systems.tasks.video import VideoResult
from talkie_zoo.blocks.head_model import head_model
from talkie_zoo.blocks.implicit_keypoints import MOTION, PARTS, Pose
from talkie_zoo.blocks.motion_dit import MotionDiT
from talkie_zoo.blocks.noise_schedule import NoiseSchedule
from talkie_zoo.blocks.streaming_audio import ChunkedSpeechModel, MelStack
from talkie_zoo.blocks.windowed_sampling import Windows
from talkie_zoo.speech_to_video.ditto_answer import Answer, joined
from talkie_zoo.speech_to_video.ditto_conditions import CONTROLS, GAZE, OPEN, ROW, Controls
from talkie_zoo.speech_to_video.ditto_config import MICRO, PAPER, TINY, DittoConfig
from talkie_zoo.speech_to_video.ditto_examples import (
    emotion_of,
    eyes_exchanged,
    faces,
    raw_rows,
    spoken,
    window_of,
)
from talkie_zoo.speech_to_video.ditto_renderer import (
    Renderer,
    load_renderer,
    mouth_losses,
    picture_losses,
    read_losses,
    stitch_losses,
    tinted,
)
from talkie_zoo.speech_to_video.ditto_source import registered, whole
from talkie_zoo.speech_to_video.ditto_targets import truth

EXTRACTOR, MOUTH, RENDERER, STITCHING = "extractor", "mouth", "renderer", "stitching"
FEATURES, SPEECH = "features", "motion"
TRUTHS = ("scale", "angles", "t", "exp", "kp", "x")
MEASURED = 4
"""Every such frame counts in the statistics of motion."""


class Ditto(System):
    """Extractor, renderer, stitching, statistics of the motion that the frozen extractor reads, then the
    diffusion transformer alone.

    Decided here. The original begins with LivePortrait's networks; without their weights (`renderer`) they are trained
    first, on self-reenactment with pixel, edge and structural losses and without an adversary, so without spectral
    norm. With `extractor_steps` the extractor learns alone, from moved and tinted crops, and the renderer goes by what
    it reads; with `extractor_closer` it looks at the mouth once more, from near by; with `blend` a pixel may come from
    the warped source picture; with `mouth_channels` a small network paints the mouth anew, in a box about the lips at
    full size, since the flow has 32 cells a side and an open mouth is one of them: it sees the source's mouth moved by
    the lip keypoints and both sets of them, and learns alone, from true keypoints (LivePortrait's own retargeting of
    lips moves keypoints, not pixels, and is not this); with `aligned` a condition is also added to the motion of its
    frame; at a `temperature` of 0 no noise enters a window, and what comes out is near the mean that the sound allows;
    `alpha_exp` is LivePortrait's driving multiplier, since reading, guessing and painting each take from an opening;
    with `eyes_exchanged` windows learn with each other's eyes, so that the eye-open condition moves eyes alone.
    `paper` does none of these eight. The 21 keypoints are supervised: each stands for a landmark, the canonical ones
    for the neutral head, rotation for the tracked head's, expression for what is left; so lips and eyes have the
    published numbers and mean what they do there. Without pretraining the extractor's heads read the last map instead
    of its mean. The head's clip is cut out once, by the landmarks of its first frame. Sound without a speech model:
    stacked log-mel bands of the same chunks, raised to one level by the loudest chunk heard so far. The emotion is the
    corpus' label, neutral where there is none. All 265 numbers are standardised and nothing is clipped (the training
    branch clips raw logits to [-1, 1]). A window starts from the finished frame before it, as in training, where the
    code takes the last fused one; online the expression starts from the source, as published. Parts of the loss weigh
    alike, in `tiny` the expression four times as much as another; AdamW stands for Adan. Windows online and offline are
    one computation, the published 10 steps online are those of `paper`."""

    card: ClassVar[Card] = Card(
        slug="ditto",
        title="Ditto: Motion-Space Diffusion for Controllable Realtime Talking Head Synthesis",
        paper="arXiv 2411.19509, ACM MM 2025",
        task="speech_to_video",
        licence="Apache-2.0 (code of the original; its face detector's weights are non-commercial)",
        needs=("mp4", "flac", "head.npz", "landmarks.npy"),
        streams=True,
        controls=CONTROLS,
        summary="Speech to identity-free motion by diffusion, rendered from one portrait, online in windows.",
        parameters=493.1,
        published=(
            Published(metric="Sync-C", value="8.939", data="HDTF100", source="card, second-hand, unverified"),
            Published(metric="RTF", value="0.635 offline, 0.895 online", data="A100, TensorRT", source="unverified"),
            Published(metric="first frame", value="385 ms", data="A100, TensorRT", source="unverified"),
        ),
        gaps=(
            "no blink template, gaze correction, fading or voice activity: eyes follow the eye-open condition",
            "one portrait, no source video",
            "mouths of `tiny` open as those of 4 strangers do at r 0.57 to 0.61 over three seeds where the stage's "
            "probe reads both (0.47 to 0.48 where MediaPipe does, which is less sure of openings), and are soft",
            "the row's seconds are of one thread on one core of a slow day, beside another job (484 s alone on both, "
            "another day)",
            "wider eyes move the lips by 0.02, 0.08 and 0.098 of their deviation over three seeds, where less than 0.1 "
            "is asked (the third's is 0.1000 on 12 of the 32 clips)",
            "driven by the keypoints that it reads off held-out true pictures, tiny's pictures open their mouths at "
            "r 0.20 with the true ones where the mouth was painted with the whole face, at 0.43 after 400 steps of the "
            "painter alone, at 0.53 by the stage's own keypoints; what is left is lost to blurred teeth and to reading",
            "on photographs the extractor, taught on the stage alone, may take closed lips for open ones, and the "
            "mouth is then painted below the lips",
            "the extractor reads yaw at about a tenth of its size (r 0.84, slope 0.14; pitch and roll 0.03), so a "
            "generated head turns less than heads do; one that is told to turn does",
            "parts of the loss are not re-balanced by epoch; no checkpoint is picked by lip sync",
        ),
    )
    Config: ClassVar[type[SystemConfig]] = DittoConfig
    presets: ClassVar[Mapping[str, SystemConfig]] = {"micro": MICRO, "tiny": TINY, "paper": PAPER}
    bar: ClassVar[Bar] = Bar(over_baseline=0.3, over_control=0.2, metric="stage_opening_correlation")
    config: DittoConfig
    motion_mean: Tensor
    motion_std: Tensor
    row_mean: Tensor
    row_std: Tensor
    mean_openness: Tensor
    mean_gaze: Tensor

    def __init__(self, config: SystemConfig):
        super().__init__(config)
        self.phase = ""
        self.architecture: dict[str, Any] | None = None

    def describe(self) -> Card:
        c = self.config
        hearing = "log-mel bands stacked over five frames, in place of streaming HuBERT"
        if c.audio != "mel":
            hearing = f"{c.audio}: {c.pretrained or 'random weights, built from the config'}"
        parts = {
            "renderer": c.renderer or "trained first on the same clips, in place of LivePortrait's weights",
            "audio net": hearing,
            "emotion": "the corpus' label (neutral where there is none), in place of HSEmotion",
            "landmarks": "MediaPipe, or the stage's truth",
        }
        return self.card.model_copy(update={"parts": parts})

    # --- what depends on data -----------------------------------------------------------------------------------

    def prepare(self, clips: Iterable[Clip]) -> None:
        """Builds the networks and checks that emotions and heads are known. Raises NotADataset without clips."""
        count = 0
        for clip in clips:
            emotion_of(clip)
            count += 1
        if not count:
            raise NotADataset("no training clip", cure="record or curate clips of the train split")
        self._build(None)
        if self.config.renderer:
            load_renderer(self.renderer, self.config.renderer)

    @property
    def constants(self) -> dict[str, Any]:
        return {"architecture": self.architecture}

    def restore(self, constants: dict[str, Any]) -> None:
        self._build(constants["architecture"])

    @classmethod
    def typical_constants(cls, config: SystemConfig) -> dict[str, Any]:
        """HuBERT-large's own settings where a speech model is used."""
        large = {
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
            "feat_extract_norm": "layer",
            "do_stable_layer_norm": True,
            "conv_bias": True,
        }
        return {"architecture": large if isinstance(config, DittoConfig) and config.audio != "mel" else None}

    def _build(self, architecture: dict[str, Any] | None) -> None:
        c = self.config
        self.renderer = Renderer(c)
        self.hearing: MelStack | ChunkedSpeechModel
        if c.audio == "mel":
            self.hearing = MelStack(c.mels)
        else:
            self.hearing = ChunkedSpeechModel(c.audio, c.pretrained, architecture)
            self.architecture = self.hearing.encoder.architecture
        width = self.hearing.width + ROW
        self.dit = MotionDiT(
            MOTION, width, c.window, c.channels, c.hidden, c.heads, c.encoders, c.decoders, c.dropout, c.aligned
        )
        self.schedule = NoiseSchedule(c.noise_steps, kind="cosine", zero_terminal=False, target="sample")
        for name, size in (("motion", MOTION), ("row", width)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))
        self.register_buffer("mean_openness", torch.zeros(OPEN))
        self.register_buffer("mean_gaze", torch.zeros(GAZE))

    def external(self) -> tuple[str, ...]:
        heard = ("hearing.encoder.",) if self.config.pretrained else ()
        return (*heard, *(("renderer.",) if self.config.renderer else ()))

    # --- training -----------------------------------------------------------------------------------------------

    def phases(self) -> tuple[Phase, ...]:
        """Extractor, renderer and stitching fall away where their weights are given."""
        c = self.config

        def adam(rate: float, *prefixes: str) -> dict[str, Optimiser]:
            schedule = Schedule("cosine", final=0.05, warm_up=min(20, c.renderer_steps // 2))
            decay = c.weight_decay if prefixes == ("dit.",) else 0.0
            return {"model": Optimiser(rate, prefixes, "adamw", weight_decay=decay, schedule=schedule, clip_norm=1.0)}

        pair = Sampling(frames=1, references=1, windows=2, size=c.read)
        seen = ("mp4", "head.npz", "landmarks.npy")
        apart = ("!renderer.extractor.",) if c.extractor_steps else ()
        apart = (*apart, "!renderer.mouth.") if c.mouth_channels else apart
        renderer = adam(c.renderer_rate, "renderer.", "!renderer.stitching.", *apart)

        def many(name: str, part: str, pictures: int) -> Phase:
            steps, batch, rate = (getattr(c, f"{name}_{of}") for of in ("steps", "batch", "rate"))
            sampling = Sampling(frames=1, references=pictures - 1, windows=2, size=c.read)
            return Phase(name, steps, adam(rate, f"renderer.{part}."), sampling, batch, needs=seen)

        first = (
            *((many(EXTRACTOR, "extractor", c.extractor_pictures),) if c.extractor_steps else ()),
            *((many(MOUTH, "mouth", c.mouth_pictures),) if c.mouth_channels else ()),
            Phase(RENDERER, c.renderer_steps, renderer, pair, c.renderer_batch, needs=seen),
            Phase(
                STITCHING,
                c.stitching_steps,
                adam(c.stitching_rate, "renderer.stitching."),
                pair,
                c.renderer_batch,
                needs=seen,
            ),
        )
        heard = ("mp4", "flac", "landmarks.npy")
        whole = Sampling(size=c.read)
        last = Phase(SPEECH, c.motion_steps, adam(c.motion_rate, "dit."), whole, c.motion_batch, c.ema, heard)
        return (*(() if c.renderer else first), Phase(FEATURES, sampling=whole, needs=heard), last)

    def enter(self, phase: str) -> None:
        self.phase = phase
        self.train(self.training)

    def train(self, mode: bool = True) -> Ditto:
        """As torch's, but what the phase does not train stays in eval mode, its normalisation included."""
        super().train(mode)
        if mode and self.phase and hasattr(self, "renderer"):
            self.renderer.train(self.phase in (EXTRACTOR, MOUTH, RENDERER))
            self.dit.train(self.phase == SPEECH)
            self.hearing.eval()
        return self

    @torch.no_grad()
    def fit(self, phase: str, clips: Iterable[Clip]) -> None:
        """Means and deviations of the motion that the extractor reads, and of the conditions."""
        self.eval()
        motions, rows, openness, gaze = [], [], [], []
        for clip in clips:
            said = spoken(self.config, self.renderer, self.hearing, clip, MEASURED)
            motions.append(said["motion"][0])
            rows.append(raw_rows(said, 0, torch.arange(len(said["sound"])), said["kp"][0]))
            openness.append(said["openness"][0])
            gaze.append(said["gaze"][0])
        for name, found in (("motion", torch.cat(motions)), ("row", torch.cat(rows))):
            getattr(self, f"{name}_mean").copy_(found.mean(0))
            getattr(self, f"{name}_std").copy_(found.std(0).clamp_min(1e-3))
        self.mean_openness.copy_(torch.cat(openness).mean(0))
        self.mean_gaze.copy_(torch.cat(gaze).mean(0))

    def example(self, clip: Clip, draw: Draw) -> Example:
        """Of the renderer: pictures (2, 3, O, O) uint8, source and driving, and their truths; of the extractor more of
        them, n, in a box that was moved. Of the motion: what `ditto_examples.spoken` says."""
        if not draw.references:
            return {"id": clip.id, **spoken(self.config, self.renderer, self.hearing, clip)}
        at = [*draw.references, draw.window.start]
        seen, box = faces(self.config, clip, at, draw.rng if len(at) > 2 else None)
        return {"id": clip.id, "pictures": seen, **truth(head_model(clip.fields["head.npz"].model), clip, at, box)}

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Pairs of pictures; or windows of motion with the frame before each, drawn from torch's random state."""
        ids = [e["id"] for e in examples]
        if "sound" not in examples[0]:
            return {"ids": ids, **{n: torch.stack([e[n] for e in examples]) for n in examples[0] if n != "id"}}
        cuts = [window_of(e, self.config.window) for e in examples]
        start, motion, rows = (torch.stack(part) for part in zip(*cuts, strict=True))
        if self.config.eyes_exchanged:
            start, motion, rows = eyes_exchanged(start, motion, rows, self.config.eyes_exchanged)
        rows = (rows - self.row_mean) / self.row_std
        return {"ids": ids, "start": self.standard(start), "motion": self.standard(motion), "rows": rows}

    def losses(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        if phase == SPEECH:
            return self._motion_losses(batch)
        seen = batch["pictures"].float() / 255
        if phase == STITCHING:
            return stitch_losses(self.renderer, seen[:, 0])
        if phase == EXTRACTOR:
            return self._read_losses(batch, *self.renderer.read(tinted(seen.flatten(0, 1))))
        if phase == MOUTH and self.renderer.mouth is not None:
            return mouth_losses(self.renderer.mouth, seen, batch["x"])
        motion, kp = self.renderer.read(seen.flatten(0, 1))
        found = {} if self.config.extractor_steps else self._read_losses(batch, motion, kp)
        # Keypoints that pixels may not move: they stay the landmarks that they stand for.
        source, driving = (
            Pose.of(rows).keypoints(kp[::2].detach()) for rows in (motion[::2].detach(), motion[1::2].detach())
        )
        made = self.renderer.warped(self.renderer.look(seen[:, 0]), source, driving)
        return {**found, **picture_losses(made, seen[:, 1], batch["x"][:, 1])}

    def _read_losses(self, batch: Batch, motion: Tensor, kp: Tensor) -> dict[str, Tensor]:
        return read_losses(motion, kp, {name: batch[name].flatten(0, 1) for name in TRUTHS})

    def _motion_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Of each part of the motion: position, first and second difference, and the first frame against the start."""
        c, x, start = self.config, batch["motion"], batch["start"]
        step = torch.randint(c.noise_steps, (len(x),))
        noisy = self.schedule.noised(x, torch.randn_like(x), step)
        dropped = torch.rand(len(x)) < c.drop
        said = self.dit.unconditioned(*self.dit.encoded(batch["rows"]), dropped)
        guess = self.dit(noisy, start, step, *said)
        found = {}
        for name, part in PARTS.items():
            a, b = guess[..., part], x[..., part]
            terms = [(a.diff(n, 1) - b.diff(n, 1)).square().mean() if n else (a - b).square().mean() for n in range(3)]
            terms.append((a[:, 0] - start[:, part]).square().mean())
            found[name] = c.part_weights.get(name, 1.0) * torch.stack(terms).sum()
        return found

    # --- use ----------------------------------------------------------------------------------------------------

    def standard(self, motion: Tensor) -> Tensor:
        """Motion (..., 265) in deviations of the training clips."""
        return (motion - self.motion_mean) / self.motion_std

    def unstandard(self, motion: Tensor) -> Tensor:
        return motion * self.motion_std + self.motion_mean

    def condition_rows(self, sound: Tensor, *parts: Tensor) -> Tensor:
        """Conditions (n, C) in deviations of the training clips."""
        return (torch.cat([sound, *parts], 1) - self.row_mean) / self.row_std

    def windows(self, kind: str, fade: bool = True) -> Windows:
        c = self.config
        return Windows(c.window, c.online_overlap if kind == "online" else c.overlap, fade)

    def generate(self, request: SpeechToVideoRequest) -> VideoResult:
        """The portrait speaking, with the tracks "motion" (T, 70; `ditto_answer.SAID`, then the expression) and
        "keypoints" (T, 21, 3) in the portrait's pixels. Raises NoFace, and BadInput for a control that is not known."""
        return self.answer(request)

    @torch.no_grad()
    def answer(self, request: SpeechToVideoRequest, windows: Windows | None = None) -> VideoResult:
        """`generate`, in given windows: the claims ask for some without cross-fade."""
        answer = self._begun(request, windows)
        return joined([answer.push(request.audio), answer.finish(request.frames)])

    @torch.no_grad()
    def tracks(self, request: SpeechToVideoRequest) -> dict[str, np.ndarray]:
        """The tracks of `generate` without the pictures, which take most of its time."""
        return self._begun(request, None).tracks(request.audio, request.frames)

    @torch.no_grad()
    def motion_of(self, request: SpeechToVideoRequest, windows: Windows) -> Tensor:
        """What is generated before it is laid on the source, (T, 265) in deviations of training."""
        answer = self._begun(request, windows)
        return answer.drawn(request.audio, request.frames)

    @torch.no_grad()
    def seen(self, portrait: np.ndarray, frames: np.ndarray) -> tuple[Pose, Tensor, Tensor]:
        """What the extractor reads off pictures (n, H, W, 3) uint8 at the place of a portrait's face: pose, canonical
        keypoints (n, 21, 3), and the faces (n, 3, O, O) in [0, 1]."""
        source = registered(portrait) if self.config.crop else whole(portrait)
        cut = [replace(source, portrait=frame).crop(self.config.out) for frame in frames]
        found = torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2) / 255.0
        motion, kp = self.renderer.read(found)
        return Pose.of(motion), kp, found

    def _begun(self, request: SpeechToVideoRequest, windows: Windows | None, kind: str = "offline") -> Answer:
        self.eval()
        controls = Controls.of(request.controls, self.config.guidance, self.config.alpha_exp)
        windows = windows or self.windows(controls.windows or kind)
        return Answer(self, request.portrait, controls, request.seed, windows)

    def stream(self, session: StreamSession) -> Iterator[VideoResult]:
        """Frames as soon as no later window changes them: online, `hop` new and `fuse` faded frames, two of sound and
        one of smoothing after the sound itself."""
        samples = 0
        with torch.no_grad():
            answer = self._begun(session.request, None, "online")
        for piece in session.heard():
            samples += len(piece)
            with torch.no_grad():
                part = answer.push(piece)
            if part is not None:
                yield part
        with torch.no_grad():
            last = answer.finish(frames_of(samples)) if samples else None
        if last is not None:
            yield last

    def claims(self) -> tuple[Claim, ...]:
        from talkie_zoo.speech_to_video.ditto_claims import claims

        return claims(self)
