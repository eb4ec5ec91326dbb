"""Deep ensemble learning with frame skipping for face anti-spoofing (Muhammad et al., IPTA 2023, arXiv 2307.02858): is
a person before the camera, or a print or a replay? Networks, config and claims are in the files beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie.clip import Clip
from talkie.errors import BadInput, NotADataset
from talkie.evaluation.metrics.recognition import eer
from talkie.faces.crop import crop_frame
from talkie.systems.contract import Batch, Card, Example, Published, System, SystemConfig
from talkie.systems.measurement import Bar, Claim
from talkie.systems.phases import Draw, Optimiser, Phase, Sampling, Schedule
from talkie.systems.tasks.checks import clip_pictures
from talkie.systems.tasks.recognition import RecognitionRequest, RecognitionResult
from talkie_zoo.blocks.batches import assigned, pad
from talkie_zoo.blocks.densenet import DenseNet
from talkie_zoo.blocks.face_box import fixed_face_box
from talkie_zoo.blocks.recurrent import mean_over_steps
from talkie_zoo.recognition.anti_spoofing_config import PRESETS, AntiSpoofingConfig
from talkie_zoo.recognition.anti_spoofing_decisions import (
    CLASSES,
    SPOOF,
    Asked,
    calibrated,
    class_of,
    domain_of,
    threshold_between,
)
from talkie_zoo.recognition.anti_spoofing_networks import (
    FRAME,
    GENUINE,
    MEMBERS,
    META,
    SCORERS,
    Ensemble,
    Projection,
    skippers,
)
from talkie_zoo.recognition.anti_spoofing_textures import Textures

ALL = "all"
"""The ensemble that has seen every domain; those of the others are "fold0", "fold1" ... Those of its parts, who have
not seen these people, are "all_0", "all_1" ..."""
SCALE, FEATURES, RECURRENT, STACKING, DECISION = "scale", "features", "members", "stacker", "threshold"
_LEAST = 32
"""Pixels of a side in which textures can be told."""
_EARLIEST = 3
"""Kept frames before an early decision."""


class AntiSpoofing(System):
    """Kept frames -> a feature network -> BiLSTM, GRU and LSTM, each with class scores a frame -> their sum -> a small
    LSTM -> the mean score over frames against a threshold of development clips.

    Decided where the sources disagree or are silent: the first frame of every clip is kept (as the README says; the
    script keeps the last), from any offset in training where `offsets` asks; one sequence is one video, padded with
    packing, where the script strings all videos of a split together, in order of their class; faces are cut out in one
    box a clip, where the script takes whole frames with their bezels; classes are weighted by their shares; a video's
    score is the mean over its frames. Meta-model and threshold see people whom the members have not seen: those of the
    split "val", as published, which members see only where a run validates and they stop early on them; or where there
    are few, with `parts`, the training people, each as members say of them that were trained without that part.
    Without a DenseNet file the feature network is trained on single frames beforehand, or is a linear layer on fixed
    colour textures. Early exit after three kept frames is an addition.

    The answer's score is moved, monotonically, so that one half is the threshold. Streaming sessions carry sound, so
    decisions while frames come in are `controls["early_exit"]`, and the running scores are the track.
    """

    card: ClassVar[Card] = Card(
        slug="anti_spoofing",
        title="Deep Ensemble Learning with Frame Skipping for Face Anti-Spoofing",
        paper="arXiv 2307.02858, IPTA 2023",
        task="recognition",
        licence="no licence stated (code of the original)",
        needs=("mp4",),
        labels=(SPOOF,),
        controls=("skip", "offset", "scorer", "far", "early_exit"),
        summary="Tells a person before the camera from a print or a replay, by every thirtieth frame.",
        parameters=39.6,
        published=tuple(
            Published(metric="HTER, leave one data set out", value=value, data=data, source="abstract")
            for value, data in (("3.12 %", "MSU-MFSD"), ("11.19 %", "Replay-Attack"), ("12.23 %", "OULU-NPU"))
        ),
        gaps=(
            "`tiny` reaches its bar, an error of 0.016 to 0.021 on 144 videos of 24 people never seen where 0.05 is "
            "asked, with 84 people to learn from; with 56 of another shoot, and fewer frames a step, it had been 0.09 "
            "to 0.10. On cameras never seen it errs at 0.10 to 0.11, no more than the member that errs least on "
            "development clips + 0.4 points; behind the least rate of three members on the very clips that measure "
            "them it is by 0.3, 1.04 and 0.5 points",
            "textures are told at the pixels of a film as it comes: films much larger or smaller than those of "
            "training were not measured",
            "trained and measured on prints and replays that the stage made; the public sets were never seen",
            "decisions while frames come in are a control of a request, not a stream",
        ),
    )
    Config: ClassVar[type[SystemConfig]] = AntiSpoofingConfig
    presets: ClassVar[Mapping[str, SystemConfig]] = PRESETS
    bar: ClassVar[Bar] = Bar(over_baseline=0.9, over_control=0.8, metric="hter")
    config: AntiSpoofingConfig
    class_weights: Tensor

    def __init__(self, config: SystemConfig):
        super().__init__(config)
        self.domains: list[str] = []
        self.phase = ""
        self.textures = Textures()
        self.register_buffer("class_weights", torch.ones(2))

    def describe(self) -> Card:
        c = self.config
        if c.network == "textures":
            network = (
                "fixed colour textures with a linear layer, trained on single frames, in the place of DenseNet-201"
            )
        else:
            network = f"DenseNet-201: {c.pretrained or 'no weights given, trained on single frames'}"
        return self.card.model_copy(update={"parts": {"feature network": network}})

    # --- what depends on data -----------------------------------------------------------------------------------

    def prepare(self, clips: Iterable[Clip]) -> None:
        """Class weights and domains. Raises NotADataset without clips, BadInput for a clip without the label "spoof" or
        with another value of it, and where there is one class only."""
        classes, domains = [], set()
        for clip in clips:
            classes.append(class_of(clip))
            domains.add(domain_of(clip))
        if not classes:
            raise NotADataset("no clip to train on", cure="add clips of the train split")
        counts = Counter(classes)
        if len(counts) < 2:
            raise BadInput(
                f"every clip is labelled {CLASSES[classes[0]]!r}", where=SPOOF, cure="add clips of the other class"
            )
        self.domains = sorted(domains) if self.config.domains and len(domains) > 1 else []
        self._build()
        self.class_weights = torch.tensor([len(classes) / (2 * counts[k]) for k in range(2)])

    @property
    def constants(self) -> dict[str, Any]:
        return {"domains": self.domains}

    def restore(self, constants: dict[str, Any]) -> None:
        self.domains = list(constants["domains"])
        self._build()

    @classmethod
    def typical_constants(cls, config: SystemConfig) -> dict[str, Any]:
        """Without the ensembles that are trained for claims about strange domains."""
        return {"domains": []}

    def _build(self) -> None:
        c = self.config
        self.judges = [ALL, *(f"fold{number}" for number in range(len(self.domains)))]
        partners = [f"{judge}_{part}" for judge in self.judges for part in range(c.parts)]
        names = [*self.judges, *partners]
        self.networks = nn.ModuleDict({name: self._network() for name in (names if self._learns else names[:1])})
        inputs = next(iter(self.networks.values())).channels
        self.ensembles = nn.ModuleDict(
            {name: Ensemble(inputs, c.hidden, c.meta if name in self.judges else 0) for name in names}
        )

    def _network(self) -> nn.Module:
        c = self.config
        if c.network == "textures":
            return Projection(Textures.size, c.features)
        made = DenseNet()
        if c.pretrained:
            made.load(Path(c.pretrained))
        return made

    @property
    def _learns(self) -> bool:
        """Whether the feature network is trained here."""
        return self.config.pretrained is None

    def external(self) -> tuple[str, ...]:
        return () if self._learns else ("networks.",)

    def ensemble(self, name: str) -> Ensemble:
        """One of the ensembles, by name."""
        found = self.ensembles[name]
        assert isinstance(found, Ensemble)
        return found

    def seen(self, name: str, clip: Clip) -> bool:
        """Whether the ensemble `name` may be shown a clip in training."""
        judge, _, part = name.partition("_")
        strange = judge != ALL and self.domains[int(judge.removeprefix("fold"))] == domain_of(clip)
        return not strange and (not part or part != self._part(clip))

    def _part(self, clip: Clip) -> str:
        """The part that a person is dealt to; empty where people are not."""
        shares = {str(part): 1.0 for part in range(self.config.parts)}
        return assigned(clip.record.identity, shares) if shares else ""

    def _partner(self, judge: str, clip: Clip) -> str:
        """The ensemble whose members have not seen this person, from whom `judge` learns."""
        return f"{judge}_{self._part(clip)}" if self.config.parts else judge

    # --- training -----------------------------------------------------------------------------------------------

    def phases(self) -> tuple[Phase, ...]:
        """The feature network, the three members beside the single-frame scorer, the meta-model on people that its
        members have not seen, and the threshold on the same."""
        c = self.config
        whole = Sampling()
        strangers = whole if c.parts else Sampling(split="val")

        def adam(rate: float, part: str, names: Iterable[str] = tuple(self.ensembles)) -> Optimiser:
            return Optimiser(rate, tuple(f"ensembles.{name}.{part}" for name in names))

        frames = Optimiser(
            c.feature_rate,
            ("networks.", *(f"ensembles.{n}.frame." for n in self.ensembles)),
            schedule=Schedule("cosine"),
        )
        members: dict[str, Optimiser] = {kind: adam(c.rate, f"members.{kind}.") for kind in MEMBERS}
        scale = Phase(SCALE, sampling=whole)
        learning = Phase(FEATURES, c.feature_steps, {"frames": frames}, whole, batch_size=c.feature_batch)
        rest = (
            Phase(
                RECURRENT,
                c.steps,
                {**members, FRAME: adam(c.rate, "frame.")},
                whole,
                batch_size=c.batch,
                patience=c.patience,
            ),
            Phase(
                STACKING,
                c.meta_steps,
                {META: adam(c.meta_rate, "stacker.", self.judges)},
                strangers,
                batch_size=c.batch,
            ),
            Phase(DECISION, sampling=strangers),
        )
        if not self._learns:
            return rest
        return (scale, learning, *rest) if c.network == "textures" else (learning, *rest)

    def enter(self, phase: str) -> None:
        self.phase = phase
        self.train(self.training)

    def train(self, mode: bool = True) -> AntiSpoofing:
        """As torch's; but a feature network outside its own phase keeps its batch statistics."""
        super().train(mode)
        if mode and self.phase != FEATURES and hasattr(self, "networks"):
            self.networks.eval()
        return self

    @torch.no_grad()
    def example(self, clip: Clip, draw: Draw) -> Example:
        """The kept frames of every offset: as the feature network takes them while it learns, (sum of K, ...);
        afterwards its answers (K, D) by offset, for each network; and how many of the K there are."""
        described, lengths = self._described(clip)
        example: Example = {
            "id": clip.id,
            "genuine": class_of(clip),
            "seen": [self.seen(name, clip) for name in self.ensembles],
            "part": int(self._part(clip) or 0),
            "lengths": lengths,
        }
        if self.phase in ("", FEATURES):
            return {**example, "described": described}
        return {**example, **{n: list(self.features(n, described).split(lengths)) for n in self.networks}}

    def _described(self, clip: Clip) -> tuple[Tensor, list[int]]:
        """The kept frames of every offset, one after the other, as feature networks take them; and how many of each."""
        frames = clip_pictures(clip)
        kept = [skipper.kept(len(frames)) for skipper in skippers(self.config.skip, self.config.offsets)]
        pictures = self.pictures(frames, [number for numbers in kept for number in numbers])
        return self.described(pictures), [len(numbers) for numbers in kept]

    def pictures(self, frames: np.ndarray, kept: Sequence[int]) -> Tensor:
        """Frames (T, H, W, 3) uint8 -> the kept ones, cut out: (K, 3, S, S) uint8. Raises NoFace."""
        box = self._box(frames, kept)
        size = self.config.size
        if size is None:
            # Halftone and moire are as fine as pixels: no other pixels are made of them, at the frame's edge neither.
            height, width = frames.shape[1:3]
            size = max(_LEAST, min(round(float(box[2])), height, width))
            box = np.array([*np.clip(np.round(box[:2]), 0, [max(0, width - size), max(0, height - size)]), size])
        cut = [crop_frame(np.ascontiguousarray(frames[number]), box, size) for number in kept]
        return torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).contiguous()

    def _box(self, frames: np.ndarray, kept: Sequence[int]) -> np.ndarray:
        if self.config.crop == "face":
            return fixed_face_box(frames, kept, self.config.margin)
        height, width = frames.shape[1:3]
        side = max(height, width)
        return np.array([(width - side) / 2, (height - side) / 2, side], np.float64)

    def described(self, pictures: Tensor) -> Tensor:
        """Pictures (K, 3, S, S) uint8 as feature networks take them: their textures (K, D), or themselves."""
        return self.textures(pictures) if self.config.network == "textures" else pictures

    def features(self, name: str, described: Tensor) -> Tensor:
        """What `described` says of pictures -> (K, D) of an ensemble's feature network."""
        network = self.networks[name if name in self.networks else ALL]
        if self.config.network == "textures":
            return network(described)
        return network(described.to(self.class_weights.dtype) / 255)

    def collate(self, examples: Sequence[Example]) -> Batch:
        """While features are learned, `frames_seen` random frames of each clip, pictures mirrored at random; afterwards
        one of its sequences, padded."""
        batch: Batch = {
            "ids": [e["id"] for e in examples],
            "genuine": torch.tensor([e["genuine"] for e in examples]),
            "seen": torch.tensor([e["seen"] for e in examples]).T,
            "part": torch.tensor([e["part"] for e in examples]),
        }
        if "described" in examples[0]:
            batch["described"] = torch.stack([self._shown(e["described"]) for e in examples])
            return batch
        chosen = [int(torch.randint(len(e["lengths"]), ())) for e in examples]
        batch["lengths"] = torch.tensor([e["lengths"][k] for e, k in zip(examples, chosen, strict=True)])
        for name in self.networks:
            batch[name] = pad([e[name][k] for e, k in zip(examples, chosen, strict=True)])[0]
        return batch

    def _shown(self, described: Tensor) -> Tensor:
        shown = described[torch.randint(len(described), (self.config.frames_seen,))]
        pictures = self.config.network != "textures"
        return shown.flip(-1) if pictures and torch.rand(()) < 0.5 else shown

    def losses(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        """Cross entropy of each ensemble over the clips that it may be shown, weighted by class; every video counts
        once, however many frames it has."""
        losses = {}
        for row, (name, ensemble) in enumerate(self.ensembles.items()):
            if phase == STACKING and name not in self.judges:
                continue
            if phase == FEATURES:
                # DenseNet's statistics are over all pictures of a batch.
                each = self._of_frames(name, ensemble, batch)
            else:
                if phase == STACKING:
                    logits = ensemble.stacker(self._summed(name, batch), batch["lengths"])
                else:
                    logits = ensemble.logits(role, self._given(name, batch), batch["lengths"])
                each = mean_over_steps(_wrong(logits, batch["genuine"][:, None]), batch["lengths"])
            weight = self.class_weights[batch["genuine"]] * batch["seen"][row]
            losses[name] = (each * weight).sum() / weight.sum().clamp_min(1e-6)
        return losses

    def _of_frames(self, name: str, ensemble: nn.Module, batch: Batch) -> Tensor:
        described = batch["described"]
        logits = ensemble.frame(self.features(name, described.flatten(0, 1))).unflatten(0, described.shape[:2])
        return _wrong(logits, batch["genuine"][:, None]).mean(1)

    def _given(self, name: str, batch: Batch) -> Tensor:
        return batch[name if name in batch else ALL]

    def _summed(self, judge: str, batch: Batch) -> Tensor:
        """The members' class scores (B, T, 2) of each clip, by those who have not seen its person."""
        names = [f"{judge}_{part}" for part in range(self.config.parts)] or [judge]
        summed = [self.ensemble(name).summed(self._given(name, batch), batch["lengths"]) for name in names]
        return torch.stack(summed)[batch["part"], torch.arange(len(batch["part"]))]

    @torch.no_grad()
    def fit(self, phase: str, clips: Iterable[Clip]) -> None:
        """Before features are learned, the mean and deviation of what pictures are described by. At the end the
        threshold of every scorer of every judge: the equal error rate's over clips that it may be shown, of people whom
        the members who score them have not seen; that rate; and the quantiles of the attacks' scores. Raises BadInput
        where there are no genuine clips or attacks."""
        self.eval()
        if phase == SCALE:
            self._fit_scale(clips)
        else:
            self._fit_thresholds(clips)

    def _fit_scale(self, clips: Iterable[Clip]) -> None:
        found: dict[str, list[Tensor]] = {name: [] for name in self.networks}
        for clip in clips:
            described, _ = self._described(clip)
            for name in self.networks:
                if self.seen(name, clip):
                    found[name].append(described)
        for name, network in self.networks.items():
            if not found[name]:
                raise BadInput(f"no training clip for {name!r}", cure="add people, or set parts to 0")
            network.fit(torch.cat(found[name]))

    def _fit_thresholds(self, clips: Iterable[Clip]) -> None:
        found: dict[str, list[np.ndarray]] = {name: [] for name in self.judges}
        truth: dict[str, list[bool]] = {name: [] for name in self.judges}
        for clip in clips:
            described, lengths = self._described(clip)
            for judge in self.judges:
                if self.seen(judge, clip):
                    partner = self._partner(judge, clip)
                    sequences = self.features(partner, described).split(lengths)
                    found[judge].append(self.video_scores(judge, sequences, partner))
                    truth[judge] += [class_of(clip) == GENUINE] * len(sequences)
        for judge in self.judges:
            genuine = np.array(truth[judge])
            if genuine.all() or not genuine.any():
                raise BadInput(
                    f"development clips for {judge!r} are all of one class",
                    where=SPOOF,
                    cure="add genuine clips and attacks of more people",
                )
            ensemble, scores = self.ensemble(judge), np.concatenate(found[judge])
            for row in range(len(SCORERS)):
                ensemble.thresholds[row] = threshold_between(scores[:, row], genuine)
                ensemble.errors[row] = eer(scores[:, row], genuine)
                quantiles = np.quantile(scores[~genuine, row], np.linspace(0, 1, 101))
                ensemble.attacks[row] = torch.as_tensor(quantiles)

    @torch.no_grad()
    def video_scores(self, judge: str, sequences: Sequence[Tensor], partner: str | None = None) -> np.ndarray:
        """Sequences of features (T, D) -> each one's score by every scorer, (len(sequences), len(SCORERS)): the mean
        over its frames, of `frame` the first one's. partner: whose members are asked instead of the judge's own."""
        features, lengths = pad(list(sequences))
        members = self.ensemble(partner or judge)
        scores = []
        for who in SCORERS:
            if who == META:
                logits = self.ensemble(judge).stacker(members.summed(features, lengths), lengths)
            else:
                logits = members.logits(who, features, lengths)
            steps = logits.softmax(-1)[..., GENUINE]
            scores.append(steps[:, 0] if who == FRAME else mean_over_steps(steps, lengths))
        return torch.stack(scores, 1).double().numpy()

    # --- use ----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(self, request: RecognitionRequest) -> RecognitionResult:
        """Scores of "genuine" and "attack", and their track (T, 2) in the order of CLASSES: each frame has the score of
        its clip's kept frame.

        controls: `skip` and `offset` of the frames; `scorer`, one of SCORERS; `far`, the share of development attacks
        that may pass instead of the equal error rate; `early_exit`, how far beyond the threshold the running mean must
        be for the rest to be left unseen. Raises BadInput for others, NoFace."""
        self.eval()
        asked = Asked.of(request.controls, self.config.skip)
        frames = request.frames
        kept = asked.skipper.kept(len(frames))
        described = self.described(self.pictures(frames, kept))
        ensemble = self.ensemble(ALL)
        threshold = ensemble.threshold(asked.scorer)
        if asked.far is not None:
            threshold = ensemble.threshold_at(asked.scorer, asked.far)
        scores = np.zeros(0)
        for scores in self._running(described, asked.scorer, asked.early_exit is not None):
            beyond = abs(float(scores.mean()) - threshold)
            if asked.early_exit is not None and len(scores) >= _EARLIEST and beyond > asked.early_exit:
                break
        settled = calibrated(np.array([scores[0] if asked.scorer == FRAME else scores.mean()]), threshold)[0]
        places = np.minimum(asked.skipper.clips_of(len(frames)), len(scores) - 1)
        track = calibrated(scores, threshold)[places]
        return RecognitionResult(
            {SPOOF: {"attack": float(1 - settled), "genuine": float(settled)}},
            tracks={SPOOF: np.stack([1 - track, track], 1).astype(np.float32)},
        )

    def _running(self, described: Tensor, who: str, step_by_step: bool) -> Iterator[np.ndarray]:
        """Scores of the kept frames (k,): of all at once, or after each frame of those until then."""
        ensemble, features = self.ensembles[ALL], []
        pieces = described.split(1) if step_by_step else (described,)
        for piece in pieces:
            features.append(self.features(ALL, piece))
            so_far = torch.cat(features)
            yield ensemble.scores(who, so_far[None], torch.tensor([len(so_far)]))[0].double().numpy()

    def claims(self) -> tuple[Claim, ...]:
        from talkie_zoo.recognition.anti_spoofing_claims import claims

        return claims(self)


def _wrong(logits: Tensor, genuine: Tensor) -> Tensor:
    """Cross entropy of every step: logits (B, T, 2), genuine (B, 1) class numbers -> (B, T)."""
    return F.cross_entropy(logits.transpose(1, 2), genuine.expand(logits.shape[:2]), reduction="none")
