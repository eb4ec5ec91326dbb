"""The terms of TalkingGaussian's three runs, frame by frame; phases, roles and the model are in talking_gaussian.py."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from talkie_zoo.avatars.talking_gaussian_config import TalkingGaussianConfig
from talkie_zoo.avatars.talking_gaussian_networks import Layer
from talkie_zoo.avatars.talking_gaussian_takes import FACE, HAIR
from talkie_zoo.blocks.similarity import ssim

GREEN = torch.tensor([0.0, 1.0, 0.0])
"""What the original paints where a branch has nothing to show: no skin and no tooth has this colour."""
_SCALES = 2


def coverage(mask: Tensor, classes: Sequence[int], size: int) -> Tensor:
    """(size, size) float: how much of each pixel is of the classes, by a mask (k size, k size) of finer pixels."""
    among = torch.isin(mask, torch.tensor(classes, dtype=mask.dtype, device=mask.device))
    return F.avg_pool2d(among.float()[None], mask.shape[-1] // size)[0]


def region_terms(
    c: TalkingGaussianConfig,
    layer: Layer,
    picture: Tensor,
    region: Tensor,
    behind: Tensor,
    spared: Tensor | None,
    lips: Tensor,
    moving: bool,
    late: bool,
) -> dict[str, Tensor]:
    """One frame of a branch on one colour: picture (H, W, 3), region (H, W) how much of each pixel the branch shows,
    behind (3,) the colour, spared (H, W) bool where nothing counts: hair in most steps, and for the mouth the skin
    before it; lips (4,) the box of the lips. The terms on motion count once it `moves`."""
    shown = layer.over(behind.expand_as(picture))
    wanted = torch.lerp(behind.expand_as(picture), picture, region[..., None])
    if spared is not None:
        shown, wanted = (torch.where(spared[..., None], behind, x) for x in (shown, wanted))
    terms = picture_terms(c, shown, wanted)
    if not moving:
        return terms
    terms["deltas"] = c.delta_weight * torch.stack([d.abs().mean() for d in layer.deltas.changes.values()]).sum()
    off = (layer.alpha - region).abs()
    terms["mask"] = c.mask_weight * (off if spared is None else off * ~spared).mean()
    if layer.gates is not None:
        left, top, right, bottom = lips.tolist()
        open_gates = layer.gates[top:bottom, left:right, 1].mean()
        if spared is not None:
            open_gates = open_gates + (layer.gates.sum(-1) * spared).mean()
        terms["gates"] = c.gate_weight * open_gates
    if late:
        terms["details"] = c.detail_weight * details(shown, wanted, lips)
    return terms


def picture_terms(c: TalkingGaussianConfig, shown: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """Mean distance and dissimilarity of two pictures (H, W, 3)."""
    alike = ssim(shown.permute(2, 0, 1)[None], wanted.permute(2, 0, 1)[None]).mean()
    return {"l1": (shown - wanted).abs().mean(), "ssim": c.similarity * (1 - alike)}


def details(shown: Tensor, wanted: Tensor, box: Tensor) -> Tensor:
    """Mean distance of two pictures (H, W, 3) and of their gradients in a box, at full and at half size: a stand-in for
    a perceptual distance, which asks for a network that was trained elsewhere."""
    left, top, right, bottom = box.tolist()
    a, b = (x[top:bottom, left:right].permute(2, 0, 1)[None] for x in (shown, wanted))
    found = []
    for scale in range(_SCALES):
        if scale:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        found.append((a - b).abs().mean())
        found += [(a - b).diff(dim=d).abs().mean() for d in (-1, -2) if a.shape[d] > 1]
    return torch.stack(found).mean()


def mean_terms(frames: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Each term over the frames of a batch; one that a frame has not counts as 0 there."""
    names = dict.fromkeys(name for terms in frames for name in terms)
    return {name: torch.stack([t[name] for t in frames if name in t]).sum() / len(frames) for name in names}


def spared_of(c: TalkingGaussianConfig, run: str, mask: Tensor, step: int, moving: bool) -> Tensor | None:
    """(S, S) bool where nothing counts; None where all does. In the face's run the hair, in all but every
    `hair_every`-th step that moves. In the mouth's every pixel with skin or lips: teeth go on behind them, and to end
    there is what no shift of a tooth can do."""
    if run == "mouth":
        return coverage(mask, FACE, c.size) > 0
    return coverage(mask, (HAIR,), c.size) > 0.5 if moving and step % c.hair_every else None
