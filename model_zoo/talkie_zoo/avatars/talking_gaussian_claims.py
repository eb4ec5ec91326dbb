"""What TalkingGaussian's card claims, as measurements on later takes of its person; twins that lack one idea each were
trained beside it, at equal steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.render import Camera
from talkie.shards.lazy import pictures, planes
from talkie.systems.measurement import Claim, Measurement, at_least, at_most, measured
from talkie.systems.tasks.avatars import request_of
from talkie.systems.tasks.checks import clip_audio
from talkie_zoo.avatars.talking_gaussian_losses import coverage
from talkie_zoo.avatars.talking_gaussian_networks import Shots, composed
from talkie_zoo.avatars.talking_gaussian_takes import FINER, MOUTH, Take, lip_points, take_of
from talkie_zoo.blocks.correlation import correlation
from talkie_zoo.blocks.gaussians import draw

if TYPE_CHECKING:
    from talkie_zoo.avatars.talking_gaussian import TalkingGaussian

NEAR_M = 0.006
"""How far from the lower lip's mean place a pixel shows it."""
SHELL = 0.95
"""Alpha of the face's shell from which a pixel counts as outside the hole of the mouth."""
WIDE = 0.9
"""Frames whose opening reaches this quantile of the held-out ones are wide open."""


def claims(system: TalkingGaussian) -> tuple[Claim, ...]:
    """The five points of the card; those about twins only where the preset trains them."""
    own = [
        at_least(1.5, "motion over rest", "in the lip box the PSNR is at least 1.5 dB above the unmoved set's",
                 partial(over_rest, system)),
        at_least(1.5, "motion over mean", "and at least 1.5 dB above that of the takes' own mean frame",
                 partial(over_mean, system)),
        at_least(0.6, "speech moves the lip", "the lower lip's Gaussians move as the true lip does, r at least 0.6",
                 partial(lip_correlation, system, False)),
        at_most(0.25, "other speech does not", "with another take's speech |r| is below 0.25",
                partial(lip_correlation, system, True)),
        at_most(0.0, "structure persists", "no condition changes an opacity or a colour by a single bit",
                partial(structure, system)),
        at_most(1e-3, "branches are apart", "another sound in the mouth's branch changes pixels of the shell by less "
                "than 1e-3", partial(leak, system)),
    ]  # fmt: skip
    if not system.config.ablations:
        return tuple(own)
    twins = [
        at_least(0.8, "sharpness", "the lip box holds at least 0.8 of the truth's gradient energy",
                 partial(energy, system, "model")),
        at_least(1e-3, "sharper than paint", "a twin that changes opacities and colours instead holds less",
                 partial(energy_gain, system)),
        at_least(0.1, "two branches", "a twin of one branch has at least 10 % more error on pixels of the inner mouth",
                 partial(excess_inside, system, "whole")),
        at_least(0.0, "incremental sampling", "a twin that draws its frames uniformly has more error on wide open lips",
                 partial(excess_wide, system, "uniform")),
    ]  # fmt: skip
    return (*own, *twins)


# --- motion ---------------------------------------------------------------------------------------------------------


def over_rest(system: TalkingGaussian, clips: Sequence[Clip]) -> Measurement:
    """PSNR in each frame's lip box, mean over frames, minus that of the canonical set in the same poses."""
    ours: list[float] = []
    rest: list[float] = []
    for clip, take, true in _seen(system, clips):
        shots = _shots(system, clip)
        ours += _lip_psnr(system.film(shots), true, take)
        rest += _lip_psnr(system.film(shots, still=True), true, take)
    said = {"ours": f"{np.mean(ours):.2f} dB", "at rest": f"{np.mean(rest):.2f} dB"}
    return measured("psnr over rest", np.mean(ours) - np.mean(rest), "dB", len(ours), "frame", clips, said)


def over_mean(system: TalkingGaussian, clips: Sequence[Clip]) -> Measurement:
    """The same against the mean frame of the held-out takes themselves, which knows more than that of training."""
    size = system.config.size
    mean = np.mean([pictures(c, range(c.record.frames), size).mean(0) for c in clips], 0)
    ours: list[float] = []
    rival: list[float] = []
    for clip, take, true in _seen(system, clips):
        ours += _lip_psnr(system.film(_shots(system, clip)), true, take)
        rival += _lip_psnr(np.broadcast_to(mean.round().astype(np.uint8), true.shape), true, take)
    said = {"ours": f"{np.mean(ours):.2f} dB", "mean frame": f"{np.mean(rival):.2f} dB"}
    return measured("psnr over mean frame", np.mean(ours) - np.mean(rival), "dB", len(ours), "frame", clips, said)


@torch.no_grad()
def lip_correlation(system: TalkingGaussian, shuffled: bool, clips: Sequence[Clip]) -> Measurement:
    """Pearson's r over all frames between the mean upright shift of the Gaussians that show the lower lip, weighed by
    their share in its pixels, and the true lower lip's height in the skull's frame; `shuffled`: with the next take's
    speech, and without its sign."""
    # One camera tells the shares: the first clip's by its name, so that the order of clips changes nothing.
    weight = shares(system, _shots(system, min(clips, key=lambda clip: clip.id)).camera.at(0))
    moved, true = [], []
    for clip, donor in zip(clips, [*clips[1:], clips[0]], strict=True):
        shots = _shots(system, clip, clip_audio(donor) if shuffled else None)
        shifts = system.face.deltas(shots).changes["shift"][..., 1]
        moved += (shifts @ weight / weight.sum().clamp_min(1e-9)).tolist()
        true += lip_points(system.head, clip.fields["head.npz"])[:, 1, 1].tolist()
    r = correlation(np.asarray(moved), np.asarray(true))
    said = {"gaussians": str(int((weight > 0).sum())), "speech": "the next take's" if shuffled else "own"}
    return measured("lip correlation", abs(r) if shuffled else r, "r", len(true), "frame", clips, said)


def shares(system: TalkingGaussian, camera: Camera) -> torch.Tensor:
    """(N,) what each Gaussian of the face at rest gives to the pixels about the lower lip's mean place: the gradient
    of those pixels by a channel of the Gaussian's own, so that what lies hidden has no share."""
    points = system.face.points
    place = camera.R @ torch.tensor(system.known["lower_lip"]) + camera.t
    centre, pixel_m = (camera.K @ place)[:2] / place[2], float(place[2] / camera.K[0, 0])
    at = torch.arange(camera.width) + 0.5
    lip = ((at[None] - centre[0]) ** 2 + (at[:, None] - centre[1]) ** 2).sqrt() * pixel_m <= NEAR_M
    with torch.enable_grad():
        channel = torch.zeros(len(points), 1, requires_grad=True)
        seen = draw(points.moved(), camera, channel).colour[..., 3][lip].sum()
        return torch.autograd.grad(seen, channel)[0][:, 0]


# --- structure ------------------------------------------------------------------------------------------------------


@torch.no_grad()
def structure(system: TalkingGaussian, clips: Sequence[Clip]) -> Measurement:
    """Largest change of an opacity or of a colour's coefficient in either branch, over all frames of the takes."""
    worst, frames = 0.0, 0
    for clip in clips:
        shots = _shots(system, clip)
        frames += len(shots)
        for branch in (system.face, system.mouth):
            rest, moved = branch.points.moved(), branch.points.moved(**branch.deltas(shots).changes)
            for one, two in ((rest.opacities, moved.opacities), (rest.harmonics, moved.harmonics)):
                worst = max(worst, float((one - two).abs().max()))
    return measured("largest change", worst, "1", frames, "frame", clips)


def energy(system: TalkingGaussian, role: str, clips: Sequence[Clip]) -> Measurement:
    """Sum of squared differences of neighbouring pixels in the lip boxes, over that of the true pictures."""
    given, wanted, frames = 0.0, 0.0, 0
    for clip, take, true in _seen(system, clips):
        made = system.film(_shots(system, clip), role)
        for number in range(len(true)):
            given += _energy(_lips(made[number], take, number))
            wanted += _energy(_lips(true[number], take, number))
            frames += 1
    return measured("gradient energy", given / max(1e-9, wanted), "ratio", frames, "frame", clips, {"of": role})


def energy_gain(system: TalkingGaussian, clips: Sequence[Clip]) -> Measurement:
    """The model's gradient energy minus that of the twin which paints."""
    ours, twin = (energy(system, role, clips) for role in ("model", "paint"))
    said = {"ours": f"{ours.value:.3f}", "paint": f"{twin.value:.3f}"}
    return measured("gradient energy gained", ours.value - twin.value, "ratio", ours.items, "frame", clips, said)


# --- branches and sampling ------------------------------------------------------------------------------------------


@torch.no_grad()
def leak(system: TalkingGaussian, clips: Sequence[Clip]) -> Measurement:
    """Mean change in [0, 1] of the pixels where the face's alpha exceeds 0.95, when the mouth's branch hears the next
    take's speech and the face's its own."""
    changed, count, whole = 0.0, 0, 0.0
    for clip, donor in zip(clips, [*clips[1:], clips[0]], strict=True):
        own, other = _shots(system, clip), _shots(system, clip, clip_audio(donor))
        face = system.face.layer(own)
        one, two = (composed(face, system.mouth.layer(heard), system.plate) for heard in (own, other))
        gap, shell = (one - two).abs().mean(-1), face.alpha > SHELL
        changed, count = changed + float(gap[shell].sum()), count + int(shell.sum())
        whole = max(whole, float(gap.max()))
    said = {"largest change anywhere": f"{whole:.4f}"}
    return measured("change of the shell", changed / max(1, count), "1", count, "pixel", clips, said)


def excess_inside(system: TalkingGaussian, role: str, clips: Sequence[Clip]) -> Measurement:
    """Mean absolute error of a twin over the model's, minus 1, on pixels of the inner mouth, over all frames: those of
    which every finer one is, since where some are lip it is the lip's edge that is measured. Said beside it: the same
    with every pixel, as far as the mouth covers it."""
    off, area = {"model": np.zeros(2), role: np.zeros(2)}, np.zeros(2)
    for clip, _, true in _seen(system, clips):
        shots, cover = _shots(system, clip), _inner(clip, system.config.size)
        weights = np.stack([cover == 1, cover])
        area += weights.sum((1, 2, 3))
        for who in off:
            off[who] += (weights * _off(system.film(shots, who), true)).sum((1, 2, 3))
    if not area[0]:
        raise BadInput("no frame shows the inside of a mouth", cure="hold out takes that speak")
    means = {who: float(total[0] / area[0]) for who, total in off.items()}
    mixed = {"with pixels in part lip": f"{off[role][1] / off['model'][1] - 1:.3f}"}
    return _over(means, role, int(area[0]), "pixel", clips, mixed)


def excess_wide(system: TalkingGaussian, role: str, clips: Sequence[Clip]) -> Measurement:
    """Mean absolute error of a twin over the model's, minus 1, on the lip boxes of the widest open tenth of the
    frames."""
    quantile = np.quantile(np.concatenate([take.opening for _, take, _ in _seen(system, clips)]), WIDE)
    off: dict[str, list[float]] = {"model": [], role: []}
    for clip, take, true in _seen(system, clips):
        shots = _shots(system, clip)
        for number in np.flatnonzero(take.opening >= quantile):
            for who, kept in off.items():
                gap = _off(system.film(shots.at(slice(number, number + 1)), who)[0], true[number])
                kept.append(float(_lips(gap, take, number).mean()))
    return _over({who: float(np.mean(kept)) for who, kept in off.items()}, role, len(off[role]), "frame", clips)


def _over(
    off: dict[str, float], role: str, items: int, item: str, clips: Sequence[Clip], also: dict[str, str] | None = None
) -> Measurement:
    said = {"ours" if who == "model" else who: f"{value:.2f} of 255" for who, value in off.items()} | (also or {})
    more = off[role] / off["model"] - 1
    return measured("error over the model's", more, "share", items, item, clips, said)


# --- parts ----------------------------------------------------------------------------------------------------------


def _seen(system: TalkingGaussian, clips: Sequence[Clip]) -> Iterator[tuple[Clip, Take, np.ndarray]]:
    """Clips with their takes and true pictures (T, S, S, 3) uint8 at the trained size."""
    size = system.config.size
    for clip in clips:
        yield clip, take_of(clip, system.head, size), pictures(clip, range(clip.record.frames), size)


def _shots(system: TalkingGaussian, clip: Clip, audio: np.ndarray | None = None) -> Shots:
    request = request_of(clip)
    if audio is not None:
        assert request.audio is not None
        request = replace(request, audio=np.resize(audio, len(request.audio)))
    return system.shots(request)


def _lips(frame: np.ndarray, take: Take, number: int) -> np.ndarray:
    left, top, right, bottom = take.lips[number].tolist()
    return frame[top:bottom, left:right]


def _lip_psnr(made: np.ndarray, true: np.ndarray, take: Take) -> list[float]:
    found = []
    for number in range(len(true)):
        gap = _lips(made[number].astype(float) - true[number], take, number)
        found.append(float(10 * np.log10(255**2 / max(1e-6, np.square(gap).mean()))))
    return found


def _energy(frame: np.ndarray) -> float:
    values = frame.astype(float)
    return float(sum(np.square(np.diff(values, axis=a)).sum() for a in (0, 1)))


def _off(made: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Absolute error of each pixel, mean over its colours: (..., S, S, 3) uint8 -> (..., S, S)."""
    gap: np.ndarray = np.abs(made.astype(float) - true).mean(-1)
    return gap


def _inner(clip: Clip, size: int) -> np.ndarray:
    """(T, S, S) in [0, 1]: how much of each pixel is inner mouth."""
    masks = torch.from_numpy(np.stack(planes(clip, range(clip.record.frames), FINER * size)))
    return coverage(masks, MOUTH, size).numpy()
