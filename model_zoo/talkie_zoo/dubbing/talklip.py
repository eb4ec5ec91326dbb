"""TalkLip (Wang et al., CVPR 2023, arXiv 2303.17480): the lower half of a face is painted anew for other speech, taught
by a lip reader. Sizes, networks, batches and claims are in the files talklip_*.py beside this one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from talkie.clip import FPS, Clip
from talkie.errors import BadInput, NotADataset
from talkie.systems.contract import Batch, Card, Example, Published, System, SystemConfig
from talkie.systems.measurement import Bar, Claim
from talkie.systems.phases import Draw, Optimiser, Phase, Schedule
from talkie.systems.tasks.dubbing import DubbingRequest
from talkie.systems.tasks.video import VideoResult
from talkie_zoo.blocks.critics import frame_cross_entropy
from talkie_zoo.blocks.lip_expert import LipExpert
from talkie_zoo.blocks.phone_ctc import ctc_per_phone, stacked_filterbanks
from talkie_zoo.blocks.temporal import crossfaded, mask_of
from talkie_zoo.dubbing.talklip_clips import READERS, as_faces, batch_of, cropped, example_of, near_frames, shown_faces
from talkie_zoo.dubbing.talklip_config import MICRO, PAPER, TINY, TalkLipConfig
from talkie_zoo.dubbing.talklip_networks import Dubber, lip_expert, lip_observer, load_part, painted, shown
from talkie_zoo.dubbing.talklip_video import put_back, sounding

SPOKEN = ("generator", "unfrozen", "lip")
"""The phases that paint faces, in their order."""
BETAS = (0.5, 0.999)
REFERENCE = "reference"


class TalkLip(System):
    """Expert, audio encoder, then the generator: with the audio encoder frozen, with its last layers free, and with the
    expert's loss and the contrastive one. The critic learns beside it in all three.

    Decided here. The expert spells phones in place of word pieces; AV-HuBERT, whose weights are in no library that is
    used here, is rebuilt in small and learns from the same clips: its visual side first names the phone of each frame
    (in place of masked prediction of clusters) while it learns to spell, its audio side learns phones by CTC. The
    expert has a CTC branch too, which reads in use: after hundreds of steps the decoder does not end its strings. Face
    boxes come from landmarks: their middle follows eyes and nose, their side is the clip's median, because a box that
    follows the chin tells the generator how far the mouth was open. The expert's crop is a fixed part of that box, as
    LRS2's frames follow the face; it sees a window of the clip, of which it knows the phones. The reference in use is
    the first frame, the protocol of the published validation, since the demo's (the same frame, unmasked) shows the
    answer; `reference` = "same" asks for it. Critic and generator use logits, which the published sigmoid saturates.
    Where the expert has learnt phones of frames too, they are part of its loss: after hundreds of steps the decoder has
    hardly looked at the picture (its gradient is a fortieth of theirs). At `tiny` the expert sees beside each picture
    how it differs from the mean of its window. The reference is the mean of frames a quarter of a second away, or more,
    in which the upper face stands alike, laid over the face by eyes and nose (one frame brings its own mouth, which
    hundreds of steps do not learn to unpaint). The painter's last layer says how the picture differs from the face
    above and the reference below, and what is heard enters at every stage of its decoder. What the published ones learn
    of faces, heads, colours and lips in hundreds of thousands of steps is given there.
    Where a twin is trained without the expert's losses, an observer of other widths and depth, which no loss knows,
    learns to read beside the expert: the published roles of training expert and judge.
    """

    card: ClassVar[Card] = Card(
        slug="talklip",
        title="Seeing What You Said: Talking Face Generation Guided by a Lip Reading Expert",
        paper="arXiv 2303.17480, CVPR 2023",
        task="dubbing",
        licence="no licence file in the code of the original",
        needs=("mp4", "flac", "landmarks.npy", "phones.json"),
        controls=(REFERENCE,),
        summary="Paints the lower half of a face for other speech, so that a lip reader can read what is said.",
        published=(
            Published(metric="WER below Wav2Lip's", value="over 38 %", data="LRS2", source="the paper's abstract"),
            Published(metric="word accuracy over Wav2Lip's", value="27.8 %", data="LRW", source="the paper's abstract"),
            Published(
                metric="LMD; FID; LPIPS; SSIM; sync confidence",
                value="19.29; 34.7; .156; .899; 6.92",
                data="VoxCeleb1",
                source="RealTalk, table 2 (third party)",
            ),
        ),
        gaps=(
            "`tiny` is benched on the stage's preset `commands`, a closed language of twenty words in which every clip"
            " says another sentence. Of free English (preset `speech`) its expert misreads 0.59 of strangers' visemes"
            " after as many steps, 0.72 where it does not see what moves",
            "the observer, who judges what is read, learns from the same clips as the expert; it and the stage's probe"
            " stand in for AV-HuBERT Large and SyncNet",
            "on real footage the lower face that `tiny` paints is blurred, and the edge of its box shows",
            "AV-HuBERT's own weights were never loaded: both of its stand-ins learn from the training clips",
            "the expert reads phones, not LRS2's word pieces; LRS2 and LRW were never trained on",
            "whole clips at once: not streamable",
        ),
    )
    Config: ClassVar[type[SystemConfig]] = TalkLipConfig
    presets: ClassVar[Mapping[str, SystemConfig]] = {"micro": MICRO, "tiny": TINY, "paper": PAPER}
    bar: ClassVar[Bar] = Bar(over_baseline=0.15)
    config: TalkLipConfig

    def __init__(self, config: SystemConfig):
        super().__init__(config)
        self.phase = ""

    def describe(self) -> Card:
        c = self.config
        parts = {
            "lip expert": c.pretrained_expert
            or "3-D stem, residual network and transformer, trained first, for AV-HuBERT",
            "audio encoder": c.pretrained_audio or "transformer on filterbanks, taught phones by CTC, for AV-HuBERT",
            "face boxes": "landmarks of the clip, or MediaPipe's, for S3FD",
        }
        return self.card.model_copy(update={"parts": parts})

    def prepare(self, clips: Iterable[Clip]) -> None:
        """Nothing depends on the clips but their being there. Raises NotADataset without clips, BadConfig for weights
        that do not fit."""
        if not list(clips):
            raise NotADataset("no clip to learn from", cure="add clips of the train split")
        self._build()
        if self.config.pretrained_audio:
            load_part(self.dubber.audio, self.config.pretrained_audio, "the audio encoder")

    @property
    def constants(self) -> dict[str, Any]:
        return {}

    def restore(self, constants: dict[str, Any]) -> None:
        self._build()

    def external(self) -> tuple[str, ...]:
        return ("expert.",) if self.config.pretrained_expert else ()

    def _build(self) -> None:
        c = self.config
        self.expert = lip_expert(c)
        self.dubber = Dubber(c)
        if c.ablation:
            self.twin, self.observer = Dubber(c), lip_observer(c)
        if c.pretrained_expert:
            load_part(self.expert, c.pretrained_expert, "the lip expert")

    # --- training -----------------------------------------------------------------------------------------------

    def phases(self) -> tuple[Phase, ...]:
        """Those whose result is not given by a path, with the clip fields that each reads."""
        c = self.config
        waning = Schedule(c.schedule)
        reader = Optimiser(c.reader_rate, schedule=waning, clip_norm=1.0)
        sight = ("mp4", "landmarks.npy", "phones.json")
        found = [
            Phase("expert", c.expert_steps, {"model": replace(reader, trains=("expert.",))}, batch_size=c.reader_batch,
                  needs=sight, patience=c.patience),
            Phase("audio", c.audio_steps, {"model": replace(reader, trains=("dubber.audio.",))},
                  batch_size=c.reader_batch, needs=("flac", "phones.json"), patience=c.patience),
        ]  # fmt: skip
        if c.ablation:
            found.append(replace(found[0], name="observer", steps=c.observer_steps,
                                 optimisers={"model": replace(reader, trains=("observer.",))}))  # fmt: skip
        given = {"expert": c.pretrained_expert, "audio": c.pretrained_audio}
        steps = (c.generator_steps, c.unfrozen_steps, c.lip_steps)
        spoken = [
            Phase(name, count, self._roles(name), batch_size=c.batch, patience=c.patience)
            for name, count in zip(SPOKEN, steps, strict=True)
        ]
        return (*(phase for phase in found if not given.get(phase.name)), *spoken)

    def _roles(self, phase: str) -> dict[str, Optimiser]:
        c = self.config
        first = c.audio_layers - c.thawed
        free = [f"audio.context.layers.{n}." for n in range(first, c.audio_layers)] if phase != "generator" else []

        def pair(who: str, parts: Sequence[str]) -> tuple[Optimiser, Optimiser]:
            paints = tuple(f"{who}.{part}" for part in parts)
            waning, rate = Schedule(c.schedule), c.learning_rate if phase == "generator" else c.late_rate
            return (
                Optimiser(rate, trains=paints, betas=BETAS, schedule=waning),
                Optimiser(c.critic_rate, trains=(f"{who}.critic.",), betas=BETAS, schedule=waning),
            )

        contrast = ["sync."] if phase == "lip" else []
        roles = dict(zip(("generator", "critic"), pair("dubber", ["face.", *free, *contrast]), strict=True))
        if phase == "lip" and c.ablation:
            roles |= dict(zip(("twin", "twin_critic"), pair("twin", ["face.", *free]), strict=True))
        return roles

    def enter(self, phase: str) -> None:
        """The twin begins the last phase where the generator does."""
        self.phase = phase
        if phase == "lip" and self.config.ablation:
            self.twin.load_state_dict(self.dubber.state_dict())
        self.train(self.training)

    def train(self, mode: bool = True) -> TalkLip:
        """As torch's, but what the phase does not train stays in eval mode: the expert's batch statistics too."""
        super().train(mode)
        if mode and self.phase:
            for name in ("expert", "observer"):
                if hasattr(self, name):
                    getattr(self, name).train(self.phase == name)
            for dubber in [getattr(self, name) for name in ("dubber", "twin") if hasattr(self, name)]:
                dubber.train(self.phase in SPOKEN)
                dubber.audio.train(self.phase in ("audio", "unfrozen", "lip"))
        return self

    def example(self, clip: Clip, draw: Draw) -> Example:
        """As `talklip_clips.example_of` says."""
        return example_of(clip, self.config)

    def collate(self, examples: Sequence[Example]) -> Batch:
        """As `talklip_clips.batch_of` says."""
        return batch_of(examples, self.config, self.phase)

    def losses(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        """Terms of one role. `lip` is `misread` times `lip_weight`: values of hundreds before the weight are normal."""
        if phase in READERS:
            return self._read(getattr(self, phase), batch["window"])
        if phase == "audio":
            return self._heard(batch)
        name = "twin" if role.startswith("twin") else "dubber"
        dubber: Dubber = getattr(self, name)
        if role.endswith("critic"):
            return {"critic": dubber.judged(batch["drawn"]["faces"], batch[f"_{name}"])}
        return self._painted(batch, phase, name)

    def _read(self, reader: LipExpert, window: Mapping[str, Tensor]) -> dict[str, Tensor]:
        seen = reader.see(window["mouths"], window["mask"])
        spelt, tokens = reader.summed_loss(seen, window["mask"], window["strings"], window["lengths"])
        scores = reader.frames(seen)
        aligned = ctc_per_phone(scores, window["mask"].sum(1), window["strings"], window["lengths"])
        found = {"string": spelt / tokens, "ctc": aligned}
        if self.config.frame_weight:
            named = frame_cross_entropy(scores, window["labels"], window["mask"])
            found["frames"] = self.config.frame_weight * named
        return found

    def _heard(self, batch: Batch) -> dict[str, Tensor]:
        audio, mask = self.dubber.audio, mask_of(batch["frames"], batch["audio"].shape[1])
        features = audio(batch["audio"], mask)
        found = {"ctc": audio.ctc(features, batch["frames"], batch["strings"], batch["lengths"])}
        if self.config.frame_weight:
            found["frames"] = self.config.frame_weight * frame_cross_entropy(
                audio.head(features), batch["labels"], mask
            )
        return found

    def _painted(self, batch: Batch, phase: str, name: str) -> dict[str, Tensor]:
        """The generator's terms; those of the expert in the last phase alone, and never of the twin."""
        c, drawn, dubber = self.config, batch["drawn"], getattr(self, name)
        with torch.set_grad_enabled(phase != "generator" and torch.is_grad_enabled()):
            features = dubber.audio(batch["audio"], mask_of(batch["frames"], batch["audio"].shape[1]))
        content = features[drawn["clip"], drawn["frame"]]
        made = dubber.face(drawn["faces"], drawn["references"], content)
        batch[f"_{name}"] = made.detach()
        guided = phase == "lip" and name == "dubber"
        lip = c.lip_weight if guided else 0.0
        found = {
            "l1": (1 - lip - c.critic_weight) * (made - drawn["faces"]).abs().mean(),
            "adversarial": c.critic_weight * dubber.persuades(made),
        }
        if guided:
            seen = self.seen(made, drawn, batch["window"])
            window = batch["window"]
            together = dubber.sync(content, seen[drawn["clip"], drawn["place"]])
            found |= {"lip": lip * self.misread(seen, window), "contrast": c.contrast_weight * together}
        return found

    def misread(self, seen: Tensor, window: Mapping[str, Tensor]) -> Tensor:
        """What the expert was taught by, SUMMED over tokens, frames and batch: cross entropy of the string, and of the
        phone of each frame where it has learnt those."""
        spelt, _ = self.expert.summed_loss(seen, window["mask"], window["strings"], window["lengths"])
        if not self.config.frame_weight:
            return spelt
        named = F.cross_entropy(
            self.expert.frames(seen)[window["mask"]], window["labels"][window["mask"]], reduction="sum"
        )
        return spelt + self.config.frame_weight * named

    def seen(self, made: Tensor, drawn: Mapping[str, Tensor], window: Mapping[str, Tensor]) -> Tensor:
        """The expert's features (B, W, width) of windows in which the drawn frames show the faces `made` (N, 3, S, S),
        put back into the whole frame, and all others are real."""
        mouths = window["mouths"].clone()
        mouths[drawn["clip"], drawn["place"]] = shown(made, drawn["grey"], drawn["boxes"], self.config)
        return self.expert.see(mouths, window["mask"])

    # --- use ----------------------------------------------------------------------------------------------------

    def generate(self, request: DubbingRequest) -> VideoResult:
        """The video with other speech, as long as the sound: frames are repeated from the first one on where it is
        longer. controls: `reference`, the number of the frame that tells what the mouth looks like, "near" or "same".
        Raises BadInput for a reference that is not there, NoFace where no frame has a face."""
        return self.answer(self.dubber, request)

    def answer(self, dubber: Dubber, request: DubbingRequest) -> VideoResult:
        """`generate` with a given generator: the claims ask the twin too."""
        frames, boxes, stills = sounding(request, self.config.margin)
        _, made = self.paint(dubber, request, frames, boxes, stills)
        places = torch.from_numpy(boxes).float()
        return VideoResult(FPS, put_back(frames, made, places), {"boxes": boxes.astype(np.float32)})

    def paint(
        self, dubber: Dubber, request: DubbingRequest, frames: np.ndarray, boxes: np.ndarray, stills: np.ndarray
    ) -> tuple[Tensor, Tensor]:
        """The faces in boxes (T, 3) of frames (T, H, W, 3), with still points (T, 6, 2), as they are and as they are
        painted for the request's sound, both (T, 3, S, S) in [0, 1]."""
        self.eval()
        crops = as_faces(torch.from_numpy(cropped(frames, boxes, self.config.face)))
        heard = self.listen(dubber, request.audio, len(frames))
        looked_at = self.referred(request, crops).expand(len(crops), -1)
        points, rows = torch.from_numpy(stills).float(), torch.arange(len(crops))
        references = shown_faces(crops, looked_at, points, rows, self.config)
        return crops, painted(dubber, crops, references, heard)

    def referred(self, request: DubbingRequest, crops: Tensor) -> Tensor:
        """Which frames are looked at, the most alike first: (1, 1) for all, or (T, K) for each of the crops
        (T, 3, S, S)."""
        asked = request.controls.get(REFERENCE, "near" if self.config.reference == "near" else 0)
        shown = torch.arange(len(crops)) % len(request.frames)
        if asked == "same":
            return shown[:, None]
        if asked == "near":
            # Of the video as it was sent: repeated, it holds every frame twice.
            return near_frames(crops[: len(request.frames)], self.config.references)[shown]
        if not isinstance(asked, int) or not 0 <= asked < len(request.frames):
            raise BadInput(
                f"{REFERENCE} {asked!r}", cure=f'name a frame from 0 to {len(request.frames) - 1}, "near" or "same"'
            )
        return torch.tensor([[asked]])

    @torch.no_grad()
    def listen(self, dubber: Dubber, audio: np.ndarray, frames: int) -> Tensor:
        """(frames, width) what is heard in each frame; beyond `limit` frames in windows that fade into each other."""
        bands = stacked_filterbanks(audio, frames)

        def piece(start: int, end: int) -> Tensor:
            features: Tensor = dubber.audio(bands[None, start:end], torch.ones(1, end - start, dtype=torch.bool))
            return features[0]

        return crossfaded(frames, self.config.limit, self.config.limit // 4, piece)

    def claims(self) -> tuple[Claim, ...]:
        from talkie_zoo.dubbing.talklip_claims import claims

        return claims(self)
