"""DaGAN (Hong et al., CVPR 2022, arXiv 2203.06605): a portrait moves as a driving video does, and face depth learned
from video says where points are and where to look. Networks, losses, config and claims are in the files beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from talkie.clip import FPS, Clip
from talkie.errors import BadInput, NotADataset
from talkie.shards.lazy import pictures
from talkie.systems.contract import Batch, Card, Example, Published, System, SystemConfig
from talkie.systems.measurement import Bar, Claim
from talkie.systems.phases import Draw, Optimiser, Phase, Sampling, Schedule
from talkie.systems.tasks.reenactment import ReenactmentRequest
from talkie.systems.tasks.video import VideoResult
from talkie_zoo.blocks.augment import shaken, square
from talkie_zoo.blocks.best_frame import best_frame
from talkie_zoo.blocks.depth_net import DepthNet, EgoMotionNet
from talkie_zoo.blocks.keypoints import Keypoints
from talkie_zoo.blocks.motion_transfer import hull_scale, relative
from talkie_zoo.blocks.patch_critic import PatchCritic
from talkie_zoo.blocks.perceptual import Perceptual
from talkie_zoo.reenactment.dagan_config import PRESETS, DaGANConfig
from talkie_zoo.reenactment.dagan_networks import Reenactor
from talkie_zoo.reenactment.dagan_training import Made, Pair, critic_losses, depth_losses, generator_losses

DEPTH, GAN = "depth", "gan"
_TWIN = "twin_"
_TOGETHER = 16
"""Frames that are made at a time."""


class DaGAN(System):
    """Stage 1: disparity of single frames, from triplets of a clip, without labels. Stage 2: points of RGB-D pictures
    -> local motions -> dense flow and occlusion -> warped features -> attention asked by depth -> the picture;
    generator and critic in turns.

    Decided where code and paper disagree or the released code is at odds with itself: loss weights are the released
    ones; intrinsics stay floats (released: cut to integers, which stops their gradient); the principal point is
    (0.5 + x) of the size as in Gordon et al. 2019 (a softplus could not reach the middle); points keep apart by a
    hinge (released: a sign, without gradient); the maps of points, three pixels smaller on every side, keep their true
    coordinates; depth of the driving picture is not handed to the generator, which never used it; the detector is
    trained by the generator's optimiser. Where pictures come without ImageNet and VGG weights, encoders begin at random
    and features of a random network are compared, beside a plain L1. The SPADE decoder of a later release is left out.

    Decided for training in minutes, both off at the published sizes: every synthesis counts in stage 1 before the least
    error of a pixel does (`least_from`), and the warped source shows through in the answer (`blend`).
    """

    card: ClassVar[Card] = Card(
        slug="dagan",
        title="Depth-Aware Generative Adversarial Network for Talking Head Video Generation",
        paper="arXiv 2203.06605, CVPR 2022",
        task="reenactment",
        licence="CC BY-NC 4.0 (code of the original)",
        needs=("mp4",),
        wants=("head.npz",),
        controls=("adapt_scale", "anchor"),
        summary="A portrait moves as a driving video does, by points found with face depth that video alone taught.",
        parameters=133.8,  # by layers, those that only training needs and VGG-19 among them
        published=tuple(
            Published(metric=metric, value=value, data=data, source=source)
            for metric, value, data, source in (
                ("SSIM", "0.804", "VoxCeleb1, self-reenactment", "a benchmark's aggregate"),
                ("CSIM", "0.899", "VoxCeleb1, self-reenactment", "unverified"),
                ("PSNR", "31.22", "VoxCeleb1, self-reenactment", "unverified"),
                ("PSNR", "23.04", "VoxCelebHQ 256, self-reenactment", "LIA-X, third party; another protocol"),
                ("L1", "0.044", "VoxCelebHQ 256, self-reenactment", "LIA-X, third party; another protocol"),
            )
        ),
        gaps=(
            "depth helps in one seed of three, where its card asks two: beside a twin without depth and attention that "
            "begins with the same weights, the flow on faces errs by 1.05, 0.87 and 1.09 of the twin's. In 300 steps "
            "chance moves that more than learnt depth does: over six draws it is 1.23, 0.63, 0.95, 1.01, 0.94 and "
            "1.03, and 0.93, 0.52, 1.07, 0.72, 0.82 and 0.80 with the true depth of the rendered head in its place. "
            "In 600 steps, for which 6 minutes have no room, it is 0.97, 0.94 and 0.91, and 0.76, 0.73 and 0.96 with "
            "true depth. The scale of what was learnt is not what is missing: stretched to [0, 1] in each picture it "
            "gives 1.25, 0.60, 1.04, 1.13, 0.91 and 0.81, standardised 1.32, 0.56, 1.23, 0.83, 1.03 and 0.79 "
            "(tests/bench/bench_dagan.py)",
            "after `tiny` heads turn as the driver's do, but mouths hardly open, and what a head uncovers as it turns "
            "far is smeared: the answer is nearly all warped source (mean occlusion 0.98)",
            "trained on filmed rendered heads; VoxCeleb was never seen",
            "the SPADE decoder of a later release is left out",
        ),
    )
    Config: ClassVar[type[SystemConfig]] = DaGANConfig
    presets: ClassVar[Mapping[str, SystemConfig]] = PRESETS
    bar: ClassVar[Bar] = Bar(over_baseline=0.1, over_control=0.1, metric="l1")
    config: DaGANConfig

    def __init__(self, config: SystemConfig):
        super().__init__(config)
        self.phase = ""

    def describe(self) -> Card:
        c = self.config
        features = c.vgg or "a network of its build that nobody trained, beside L1"
        parts = {"VGG-19 of the perceptual loss": features, "ImageNet encoders of depth and motion": "random weights"}
        return self.card.model_copy(update={"parts": parts})

    def prepare(self, clips: Iterable[Clip]) -> None:
        """Raises NotADataset without clips, BadInput where none is long enough for a triplet."""
        longest = max((clip.record.frames for clip in clips), default=0)
        if not longest:
            raise NotADataset("no clip to train on", cure="add clips of the train split")
        wanted = 2 * self.config.neighbour + 1
        if longest < wanted:
            raise BadInput(f"the longest clip has {longest} frames, a triplet spans {wanted}", cure="lower `neighbour`")
        self.restore({})

    @property
    def constants(self) -> dict[str, Any]:
        return {}

    def restore(self, constants: dict[str, Any]) -> None:
        c = self.config
        self.depth = DepthNet(c.depth_layers, c.depth_width, c.depth_base)
        self.ego = EgoMotionNet(c.depth_layers, c.depth_width, c.ego_channels)
        self.reenactor, self.critic = Reenactor(c), self.new_critic()
        self.perceptual = Perceptual(c.vgg_base, c.vgg_plan, c.perceptual_scales, c.vgg)
        if c.ablation:
            self.twin_reenactor, self.twin_critic = Reenactor(c, rgbd=False), self.new_critic()
            self.twin_reenactor.begin_as(self.reenactor)
            self.twin_critic.load_state_dict(self.critic.state_dict())

    def new_critic(self) -> PatchCritic:
        return PatchCritic(3 + self.config.points, self.config.critic_base, self.config.critic_blocks)

    def external(self) -> tuple[str, ...]:
        return ("perceptual.",) if self.config.vgg else ()

    # --- training -----------------------------------------------------------------------------------------------

    def phases(self) -> tuple[Phase, ...]:
        """Depth from triplets; then generator and critic, and beside them the twin's, each from its own optimiser."""
        c = self.config
        falling = Schedule("steps", final=0.1, milestones=(0.75,))
        # Scale is free: while motion is still small, nearer and nearer depth makes up for it, and disparity ends at 1
        # everywhere, where no gradient is left. So motion may learn faster than depth.
        ahead = {"ego.": c.ego_speed}
        first = {DEPTH: Optimiser(c.depth_rate, ("depth.", "ego."), schedule=falling, rates=ahead)}
        roles = {}
        for prefix in ("", _TWIN) if c.ablation else ("",):
            for role, part in (("generator", "reenactor."), ("discriminator", "critic.")):
                roles[prefix + role] = Optimiser(c.rate, (prefix + part,), betas=(0.5, 0.999), schedule=falling)
        return (
            Phase(DEPTH, c.depth_steps, first, Sampling(3, c.neighbour, size=c.size), batch_size=c.depth_batch),
            Phase(GAN, c.steps, roles, Sampling(1, references=1, size=c.size), batch_size=c.batch),
        )

    def enter(self, phase: str) -> None:
        self.phase = phase
        self.train(self.training)

    def train(self, mode: bool = True) -> DaGAN:
        """As torch's; but depth keeps its batch statistics once it is learned."""
        super().train(mode)
        if mode and self.phase == GAN:
            self.depth.eval()
        return self

    def example(self, clip: Clip, draw: Draw) -> Example:
        """Frames (N, 3, S, S): a triplet in order, or a source and a driving frame."""
        numbers = [*draw.references, *draw.window]
        found = square(pictures(clip, numbers, self.config.size), self.config.size)
        return {"id": clip.id, "frames": shaken(found, draw.rng, 0.1 if draw.references else 0.2)}

    def collate(self, examples: Sequence[Example]) -> Batch:
        return {"ids": [e["id"] for e in examples], "frames": torch.stack([e["frames"] for e in examples])}

    def losses(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        if phase == DEPTH:
            least = batch["step"] >= self.config.least_from * batch["steps"]
            return depth_losses(self.depth, self.ego, batch["frames"], least)
        twin = role.startswith(_TWIN)
        reenactor, critic = (self.twin_reenactor, self.twin_critic) if twin else (self.reenactor, self.critic)
        kept = "_twin_made" if twin else "_made"
        if role.endswith("discriminator"):
            made = batch.get(kept) or self._made(batch, reenactor)
            return critic_losses(critic, batch["frames"][:, 1], made)
        pair = self._pair(batch)
        found, batch[kept] = generator_losses(
            reenactor, critic, self.perceptual, lambda bent, _: self.depth(bent)[0], pair, self.config.pixel
        )
        return found

    def _pair(self, batch: Batch) -> Pair:
        """The two pictures and their disparity, which is computed once a step."""
        source, driving = batch["frames"].unbind(1)
        if "_disparity" not in batch:
            with torch.no_grad():
                batch["_disparity"] = self.depth(torch.cat([source, driving]))[0]
        return Pair(source, driving, *batch["_disparity"].chunk(2))

    @torch.no_grad()
    def _made(self, batch: Batch, reenactor: Reenactor) -> Made:
        """What the critic is shown where the generator was not updated before it."""
        pair = self._pair(batch)
        here, there = (
            reenactor.points(x, d) for x, d in ((pair.source, pair.source_depth), (pair.driving, pair.driving_depth))
        )
        return Made(reenactor(pair.source, pair.source_depth, here, there).picture, there.place)

    # --- use ----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(self, request: ReenactmentRequest) -> VideoResult:
        """The first source moved by the driver: frames (T, S, S, 3), of pictures that are not square the middle.

        Relative motion begins at the driver's frame `controls["anchor"]` (0), a number or "best": that whose landmarks
        are nearest the source's. "adapt_scale" (True) scales it by the faces' sizes. tracks: "depth" (T, S, S)
        disparity of the driver, "keypoints" (T, K, 2) in pixels that the answer was made by, "flow" (T, h, w, 2) in
        [-1, 1] and "occlusion" (T, h, w). Raises BadInput for another control or an anchor that is not there, NoFace.
        """
        self.eval()
        if unknown := set(request.controls) - set(self.card.controls):
            raise BadInput(f"no control {sorted(unknown)}", cure=f"there are {', '.join(self.card.controls)}")
        source = self.tensor(request.sources[:1])
        depth = self.depth(source)[0]
        here = self.reenactor.points(source, depth)
        first, scale = self._anchored(request, here)
        parts = []
        for at in range(0, request.frames, _TOGETHER):
            driving = self.tensor(request.driving[at : at + _TOGETHER])
            driving_depth = self.depth(driving)[0]
            there = self.reenactor.points(driving, driving_depth)
            if first is not None:
                there = relative(here, first, there, scale)
            still = (x.expand(len(driving), -1, -1, -1) for x in (source, depth))
            made = self.reenactor(*still, here.expand(len(driving)), there)
            parts.append(
                {
                    "frames": (255 * made.picture).round().byte().permute(0, 2, 3, 1),
                    "depth": driving_depth[:, 0],
                    "keypoints": (there.place + 1) * self.config.size / 2,
                    "flow": made.motion.flow,
                    "occlusion": made.motion.occlusion[:, 0],
                }
            )
        tracks = {name: torch.cat([part[name] for part in parts]).cpu().numpy() for name in parts[0]}
        return VideoResult(FPS, tracks.pop("frames"), tracks)

    def _anchored(self, request: ReenactmentRequest, here: Keypoints) -> tuple[Keypoints | None, float]:
        """The driver's points that relative motion begins at and its scale; no points for absolute motion."""
        if not request.relative:
            return None, 1.0
        anchor = request.controls.get("anchor", 0)
        number = best_frame(request.sources[0], request.driving) if anchor == "best" else int(anchor)
        if not 0 <= number < request.frames:
            raise BadInput(f"no frame {number} among {request.frames}", cure="name a frame of the driver, or `best`")
        picture = self.tensor(request.driving[number : number + 1])
        first = self.reenactor.points(picture, self.depth(picture)[0])
        scaled = request.controls.get("adapt_scale", True)
        return first, hull_scale(here.place[0], first.place[0]) if scaled else 1.0

    def tensor(self, frames: np.ndarray) -> Tensor:
        """(N, H, W, 3) uint8 -> (N, 3, S, S) in [0, 1]."""
        found = torch.from_numpy(square(frames, self.config.size)).permute(0, 3, 1, 2).contiguous()
        return found.to(next(self.parameters())) / 255

    def claims(self) -> tuple[Claim, ...]:
        from talkie_zoo.reenactment.dagan_claims import claims

        return claims(self)
