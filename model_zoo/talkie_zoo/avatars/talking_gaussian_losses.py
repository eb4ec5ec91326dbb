"""The terms of TalkingGaussian's three runs, means over the F frames of a batch; phases, roles and the model are in
talking_gaussian.py."""

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
    """(F, size, size) float: how much of each pixel is of the classes, by masks (F, k size, k size) of finer pixels."""
    # A look-up takes a fifth of the time of `torch.isin`.
    among = torch.zeros(256, device=mask.device)
    among[list(classes)] = 1
    return F.avg_pool2d(among[mask.int()], mask.shape[-1] // size)


def region_terms(
    c: TalkingGaussianConfig,
    layer: Layer,
    picture: Tensor,
    region: Tensor,
    behind: Tensor,
    spared: Tensor | None,
    lips: Tensor,
    moving: bool,
    late: float,
) -> dict[str, Tensor]:
    """A branch on one colour a frame: its layer, pictures (F, H, W, 3), region (F, H, W) how much of each pixel the
    branch shows, behind (F, 3) the colours, spared (F, H, W) bool where nothing counts: hair in most steps, and for the
    mouth the skin before it; lips (F, 4) the boxes of the lips. The terms on motion count once it is `moving`, details
    as far as it is `late`."""
    backdrop = behind[:, None, None].expand_as(picture)
    shown = layer.over(backdrop)
    wanted = torch.lerp(backdrop, picture, region[..., None])
    if spared is not None:
        shown, wanted = (torch.where(spared[..., None], backdrop, x) for x in (shown, wanted))
    terms = picture_terms(c, shown, wanted)
    if not moving:
        return terms
    sizes = torch.stack([delta.abs().mean() for delta in layer.deltas.changes.values()])
    terms["deltas"] = c.delta_weight * sizes.sum()
    off = (layer.alpha - region).abs()
    terms["mask"] = c.mask_weight * (off if spared is None else off * ~spared).mean()
    if layer.gates is not None:
        felt = zip(layer.gates, lips.tolist(), strict=True)
        open_gates = torch.stack([gate[top:low, left:right, 1].mean() for gate, (left, top, right, low) in felt]).mean()
        if spared is not None:
            open_gates = open_gates + (layer.gates.sum(-1) * spared).mean()
        terms["gates"] = c.gate_weight * open_gates
    if late:
        terms["details"] = late * c.detail_weight * details(shown, wanted, lips)
    return terms


def lateness(done: float, begin: float, over: float) -> float:
    """How much of their weight details have when `done` of a run is: none before `begin`, all of it `over` later."""
    if done < begin:
        return 0.0
    return min(1.0, (done - begin) / over) if over else 1.0


def picture_terms(c: TalkingGaussianConfig, shown: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """Mean distance and dissimilarity of pictures (F, H, W, 3)."""
    alike = ssim(*(x.permute(0, 3, 1, 2) for x in (shown, wanted))).mean()
    return {"l1": (shown - wanted).abs().mean(), "ssim": c.similarity * (1 - alike)}


def details(shown: Tensor, wanted: Tensor, boxes: Tensor) -> Tensor:
    """Mean distance of pictures (F, H, W, 3) and of their gradients in a box of each, (F, 4), at full and at half size:
    a stand-in for a perceptual distance, which asks for a network that was trained elsewhere."""
    gaps = (shown - wanted).permute(0, 3, 1, 2)
    cut = [gap[None, :, top:low, left:right] for gap, (left, top, right, low) in zip(gaps, boxes.tolist(), strict=True)]
    return torch.stack([_sharp(gap) for gap in cut]).mean()


def _sharp(gap: Tensor) -> Tensor:
    found = []
    for scale in range(_SCALES):
        gap = F.avg_pool2d(gap, 2) if scale else gap
        found.append(gap.abs().mean())
        found += [gap.diff(dim=d).abs().mean() for d in (-1, -2) if gap.shape[d] > 1]
    return torch.stack(found).mean()


def spared_of(c: TalkingGaussianConfig, run: str, mask: Tensor, step: int, moving: bool) -> Tensor | None:
    """(F, S, S) bool where nothing counts, by masks (F, k S, k S); None where all does. In the face's run the hair, in
    all but every `hair_every`-th step that moves. In the mouth's every pixel with skin or lips: teeth go on behind
    them, and to end there is what no shift of a tooth can do."""
    if run == "mouth":
        return coverage(mask, FACE, c.size) > 0
    return coverage(mask, (HAIR,), c.size) > 0.5 if moving and step % c.hair_every else None
