"""What DaGAN's card claims, as measurements on held-out clips: depth, synthesised neighbours, reenactment,
equivariance, and what depth is good for. The truth is that of the clips' head tracks, which no training has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation.metrics import image
from talkie.shards.lazy import pictures
from talkie.systems.measurement import Claim, Measurement
from talkie.systems.tasks.reenactment import ReenactmentRequest
from talkie_zoo.blocks.augment import square
from talkie_zoo.blocks.correlation import correlation
from talkie_zoo.blocks.head_views import HeadView, head_views
from talkie_zoo.blocks.plane import grid, resized
from talkie_zoo.blocks.thin_plate import ThinPlate
from talkie_zoo.blocks.view_synthesis import depth_of, synthesised
from talkie_zoo.reenactment.dagan_networks import Reenactor

if TYPE_CHECKING:
    from talkie_zoo.reenactment.dagan import DaGAN

ASKED, TIMES = 32, 3
"""Held-out clips that are looked at, and places in each, evenly spread."""
MOVING_PX = 0.5
"""True motion from which on a pixel counts as moving."""
AFFINE = ((0.966, -0.168, 0.05), (0.168, 0.966, -0.04))
"""10 degrees, 2 % smaller, moved by a fortieth of the picture: within what training draws."""


def claims(system: DaGAN) -> tuple[Claim, ...]:
    """The claims that a trained system can be held to; the last one only where the twin was trained."""

    def at_least(floor: float, name: str, statement: str, measure: Callable[..., Measurement]) -> Claim:
        return Claim(name, statement, partial(measure, system), floor=floor)

    def at_most(ceiling: float, name: str, statement: str, measure: Callable[..., Measurement]) -> Claim:
        return Claim(name, statement, partial(measure, system), ceiling=ceiling)

    found = (
        at_least(0.6, "depth", "disparity correlates at 0.6 or more with that of the rendered head", depth_correlation),
        at_most(0.9, "depth against constant", "aligned depth errs at least 10 % less than one depth for all",
                partial(_against, constant_prior)),
        at_most(0.9, "depth against radius", "aligned depth errs at least 10 % less than a paraboloid about the face",
                partial(_against, radial_prior)),
        at_most(0.8, "view synthesis", "where the head moves, a synthesised frame errs at least 20 % less than its "
                "neighbour as it is", synthesis),
        at_most(1.0, "reenactment", "the L1 of the answer is below that of the source as it is", l1_over_copy),
        at_least(0.0, "reenactment psnr", "the PSNR of the answer is above that of the source as it is", psnr_gain),
        at_most(0.05, "equivariance", "points of a picture turned by a known affine map are off by less than 0.05",
                affine_error),
        at_least(1e-3, "attention", "the weight of what attention adds has moved away from 0", attention_weight),
    )  # fmt: skip
    if not system.config.ablation:
        return found
    helps = "in two of three seeds the flow on the face errs less than that of the twin without depth and attention"
    return (*found, replace(at_most(1.0, "depth helps", helps, flow_over_twin), share=2 / 3))


@dataclass(frozen=True)
class Shot:
    """Three frames (3, 3, S, S) of a clip, `neighbour` apart, and their truth."""

    frames: Tensor
    views: list[HeadView]


def shots(system: DaGAN, clips: Sequence[Clip]) -> Iterator[Shot]:
    c = system.config
    system.eval()
    for clip in clips[:ASKED]:
        last = clip.record.frames - 1 - 2 * c.neighbour
        if last < 0:
            continue
        for first in np.unique(np.linspace(0, last, TIMES).astype(int)).tolist():
            numbers = [first + k * c.neighbour for k in range(3)]
            yield Shot(system.tensor(pictures(clip, numbers)), head_views(clip, numbers, c.size))


# --- depth ----------------------------------------------------------------------------------------------------------


@torch.no_grad()
def depth_correlation(system: DaGAN, clips: Sequence[Clip]) -> Measurement:
    """Mean over frames of Pearson's correlation between disparity and 1 / depth, on what is seen of face and ears."""
    found = []
    for shot in shots(system, clips):
        view = shot.views[1]
        guess = system.depth(shot.frames[1:2])[0][0, 0].numpy()[view.seen]
        found.append(correlation(guess, 1 / view.depth[view.seen]))
    return _measured("disparity correlation", found, "1", "frame")


Prior = Callable[[np.ndarray], np.ndarray]


def constant_prior(seen: np.ndarray) -> np.ndarray:
    """One depth for all pixels."""
    return np.zeros(int(seen.sum()))


def radial_prior(seen: np.ndarray) -> np.ndarray:
    """Squared distance from the middle of what is seen, each axis over its deviation: an ellipsoid's cap."""
    place = np.stack(np.nonzero(seen), 1).astype(float)
    return np.asarray((((place - place.mean(0)) / place.std(0)) ** 2).sum(1))


@torch.no_grad()
def _against(prior: Prior, system: DaGAN, clips: Sequence[Clip]) -> Measurement:
    own, rival = [], []
    for shot in shots(system, clips):
        view = shot.views[1]
        true = view.depth[view.seen].astype(float)
        guess = depth_of(system.depth(shot.frames[1:2])[0])[0, 0].numpy()[view.seen]
        own.append(aligned_error(guess, true))
        rival.append(aligned_error(prior(view.seen), true))
    said = {
        "ours": f"{np.mean(own):.5f}",
        "the prior's": f"{np.mean(rival):.5f}",
        "error": "absolute relative, aligned",
    }
    return _measured("depth error over the prior's", [_ratio(own, rival)], "ratio", "frame", len(own), said)


def aligned_error(guess: np.ndarray, true: np.ndarray) -> float:
    """Mean |g - z| / z after the scale and shift of least squares that lay the guess (N,) on the depth (N,)."""
    basis = np.stack([guess, np.ones_like(guess)], 1).astype(float)
    laid = basis @ np.linalg.lstsq(basis, true, rcond=None)[0]
    return float((np.abs(laid - true) / true).mean())


@torch.no_grad()
def synthesis(system: DaGAN, clips: Sequence[Clip]) -> Measurement:
    """L1 of the frame made from a neighbour over that of the neighbour, on the face where it truly moves."""
    own, still = [], []
    for shot in shots(system, clips):
        frame = shot.frames[1:2]
        depth = depth_of(system.depth(frame)[0])
        for number in (0, 2):
            way, seen = shot.views[1].flow_to(shot.views[number])
            moving = torch.from_numpy(seen & (np.linalg.norm(way, axis=-1) >= MOVING_PX))
            if moving.any():
                neighbour = shot.frames[number : number + 1]
                made = synthesised(neighbour, depth, *system.ego(frame, neighbour))
                own.append(float((made - frame)[0, :, moving].abs().mean()))
                still.append(float((neighbour - frame)[0, :, moving].abs().mean()))
    if not own:
        raise BadInput("nothing moves in the held-out clips", cure="measure on clips in which heads turn")
    said = {"moving": f"face pixels whose true motion is {MOVING_PX} px or more"}
    return _measured("L1 over the neighbour's", [_ratio(own, still)], "ratio", "pair", len(own), said)


# --- reenactment ----------------------------------------------------------------------------------------------------


def l1_over_copy(system: DaGAN, clips: Sequence[Clip]) -> Measurement:
    """Mean absolute error of frames made from the first one of their clip, over that of the first one."""
    pairs = list(_answers(system, clips))
    own, copy = (float(np.mean([image.l1(true, x[k]).mean() for true, *x in pairs])) for k in (0, 1))
    said = {"ours": f"{own:.5f}", "source": f"{copy:.5f}"}
    return _measured("L1 over the source's", [own / copy], "ratio", "clip", len(pairs), said)


def psnr_gain(system: DaGAN, clips: Sequence[Clip]) -> Measurement:
    """Mean PSNR over frames, answer less source; frames after the first sixth of a clip, in which little has moved."""
    pairs = list(_answers(system, clips))
    own, copy = (float(np.mean([image.psnr(true, x[k]).mean() for true, *x in pairs])) for k in (0, 1))
    return _measured(
        "PSNR gain", [own - copy], "dB", "clip", len(pairs), {"ours": f"{own:.2f}", "source": f"{copy:.2f}"}
    )


def _answers(system: DaGAN, clips: Sequence[Clip]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """True frames of a clip, what the system makes of its first one, and that one."""
    for clip in clips[:ASKED]:
        numbers = np.unique(np.linspace(clip.record.frames // 6, clip.record.frames - 1, 8).astype(int)).tolist()
        frames = square(pictures(clip, [0, *numbers]), system.config.size)
        made = system.generate(ReenactmentRequest(frames[:1], frames[1:])).frames
        yield frames[1:], made, np.repeat(frames[:1], len(numbers), 0)


@torch.no_grad()
def affine_error(system: DaGAN, clips: Sequence[Clip]) -> Measurement:
    """Mean absolute difference, in half pictures, between points and those of the turned picture turned back."""
    found = []
    for shot in shots(system, clips):
        count = len(shot.frames)
        turn = ThinPlate(torch.tensor(AFFINE).expand(count, -1, -1), torch.zeros(1, 2), torch.zeros(count, 1, 2))
        moved = turn.picture(shot.frames)
        there, here = (system.reenactor.points(x, system.depth(x)[0]).place for x in (moved, shot.frames))
        found.append(float((here - turn.coordinates(there)).abs().mean()))
    return _measured("error after an affine map", found, "half picture", "triplet")


def attention_weight(system: DaGAN, clips: Sequence[Clip]) -> Measurement:
    """|gamma| of the attention."""
    return _measured("attention weight", [abs(float(system.reenactor.attention.gamma.detach()))], "1", "model")


@torch.no_grad()
def flow_over_twin(system: DaGAN, clips: Sequence[Clip]) -> Measurement:
    """End point error of the flow from the outer frames of a triplet to each other, over that of the twin."""
    own: list[float] = []
    twins: list[float] = []
    for shot in shots(system, clips):
        depth = system.depth(shot.frames)[0]
        own += flow_errors(system.reenactor, shot, depth)
        twins += flow_errors(system.twin_reenactor, shot, depth)
    said = {"ours, px": f"{np.mean(own):.3f}", "twin's, px": f"{np.mean(twins):.3f}"}
    return _measured("flow error over the twin's", [_ratio(own, twins)], "ratio", "pair", len(own), said)


@torch.no_grad()
def flow_errors(reenactor: Reenactor | None, shot: Shot, depth: Tensor) -> list[float]:
    """Mean end point error in pixels on the face, of the flow between the outer frames, there and back, where they show
    the same; depth (3, 1, S, S) of the frames. Without a reenactor that of no motion at all."""
    found = []
    for source, driving in ((0, 2), (2, 0)):
        way, seen = shot.views[driving].flow_to(shot.views[source])
        if seen.any():
            guess = np.zeros_like(way) if reenactor is None else _flow(reenactor, shot.frames, depth, source, driving)
            found.append(float(np.linalg.norm(guess - way, axis=-1)[seen].mean()))
    return found


def _flow(reenactor: Reenactor, frames: Tensor, depth: Tensor, source: int, driving: int) -> np.ndarray:
    """(S, S, 2) pixels right and down from each pixel of the driving frame to its place in the source."""
    points = [reenactor.points(frames[k : k + 1], depth[k : k + 1]) for k in (source, driving)]
    flow = reenactor.motion(frames[source : source + 1], *points).flow
    size = frames.shape[-1]
    places = resized(flow.permute(0, 3, 1, 2), size, size)[0].permute(1, 2, 0)
    return ((places - grid(size, size, places)) * size / 2).numpy()


def _ratio(own: Sequence[float], rival: Sequence[float]) -> float:
    return float(np.mean(own) / np.mean(rival))


def _measured(
    name: str,
    found: Sequence[float],
    unit: str,
    item: str,
    items: int | None = None,
    said: dict[str, str] | None = None,
) -> Measurement:
    if not found:
        raise BadInput("no held-out clip is long enough for a triplet", cure="measure on longer clips")
    protocol = {"clips": f"the first {ASKED}", **(said or {})}
    count = len(found) if items is None else items
    return Measurement(name=name, value=float(np.mean(found)), unit=unit, items=count, item=item, protocol=protocol)
