"""TalkingGaussian (Li et al., ECCV 2024, arXiv 2404.15264): one person's head as Gaussians that keep their colours and
opacities and only move with speech. Networks, takes, losses, sizes and claims are in talking_gaussian_*.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from talkie.clip import FPS, Clip
from talkie.errors import BadInput
from talkie.heads import builtin_head
from talkie.render import Camera
from talkie.shards.lazy import pictures, planes
from talkie.systems.contract import Batch, Card, Example, Published, System, SystemConfig
from talkie.systems.measurement import Bar, Claim
from talkie.systems.phases import Draw, Moments, Optimiser, Phase, Sampling, Schedule
from talkie.systems.tasks.avatars import AvatarRequest
from talkie.systems.tasks.video import VideoResult
from talkie_zoo.avatars.talking_gaussian_config import MICRO, PAPER, TINY, TalkingGaussianConfig
from talkie_zoo.avatars.talking_gaussian_losses import (
    GREEN,
    coverage,
    details,
    lateness,
    picture_terms,
    region_terms,
    spared_of,
)
from talkie_zoo.avatars.talking_gaussian_networks import Branch, Shots, composed
from talkie_zoo.avatars.talking_gaussian_takes import (
    FACE,
    FINER,
    MOUTH,
    Take,
    chosen,
    face_window,
    mouth_window,
    ranks,
    scaled,
    survey,
    take_of,
    units_of,
)
from talkie_zoo.blocks.audio_attention import SpeechWindows
from talkie_zoo.blocks.gaussian_density import bury, control, of_colour
from talkie_zoo.blocks.head_model import head_model, shared_head
from talkie_zoo.blocks.skull import camera_about_skull

ROLES = {
    "mouth": {"model": "mouth", "uniform": "twins.uniform_mouth"},
    "face": {"model": "face", "whole": "twins.whole", "paint": "twins.paint", "uniform": "twins.uniform_face"},
}
"""The branch that each role of a run trains; all but `model` are twins, for the claims."""
PAIRS = {
    "model": ("face", "mouth"),
    "whole": ("twins.whole", ""),
    "paint": ("twins.paint", "mouth"),
    "uniform": ("twins.uniform_face", "twins.uniform_mouth"),
}
"""Face and mouth of each role of the fusion."""
BEGINS = {
    "whole": ("face", "mouth"),
    "paint": ("face",),
    "uniform_face": ("face",),
    "uniform_mouth": ("mouth",),
}
"""The branches whose weights each twin begins with."""
COLOURS = ("base", "rest", "logits")
_BETAS, _EPS = (0.9, 0.99), 1e-15
_AT_ONCE = 8
"""Frames that are drawn together where nothing is trained: memory grows with them."""
Frames = Mapping[str, Tensor]
"""What the frames of a batch are trained on, by the names of `TalkingGaussian.example`."""


class TalkingGaussian(System):
    """Mouth, then face, then both over the torso: canonical Gaussians, first at rest, then moved by hash-grid fields.

    Decided here. The six action units are the tracker's brow, lid and cheek shapes; parsing masks and landmarks are the
    clip's; log-mel bands stand in DeepSpeech's place. The head rests and the camera moves, about the skull (neck and
    head pose together). The torso with the background is one plate, the mean of what training frames show beside the
    head, because a request brings no torso of its own. Every branch hears with a code of its own. One Adam and one
    falling rate serve Gaussians and fields alike, since two would draw every picture twice. The number of rows is
    fixed: density control moves rows and their moments. A gradient distance stands in LPIPS' place. Every clip is drawn
    from alike, and the curriculum chooses among a clip's frames by their rank among all training frames: all of them
    while a branch rests, then, as the original's code does, one frame in 15 of the face's run and one in 7 of the
    mouth's, and any frame else. What hears and what moves starts with the variance of He et al., so that speech reaches
    the first shift; `tiny` takes eight frames a step: of two the code of speech learns too little about a voice's next
    sentences; and what lies behind a branch is of another colour in every frame, because in so few steps a mouth that
    is seen through is learned as a green one.
    A pixel belongs to a branch as far as a finer mask covers it, and in the mouth's run pixels with skin do not count:
    as published, teeth have to end where the lips of that frame begin, and what can only move grows half transparent.
    """

    card: ClassVar[Card] = Card(
        slug="talking_gaussian",
        title="TalkingGaussian: Structure-Persistent 3D Talking Head Synthesis via Gaussian Splatting",
        paper="arXiv 2404.15264, ECCV 2024",
        task="avatars",
        licence="no licence file seen; the original embeds 3DGS code under Inria's research-only terms",
        needs=("mp4", "flac", "head.npz", "landmarks.npy", "mask.mp4"),
        scope="person",
        summary="One person's 3-D Gaussian head that speech deforms and never recolours, in a face and a mouth branch.",
        published=(
            Published(metric="PSNR", value="33.61 dB", data="self-reconstruction, four clips of public speakers",
                      source="second-hand table, unverified"),
            Published(metric="LPIPS", value="0.0259", data="the same", source="second-hand table, unverified"),
            Published(metric="LMD", value="2.586", data="the same", source="second-hand table, unverified"),
            Published(metric="Sync-C", value="6.516", data="the same", source="second-hand table, unverified"),
        ),
        gaps=(
            "the torso is a still plate: it neither breathes nor follows another camera",
            "real footage without a parser's masks cannot be trained on",
            "the capacity of `paper` is ours: the original grows without a bound",
            "it could run online with four frames of delay, and does not",
            "`tiny` takes 663 to 669 s on two free cores, 844 on a slow day (885 on one core with another job beside)",
            "at `tiny` eight of its ten claims hold in each of three seeds, and the other two in two of them. What its "
            "sampling and its branches bring is as large as what one seed differs from another, and goes when all "
            "have learnt for long (tests/bench/bench_talking_gaussian.py)",
            "two branches: one for both errs by 12, 14 and 7 % more on pixels of the inner mouth in later takes after "
            "2,000 steps of each run, where 10 % is asked (by 5, 5 and 3 % where pixels in part lip count as far as "
            "the mouth covers them), and by 17, 20 and 9 % where the twin begins with weights of its own; after 3,000 "
            "of each by 4 % more and 5 % less (second and third seed). With 3,000 of the mouth's run and 1,800 of the "
            "face's it is 31, 14 and 17 %, but that is the mouth's longer run and not its branch",
            "sampling: frames drawn uniformly bring 3.1 % less, 5.4 and 3.4 % more error on wide open lips after "
            "2,000 steps, where more than 0 is asked; 5.4, -0.7, -1.1, 8.2, 4.1 and 4.4 % more after 600 steps of "
            "each run, which is what its card asks for (six seeds), and 2.0, -1.3 and -5.5 % after 1,800 of the face's "
            "and 3,000 of the mouth's (three of them)",
        ),
    )  # fmt: skip
    Config: ClassVar[type[SystemConfig]] = TalkingGaussianConfig
    presets: ClassVar[Mapping[str, SystemConfig]] = {"micro": MICRO, "tiny": TINY, "paper": PAPER}
    bar: ClassVar[Bar] = Bar(over_baseline=1.5, over_control=0.3)
    config: TalkingGaussianConfig
    plate: Tensor

    def __init__(self, config: SystemConfig):
        super().__init__(config)
        self.known: dict[str, Any] = {}
        self.phase = ""
        # Functions of clips that come back thousands of times; no state.
        self._takes: dict[str, Take] = {}

    def describe(self) -> Card:
        parts = {
            "speech features": "log-mel in 29 bands, in place of DeepSpeech",
            "action units": "six shapes of the head track, in place of OpenFace",
            "face parser": "the clip's mask",
            "perceptual loss": "gradient distance in the lip box, in place of LPIPS",
            "head model": self.known["head"],
        }
        return self.card.model_copy(update={"parts": parts})

    # --- what depends on data -----------------------------------------------------------------------------------

    def prepare(self, clips: Iterable[Clip]) -> None:
        """Order of openings and blinks, the plate, where the lips are, statistics of the sound. Raises NotADataset
        without clips, BadInput where clips disagree about the head model."""
        clips = list(clips)
        name = shared_head(clips)
        found = survey(clips, head_model(name), self.config.size)
        self._build(
            {
                "head": name,
                "openings": found.openings,
                "blinks": found.blinks,
                "mouth": found.mouth,
                "lower_lip": found.lower_lip,
            }
        )
        self.plate.copy_(found.plate)
        self.sound.measure(found.rows)

    @property
    def constants(self) -> dict[str, Any]:
        return self.known

    def restore(self, constants: dict[str, Any]) -> None:
        self._build(constants)

    @classmethod
    def typical_constants(cls, config: SystemConfig) -> dict[str, Any]:
        even = np.linspace(0, 1, 101).tolist()
        lips = [0.0, -0.05, 0.0]
        return {"head": builtin_head().name, "openings": even, "blinks": even, "mouth": lips, "lower_lip": lips}

    def _build(self, constants: dict[str, Any]) -> None:
        c = self.config
        self.known, self.head = dict(constants), head_model(constants["head"])
        with torch.device("cpu"):
            skin = self.head.template[np.concatenate([self.head.regions[n] for n in ("face", "scalp")])]
            middle = ((skin.amin(0) + skin.amax(0)) / 2).tolist()
        cube, lips = torch.tensor(middle), torch.tensor(constants["mouth"])
        self.sound = SpeechWindows()
        self.register_buffer("plate", torch.zeros(c.size, c.size, 3))
        self.face = Branch(c, c.face, "face", cube, cube)
        self.mouth = Branch(c, c.mouth, "mouth", lips, cube)
        if c.ablations:
            rows = {"capacity": c.face.capacity + c.mouth.capacity, "start": c.face.start + c.mouth.start}
            self.twins = nn.ModuleDict(
                {
                    "whole": Branch(c, c.face.model_copy(update=rows), "face", cube, cube),
                    "paint": Branch(c, c.face, "paint", cube, cube),
                    "uniform_face": Branch(c, c.face, "face", cube, cube),
                    "uniform_mouth": Branch(c, c.mouth, "mouth", lips, cube),
                }
            )
            # A twin lacks one idea and begins as the model does: its start is not what tells them apart.
            for name, parts in BEGINS.items():
                self._branch(f"twins.{name}").begin_as(*(self._branch(part) for part in parts))

    # --- training -----------------------------------------------------------------------------------------------

    def phases(self) -> tuple[Phase, ...]:
        """The mouth's run, the face's, and their fusion, in which colours and opacities alone are trained."""
        c = self.config
        sampling = Sampling(frames=1, size=c.size)

        def phase(name: str, steps: int, made: Mapping[str, Optimiser]) -> Phase:
            return Phase(name, steps, made, sampling, batch_size=c.batch)

        runs = [phase(run, getattr(c, run).steps, {r: self._adam(b) for r, b in self._roles(run).items()})
                for run in ("mouth", "face")]  # fmt: skip
        return (*runs, phase("fusion", c.fusion_steps, {r: self._tuning(r) for r in self._roles("fusion")}))

    def _roles(self, phase: str) -> dict[str, str]:
        roles = ROLES.get(phase, dict.fromkeys(PAIRS, ""))
        return roles if self.config.ablations else {"model": roles["model"]}

    def _adam(self, branch: str) -> Optimiser:
        c = self.config
        rates = {
            "points.means": c.position_rate,
            "points.log_scales": c.scale_rate,
            "points.quats": c.turn_rate,
            "points.logits": c.opacity_rate,
            "points.base": c.harmonic_rate,
            "places.": c.grid_rate,
            "speech.attention.": c.attention_factor * c.motion_rate,
        }
        if c.degree:
            rates["points.rest"] = c.harmonic_rate / 20
        factors = {f"{branch}.{name}": rate / c.motion_rate for name, rate in rates.items()}
        falling = Schedule("exponential", final=c.final)
        return Optimiser(c.motion_rate, (f"{branch}.",), betas=_BETAS, eps=_EPS, schedule=falling, rates=factors)

    def _tuning(self, role: str) -> Optimiser:
        c = self.config
        # The paint twin shares the mouth and must not train it.
        branches = [b for b in PAIRS[role] if b and (role != "paint" or b != "mouth")]
        trains = tuple(f"{b}.points.{name}" for b in branches for name in COLOURS)
        rates = {f"{b}.points.logits": c.fusion_opacity_rate / c.harmonic_rate for b in branches}
        rates |= {f"{b}.points.rest": 1 / 20 for b in branches} if c.degree else {}
        return Optimiser(c.harmonic_rate, trains, betas=_BETAS, eps=_EPS, rates=rates)

    def enter(self, phase: str) -> None:
        """Frames are drawn by the phase's own curriculum."""
        self.phase = phase

    def example(self, clip: Clip, draw: Draw) -> Example:
        """One frame that the phase's curriculum chooses and, for the twins without one, one of any kind, as "chosen"
        and "any": the same frame unless it is of the curriculum's window."""
        take, windowed = self._take(clip), self._windowed(draw)
        frame = self._frame(clip, self.pick(take, draw, windowed), draw)
        if not self.config.ablations:
            return {"id": clip.id, "chosen": frame}
        other = self._frame(clip, self.pick(take, draw, False), draw) if windowed else frame
        return {"id": clip.id, "chosen": frame, "any": other}

    def _frame(self, clip: Clip, number: int, draw: Draw) -> dict[str, Tensor]:
        c, take = self.config, self._take(clip)
        return {
            "picture": torch.from_numpy(pictures(clip, [number], c.size)[0]),
            "mask": torch.from_numpy(planes(clip, [number], FINER * c.size)[0]),
            "windows": self.sound(take.rows, torch.tensor([number]))[0],
            "units": take.units[number],
            "K": take.K[number],
            "R": take.pose.R[number],
            "t": take.pose.t[number],
            "lips": take.lips[number],
            "behind": GREEN if c.backdrop == "green" else torch.from_numpy(draw.rng.random(3, np.float32)),
        }

    def _windowed(self, draw: Draw) -> bool:
        """Whether a draw is of the window of the run that was entered: at rest always, then now and then."""
        c, mouth = self.config, self.phase == "mouth"
        if self.phase not in ROLES:
            return False
        run, every = (c.mouth, c.mouth_every) if mouth else (c.face, c.lips_every)
        return draw.progress < run.still / run.steps or draw.rng.random() < 1 / every

    def pick(self, take: Take, draw: Draw, windowed: bool) -> int:
        """The frame of a take that a draw gets in the phase that was entered, from its window or any."""
        c, mouth = self.config, self.phase == "mouth"
        usable = take.inner >= c.mouth_pixels if mouth else np.ones(len(take.units), bool)
        if not windowed:
            return chosen(np.zeros(len(usable)), usable, 0, 1, draw)
        by, low, high = (mouth_window if mouth else face_window)(c, draw.progress)
        values = take.opening if by == "opening" else take.blink
        place = ranks(values, self.known["openings" if by == "opening" else "blinks"])
        return chosen(place, usable, low, high, draw)

    def _take(self, clip: Clip) -> Take:
        if clip.id not in self._takes:
            self._takes[clip.id] = take_of(clip, self.head, self.config.size)
        return self._takes[clip.id]

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Every name of a frame stacked, as "chosen/picture" and so on; pictures (B, S, S, 3) float in [0, 1]."""
        batch: Batch = {"ids": [e["id"] for e in examples]}
        for kind in examples[0].keys() - {"id"}:
            for name in examples[0][kind]:
                batch[f"{kind}/{name}"] = torch.stack([e[kind][name] for e in examples])
            batch[f"{kind}/picture"] = batch[f"{kind}/picture"].float() / 255
        return batch

    def losses(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        """Terms of one role, means over the frames of the batch."""
        kind = "any" if role == "uniform" else "chosen"
        prefix = f"{kind}/"
        frames = {name.removeprefix(prefix): value for name, value in batch.items() if name.startswith(prefix)}
        step, done = batch["step"], batch["step"] / max(1, batch["steps"])
        shots = self._shots(*(frames[name] for name in ("K", "R", "t", "windows", "units")))
        if phase == "fusion":
            return self._fused(frames, shots, role, done)
        return self._alone(frames, shots, phase, role, step, done)

    def _alone(self, frames: Frames, shots: Shots, run: str, role: str, step: int, done: float) -> dict[str, Tensor]:
        c = self.config
        moving, late = step >= getattr(c, run).still, lateness(done, c.late, c.late_over)
        shown = MOUTH if run == "mouth" else (*FACE, *MOUTH) if role == "whole" else FACE
        layer = self._branch(ROLES[run][role]).layer(shots, still=not moving, watched=True)
        region, spared = coverage(frames["mask"], shown, c.size), spared_of(c, run, frames["mask"], step, moving)
        known = (frames["picture"], region, frames["behind"], spared, frames["lips"])
        return region_terms(c, layer, *known, moving, late)

    def _fused(self, frames: Frames, shots: Shots, role: str, done: float) -> dict[str, Tensor]:
        c = self.config
        shown, late = self._composed(shots, role), lateness(done, c.fusion_late, c.late_over)
        terms = picture_terms(c, shown, frames["picture"])
        if late:
            terms["details"] = late * c.detail_weight * details(shown, frames["picture"], frames["lips"])
        return terms

    def _composed(self, shots: Shots, role: str, still: bool = False) -> Tensor:
        face, mouth = PAIRS[role]
        inside = self._branch(mouth).layer(shots, still) if mouth else None
        return composed(self._branch(face).layer(shots, still), inside, self.plate)

    def _branch(self, name: str) -> Branch:
        branch = self.get_submodule(name)
        assert isinstance(branch, Branch)
        return branch

    def after_step(self, phase: str, step: int, moments: Moments) -> None:
        """Density control of the branches of a run; Gaussians that have learned the green behind them go."""
        if phase == "fusion":
            return
        rule = getattr(self.config, phase).density
        for name in self._roles(phase).values() if rule.due(step) else ():
            points = self._branch(name).points
            control(points, f"{name}.points", rule, step, moments)
            if self.config.backdrop == "green":
                bury(points, of_colour(points, GREEN))

    # --- use ----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(self, request: AvatarRequest) -> VideoResult:
        """The head, as the request's speech opens its mouth, in its poses and with its brows and blinks, before the
        plate. Raises BadInput without speech or for a track of another head model."""
        self.eval()
        return VideoResult(FPS, self.film(self.shots(request)))

    def shots(self, request: AvatarRequest) -> Shots:
        """What is to be drawn of every frame of a request, at the size that was trained on."""
        if request.audio is None:
            raise BadInput("no speech to move the lips", cure="send `audio`")
        if request.motion.model != self.known["head"]:
            cure = f"send a track of {self.known['head']!r}"
            raise BadInput(f"a motion of the head model {request.motion.model!r}", cure=cure)
        K, pose = camera_about_skull(self.head, request.motion)
        K = scaled(K, self.config.size / request.size)
        units = units_of(request.motion, self.head)
        windows = self.sound(self.sound.rows(request.audio), torch.arange(request.frames))
        return self._shots(K, pose.R, pose.t, windows, units)

    def _shots(self, K: Tensor, R: Tensor, t: Tensor, windows: Tensor, units: Tensor) -> Shots:
        size = self.config.size
        return Shots(Camera(K, R, t, size, size), windows, units)

    @torch.no_grad()
    def film(self, shots: Shots, role: str = "model", still: bool = False) -> np.ndarray:
        """(T, S, S, 3) uint8 of the model, or of a twin by its role; `still`: nothing moves but the head."""
        parts = [shots.at(slice(first, first + _AT_ONCE)) for first in range(0, len(shots), _AT_ONCE)]
        made = torch.cat([self._composed(part, role, still) for part in parts])
        return (made.clamp(0, 1) * 255).round().byte().numpy()

    def claims(self) -> tuple[Claim, ...]:
        from talkie_zoo.avatars.talking_gaussian_claims import claims

        return claims(self)
