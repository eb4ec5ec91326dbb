"""Ditto's frozen half, after LivePortrait: extractor, appearance, warp, decoder and stitching as one module, what they
are taught while nothing pretrained is given, and how published weights are taken over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from talkie.errors import BadConfig
from talkie_zoo.blocks.implicit_keypoints import (
    BINS,
    DEGREES_PER_BIN,
    EYES,
    LIPS,
    LOWEST,
    PARTS,
    MotionExtractor,
    Pose,
)
from talkie_zoo.blocks.mouth_painter import MouthPainter
from talkie_zoo.blocks.similarity import ssim
from talkie_zoo.blocks.spade import SpadeDecoder
from talkie_zoo.blocks.stitching import Stitching
from talkie_zoo.blocks.volume_warp import Appearance, Warper
from talkie_zoo.speech_to_video.ditto_config import DittoConfig

FILE = "renderer.safetensors"
UNITS = {"scale": 0.05, "angles": 4.0, "t": 0.05, "exp": 0.02, "kp": 0.05, "x": 0.03}
"""What an error is measured in: about the deviation of each over talking heads, so that all weigh alike."""
BINS_WEIGHT = 0.1
KEYPOINTS_WEIGHT = 0.3
REGION_WEIGHT = 4.0
"""How much more a pixel counts at lips and eyes."""
REACH = 0.12
"""Deviation of a region about its keypoints, in halves of the picture's side."""
CONTRAST, LEVEL = 0.3, 0.1
"""How far `tinted` goes, in shares of the contrast and of full scale."""
ASTRAY = 0.015
"""Deviation by which keypoints are moved while the painter of the mouth is taught, in halves of the picture's side: a
pixel of 128."""
BORDER = 0.15
"""Share of the crop's side in which stitching wants the source."""


@dataclass(frozen=True)
class Look:
    """What is warped of source pictures: themselves (B, 3, O, O) in [0, 1] and their feature volumes."""

    pictures: Tensor
    volume: Tensor


class Renderer(nn.Module):
    """M, F, W, G and S.

    With `blend`, G also says for each pixel how much of it is painted; the rest is the source picture under W's flow,
    which is sharp from the first step. With `mouth_channels` a mouth painted from near by is laid over it. As published
    every pixel is painted, and once."""

    def __init__(self, c: DittoConfig):
        super().__init__()
        cells = c.size // 4 // 2 ** (len(c.extractor_channels) - 1)
        self.size, self.blend = c.size, c.blend
        self.extractor = MotionExtractor(
            c.extractor_channels, c.extractor_depths, c.extractor_pooled, cells, c.extractor_closer
        )
        self.appearance = Appearance(c.appearance_base, c.halvings, c.volume_channels, c.volume_depth, c.residuals)
        self.warper = Warper(
            c.volume_channels, c.volume_depth, c.compress, c.warp_base, c.warp_most, c.warp_levels, c.features,
            c.mask_kernel,
        )  # fmt: skip
        self.decoder = SpadeDecoder(
            c.features, c.decoder_channels, c.decoder_last, c.decoder_middle, c.decoder_hidden, c.shuffle,
            4 if c.blend else 3,
        )  # fmt: skip
        self.mouth = MouthPainter(c.mouth_channels) if c.mouth_channels else None
        self.stitching = Stitching(c.stitching)

    def read(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (B, 3, S, S) in [0, 1] of any size -> motion (B, 265) and canonical keypoints (B, 21, 3)."""
        return self.extractor(self.reduced(pictures))

    def look(self, pictures: Tensor) -> Look:
        """What is warped, of pictures (B, 3, O, O)."""
        return Look(pictures, self.appearance(self.reduced(pictures)))

    def paint(self, look: Look, source: Tensor, driving: Tensor) -> Tensor:
        """Pictures (B, 3, O, O) of a look whose keypoints `source` go to `driving` (B, 21, 3)."""
        made = self.warped(look, source, driving)
        return made if self.mouth is None else self.mouth(made, look.pictures, source, driving)

    def warped(self, look: Look, source: Tensor, driving: Tensor) -> Tensor:
        """The same before a mouth is laid over it."""
        features, _, flow = self.warper(look.volume, source, driving)
        made = self.decoder(features)
        if self.blend:
            way = F.interpolate(flow.movedim(-1, 1), look.pictures.shape[2:], mode="bilinear", align_corners=True)
            moved = F.grid_sample(look.pictures, way.movedim(1, -1), padding_mode="border", align_corners=True)
            made = torch.lerp(moved, made[:, :3], made[:, 3:])
        return made

    def reduced(self, pictures: Tensor) -> Tensor:
        """To the side that is read."""
        factor = pictures.shape[-1] // self.size
        return F.avg_pool2d(pictures, factor) if factor > 1 else pictures


def read_losses(motion: Tensor, kp: Tensor, true: dict[str, Tensor]) -> dict[str, Tensor]:
    """What M is told: every part of the motion and the keypoints themselves, in units of their deviation, lips and eyes
    once more (LivePortrait guides these by landmarks), and the bins by cross-entropy (Ruiz et al. 2018, Hopenet)."""
    pose = Pose.of(motion)
    said = {"scale": pose.scale, "angles": pose.angles, "t": pose.t, "exp": pose.exp, "kp": kp}
    said["x"] = pose.keypoints(kp)
    apart = [(said[name] - true[name]).abs().mean() / unit for name, unit in UNITS.items()]
    near = [*LIPS, *EYES]
    guided = [(said[name] - true[name])[:, near].abs().mean() / UNITS[name] for name in ("exp", "x")]
    bins = ((true["angles"] - LOWEST) / DEGREES_PER_BIN).round().long().clamp(0, BINS - 1)
    logits = (motion[:, PARTS[name]] for name in ("pitch", "yaw", "roll"))
    entropy = [F.cross_entropy(of, bins[:, axis]) for axis, of in enumerate(logits)]
    return {
        "keypoints": KEYPOINTS_WEIGHT * torch.stack(apart).sum(),
        "guidance": KEYPOINTS_WEIGHT * torch.stack(guided).sum(),
        "bins": BINS_WEIGHT * torch.stack(entropy).sum(),
    }


def tinted(pictures: Tensor) -> Tensor:
    """Pictures (B, 3, S, S) in another light, drawn from torch's random state: the contrast and each colour's level
    change, so that complexions of few people are not learned by heart."""
    count = len(pictures)
    contrast = 1 + CONTRAST * (2 * torch.rand(count, 1, 1, 1) - 1).to(pictures)
    level = LEVEL * (2 * torch.rand(count, 3, 1, 1) - 1).to(pictures)
    return ((pictures - 0.5) * contrast + 0.5 + level).clamp(0, 1)


def picture_losses(made: Tensor, true: Tensor, x: Tensor) -> dict[str, Tensor]:
    """Pictures (B, 3, O, O) against the truth: absolute error at three sizes, of edges, and similarity of structure,
    more of it at lips and eyes, whose keypoints x (B, 21, 3) are known."""
    weights = regions(x, made.shape[-1])
    apart = ((made - true).abs() * weights).mean()
    for factor in (2, 4):
        small = [F.avg_pool2d(p, factor) for p in (made, true)]
        apart = apart + (small[0] - small[1]).abs().mean()
    edges = [
        ((made.diff(dim=axis) - true.diff(dim=axis)).abs() * weights.narrow(axis, 1, made.shape[axis] - 1)).mean()
        for axis in (2, 3)
    ]
    return {
        "pixels": apart,
        "edges": edges[0] + edges[1],
        "structure": 0.3 * (1 - ssim(made, true, "box").mean()),
    }


def mouth_losses(painter: MouthPainter, pictures: Tensor, x: Tensor) -> dict[str, Tensor]:
    """What the painter is told of n pictures each (B, n, 3, O, O) whose keypoints x (B, n, 21, 3) are known: from the
    first it paints the mouths of the others; absolute error of pixels and of edges. Keypoints are as far off, alike in
    both pictures, as those that are read."""
    count = pictures.shape[1] - 1
    first, source = (part[:, :1].expand(-1, count, *part.shape[2:]).flatten(0, 1) for part in (pictures, x))
    others, driving = (part[:, 1:].flatten(0, 1) for part in (pictures, x))
    off = ASTRAY * torch.randn_like(source)
    a, b = painter.mouth(first, source + off, driving + off), painter.near(others, driving + off)
    edges = [(a.diff(dim=axis) - b.diff(dim=axis)).abs().mean() for axis in (2, 3)]
    return {"mouth": (a - b).abs().mean() + edges[0] + edges[1]}


def regions(x: Tensor, size: int) -> Tensor:
    """(B, 1, S, S): 1, and more where lips and eyes are."""
    line = (torch.arange(size, device=x.device) + 0.5) * 2 / size - 1
    points = x[:, [*LIPS[:5], *EYES[:4]]]
    columns = torch.exp(-0.5 * ((line - points[..., :1]) / REACH).square())
    rows = torch.exp(-0.5 * ((line - points[..., 1:2]) / REACH).square())
    near = (rows[..., :, None] * columns[..., None, :]).amax(1, keepdim=True)
    return 1 + REGION_WEIGHT * near


def stitch_losses(renderer: Renderer, pictures: Tensor) -> dict[str, Tensor]:
    """What S is told of source pictures (B, 3, O, O): driven by a neighbour's pose, the border is to stay where the
    source has it; offsets are to stay small (LivePortrait, section 3.3)."""
    with torch.no_grad():
        motion, kp = renderer.read(pictures)
        pose, look = Pose.of(motion), renderer.look(pictures)
        source = pose.keypoints(kp)
        other = Pose.of(motion.roll(1, 0)).keypoints(kp)
        still = renderer.warped(look, source, source)
    stitched = renderer.stitching(source, other)
    made = renderer.warped(look, source, stitched)
    edge = round(BORDER * made.shape[-1])
    mask = torch.ones_like(made[:1, :1])
    mask[..., :-edge, edge:-edge] = 0
    return {
        "border": 10 * ((made - still).abs() * mask).mean(),
        "offsets": (stitched - other).abs().mean(),
    }


def load_renderer(renderer: Renderer, folder: str) -> None:
    """Weights under this module's names from `folder`/renderer.safetensors. Raises BadConfig where they do not fit."""
    path = Path(folder) / FILE
    if not path.is_file():
        raise BadConfig("no renderer is stored here", where=folder, cure=f"name a folder that holds {FILE}")
    theirs, mine = load_file(path), renderer.state_dict()
    wrong = sorted(
        n for n in mine.keys() | theirs.keys() if n not in mine or n not in theirs or mine[n].shape != theirs[n].shape
    )
    if wrong:
        raise BadConfig(
            f"{len(wrong)} tensors do not fit, first {', '.join(wrong[:3])}",
            where=str(path),
            cure="use the sizes of the renderer that was stored",
        )
    renderer.load_state_dict(theirs)
