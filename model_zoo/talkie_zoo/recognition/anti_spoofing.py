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
from talkie.faces.crop import crop_frame
from talkie.systems.contract import Batch, Card, Example, Published, System, SystemConfig
from talkie.systems.measurement import Bar, Claim
from talkie.systems.phases import Draw, Optimiser, Phase, Sampling, Schedule
from talkie.systems.tasks.checks import clip_pictures
from talkie.systems.tasks.recognition import RecognitionRequest, RecognitionResult
from talkie_zoo.blocks.batches import pad
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
    FrameSkipper,
    SmallNet,
    skippers,
)

ALL = "all"
"""The ensemble that has seen every domain; those of the others are "fold0", "fold1" ..."""
FEATURES, RECURRENT, STACKING, DECISION = "features", "members", "stacker", "threshold"
_EARLIEST = 3
"""Kept frames before an early decision."""


class AntiSpoofing(System):
    """Kept frames -> a feature network -> BiLSTM, GRU and LSTM, each with class scores a frame -> their sum -> a small
    LSTM -> the mean score over frames against a threshold of development clips.

    Decided where the sources disagree or are silent: the first frame of every clip is kept (as the README says; the
    script keeps the last), from any offset in training where `offsets` asks; one sequence is one video, padded with
    packing, where the script strings all videos of a split together, in order of their class; faces are cut out in one
    box a clip, where the script takes whole frames with their bezels; classes are weighted by their shares; a video's
    score is the mean over its frames. Meta-model and threshold see development people only ("val"), members never do
    unless a run validates: then they stop early on them, as published. Without a DenseNet file the feature network is
    trained on single frames beforehand. Early exit after three kept frames is an addition.

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
            "`tiny` misses its bar and five of seven claims over three seeds: the meta-model errs in 3 to 11 of 100 "
            "videos, where 5 are asked, and on strange cameras now more than its best member, now less",
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
        self.register_buffer("class_weights", torch.ones(2))

    def describe(self) -> Card:
        c = self.config
        if c.network == "small":
            network = "four convolution blocks, trained on single frames in the place of DenseNet-201"
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
        names = [ALL, *(f"fold{number}" for number in range(len(self.domains)))]
        self.networks = nn.ModuleDict({name: self._network() for name in (names if self._learns else names[:1])})
        inputs = next(iter(self.networks.values())).channels
        self.ensembles = nn.ModuleDict({name: Ensemble(inputs, c.hidden, c.meta) for name in names})

    def _network(self) -> nn.Module:
        c = self.config
        if c.network == "small":
            return SmallNet(c.channels, c.features)
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

    def seen(self, name: str, domain: str) -> bool:
        """Whether the ensemble `name` may be shown a domain."""
        return name == ALL or self.domains[int(name.removeprefix("fold"))] != domain

    # --- training -----------------------------------------------------------------------------------------------

    def phases(self) -> tuple[Phase, ...]:
        """The feature network, the three members beside the single-frame scorer, the meta-model on development people,
        and the threshold on the same."""
        c = self.config
        names = list(self.ensembles)
        whole, held_out = Sampling(), Sampling(split="val")

        def adam(rate: float, part: str, falls: bool = False) -> Optimiser:
            trained = tuple(f"ensembles.{name}.{part}" for name in names)
            return Optimiser(rate, trained, schedule=Schedule("cosine" if falls else "constant", final=0.05))

        frames = Optimiser(
            c.feature_rate, ("networks.", *(f"ensembles.{n}.frame." for n in names)), schedule=Schedule("cosine")
        )
        members: dict[str, Optimiser] = {kind: adam(c.rate, f"members.{kind}.") for kind in MEMBERS}
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
            Phase(STACKING, c.meta_steps, {META: adam(c.meta_rate, "stacker.")}, held_out, batch_size=c.batch),
            Phase(DECISION, sampling=held_out),
        )
        return (learning, *rest) if self._learns else rest

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
        """The kept frames of every offset: pictures (O, K, 3, S, S) uint8 while the feature network learns, afterwards
        its answers (O, K, D), one tensor for each network; and how many of the K there are."""
        c = self.config
        frames = clip_pictures(clip)
        kept = [skipper.kept(len(frames)) for skipper in skippers(c.skip, c.offsets)]
        flat = self.pictures(frames, [number for numbers in kept for number in numbers])
        lengths = [len(numbers) for numbers in kept]
        sequences = list(flat.split(lengths))
        example: Example = {
            "id": clip.id,
            "genuine": class_of(clip),
            "seen": [self.seen(name, domain_of(clip)) for name in self.ensembles],
            "lengths": lengths,
        }
        if self.phase in ("", FEATURES):
            return {**example, "pictures": flat}
        return {**example, **{name: [self.features(name, s) for s in sequences] for name in self.networks}}

    def pictures(self, frames: np.ndarray, kept: Sequence[int]) -> Tensor:
        """Frames (T, H, W, 3) uint8 -> the kept ones, cut out: (K, 3, S, S) uint8. Raises NoFace."""
        box = self._box(frames, kept)
        cut = [crop_frame(np.ascontiguousarray(frames[number]), box, self.config.size) for number in kept]
        return torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).contiguous()

    def _box(self, frames: np.ndarray, kept: Sequence[int]) -> np.ndarray:
        if self.config.crop == "face":
            return fixed_face_box(frames, kept, self.config.margin)
        height, width = frames.shape[1:3]
        side = max(height, width)
        return np.array([(width - side) / 2, (height - side) / 2, side], np.float64)

    def features(self, name: str, pictures: Tensor) -> Tensor:
        """Pictures (K, 3, S, S) uint8 -> (K, D) of an ensemble's feature network."""
        network = self.networks[name if name in self.networks else ALL]
        return network(pictures.to(self.class_weights.dtype) / 255)

    def collate(self, examples: Sequence[Example]) -> Batch:
        """While features are learned, `frames_seen` random frames of each clip, mirrored at random; afterwards one of
        its sequences, padded."""
        batch: Batch = {
            "ids": [e["id"] for e in examples],
            "genuine": torch.tensor([e["genuine"] for e in examples]),
            "seen": torch.tensor([e["seen"] for e in examples]).T,
        }
        if "pictures" in examples[0]:
            batch["pictures"] = torch.stack([self._shown(e["pictures"]) for e in examples])
            return batch
        chosen = [int(torch.randint(len(e["lengths"]), ())) for e in examples]
        batch["lengths"] = torch.tensor([e["lengths"][k] for e, k in zip(examples, chosen, strict=True)])
        for name in self.networks:
            batch[name] = pad([e[name][k] for e, k in zip(examples, chosen, strict=True)])[0]
        return batch

    def _shown(self, pictures: Tensor) -> Tensor:
        shown = pictures[torch.randint(len(pictures), (self.config.frames_seen,))]
        return shown.flip(-1) if torch.rand(()) < 0.5 else shown

    def losses(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        """Cross entropy of each ensemble over the clips that it may be shown, weighted by class; every video counts
        once, however many frames it has."""
        losses = {}
        for row, (name, ensemble) in enumerate(self.ensembles.items()):
            if phase == FEATURES:
                # DenseNet's statistics are over all pictures of a batch.
                each = self._of_frames(name, ensemble, batch)
            else:
                features = batch[name if name in batch else ALL]
                logits = ensemble.logits(role, features, batch["lengths"])
                each = mean_over_steps(_wrong(logits, batch["genuine"][:, None]), batch["lengths"])
            weight = self.class_weights[batch["genuine"]] * batch["seen"][row]
            losses[name] = (each * weight).sum() / weight.sum().clamp_min(1e-6)
        return losses

    def _of_frames(self, name: str, ensemble: nn.Module, batch: Batch) -> Tensor:
        pictures = batch["pictures"]
        logits = ensemble.frame(self.features(name, pictures.flatten(0, 1))).unflatten(0, pictures.shape[:2])
        return _wrong(logits, batch["genuine"][:, None]).mean(1)

    @torch.no_grad()
    def fit(self, phase: str, clips: Iterable[Clip]) -> None:
        """The threshold of every scorer of every ensemble: the equal error rate's over development clips that it may be
        shown; and the quantiles of the attacks' scores. Raises BadInput where there are no genuine clips or attacks."""
        self.eval()
        found: dict[str, list[np.ndarray]] = {name: [] for name in self.ensembles}
        truth: dict[str, list[int]] = {name: [] for name in self.ensembles}
        for clip in clips:
            frames = clip_pictures(clip)
            kept = FrameSkipper(self.config.skip).kept(len(frames))
            pictures = self.pictures(frames, kept)
            for name in self.ensembles:
                if self.seen(name, domain_of(clip)):
                    found[name].append(self.video_scores(name, self.features(name, pictures)))
                    truth[name].append(class_of(clip))
        for name, ensemble in self.ensembles.items():
            if len(set(truth[name])) < 2:
                raise BadInput(
                    f"development clips for {name!r} are all of one class",
                    where=SPOOF,
                    cure="add genuine clips and attacks of more people to the val split",
                )
            scores, genuine = np.stack(found[name]), np.array(truth[name]) == GENUINE
            for row in range(len(SCORERS)):
                ensemble.thresholds[row] = threshold_between(scores[:, row], genuine)
                quantiles = np.quantile(scores[~genuine, row], np.linspace(0, 1, 101))
                ensemble.attacks[row] = torch.as_tensor(quantiles)

    @torch.no_grad()
    def video_scores(self, name: str, features: Tensor) -> np.ndarray:
        """The video's score by every scorer, (len(SCORERS),): the mean over kept frames, of `frame` the first one's."""
        lengths = torch.tensor([len(features)])
        tracks = [self.ensembles[name].scores(who, features[None], lengths)[0] for who in SCORERS]
        return np.array([float(t[0] if w == FRAME else t.mean()) for w, t in zip(SCORERS, tracks, strict=True)])

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
        pictures = self.pictures(frames, kept)
        ensemble = self.ensemble(ALL)
        threshold = ensemble.threshold(asked.scorer)
        if asked.far is not None:
            threshold = ensemble.threshold_at(asked.scorer, asked.far)
        scores = np.zeros(0)
        for scores in self._running(pictures, asked.scorer, asked.early_exit is not None):
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

    def _running(self, pictures: Tensor, who: str, step_by_step: bool) -> Iterator[np.ndarray]:
        """Scores of the kept frames (k,): of all at once, or after each frame of those until then."""
        ensemble, features = self.ensembles[ALL], []
        pieces = pictures.split(1) if step_by_step else (pictures,)
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
