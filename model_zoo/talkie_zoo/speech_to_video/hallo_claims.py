"""What Hallo's card claims, as measurements on held-out clips: an undisturbed start, speech on the lips alone, regions
with a sound of their own, and lips that follow. The probe that reads mouths was trained apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from talkie.clip import Clip
from talkie.faces.lips import aperture
from talkie.systems.measurement import Claim, Measurement
from talkie.systems.tasks.checks import clip_audio
from talkie_zoo.blocks.correlation import correlation
from talkie_zoo.blocks.unet import Conditions
from talkie_zoo.speech_to_video.hallo_examples import film_example, pixels, seen
from talkie_zoo.speech_to_video.hallo_masks import boxes, hard_mask
from talkie_zoo.speech_to_video.hallo_networks import inputs_of
from talkie_zoo.speech_to_video.hallo_sampling import Setting, decoded, sampled

if TYPE_CHECKING:
    from talkie_zoo.speech_to_video.hallo import Hallo

ASKED = 32
"""Held-out clips that are looked at: the first by id. Of one model the lips' ratio was 0.81 on 12, 0.90 on 32 and 0.87
on 64 clips."""
AT = 600 / 1000
"""Share of the noise process at which predictions are compared."""
SAMPLED = 16
"""Frames that are sampled of a clip, from its first third on."""
ONES = (1.0, 1.0, 1.0)


def claims(system: Hallo) -> tuple[Claim, ...]:
    """The four points of the card; those that need the probe only where the preset trains it."""
    held = Held(system)
    found = (
        Claim(
            name="silent start",
            statement="before its training the video stage answers the same whatever it hears",
            measure=partial(at_the_start, held, True),
            ceiling=1e-6,
        ),
        Claim(
            name="undisturbed start",
            statement="before its training the video stage answers as the image stage does",
            measure=partial(at_the_start, held, False),
            ceiling=1e-6,
        ),
        Claim(
            name="speech on the lips",
            statement="at t = 600 the error inside the lips' box with the right speech is below 0.85 of that with "
            "another clip's",
            measure=partial(heard_error, held, "lip"),
            ceiling=0.85,
        ),
        Claim(
            name="speech nowhere else",
            statement="at t = 600 the error outside the face's box with the right speech is within 2 % of that with "
            "another clip's",
            measure=partial(heard_error, held, "outside"),
            floor=0.98,
            ceiling=1.02,
        ),
        Claim(
            name="lip weight",
            statement="without the lips' sound the prediction changes at least three times as much at the lips as "
            "outside the face",
            measure=partial(weight_effect, held, "lip"),
            floor=3.0,
        ),
        Claim(
            name="pose weight",
            statement="without the pose's sound the prediction changes at least three times as much outside the face "
            "as at the lips",
            measure=partial(weight_effect, held, "pose"),
            floor=3.0,
        ),
    )
    return (*found, *(_seen_on_mouths(held) if system.config.probe else ()))


def _seen_on_mouths(held: Held) -> tuple[Claim, ...]:
    return (
        Claim(
            name="probe",
            statement="the probe's openings of true frames correlate above 0.8 with the true ones",
            measure=partial(probe_reads, held.system),
            floor=0.8,
        ),
        Claim(
            name="lips follow",
            statement="the openings of sampled mouths correlate above 0.5 with the true ones",
            measure=partial(sampled_openings, held, False),
            floor=0.5,
        ),
        Claim(
            name="lips follow nothing else",
            statement="under another clip's speech that correlation is below 0.2",
            measure=partial(sampled_openings, held, True),
            ceiling=0.2,
        ),
    )


@dataclass(frozen=True)
class Take:
    """A held-out clip: latents (T, C, s, s), the states of its sound (T, L, C), what stays the same, its true
    openings (T,), and where lips and the outside of the face are in its latents (s, s)."""

    latents: Tensor
    stacked: Tensor
    where: Setting
    aperture: np.ndarray
    places: dict[str, Tensor]


@torch.no_grad()
def takes(system: Hallo, clips: Sequence[Clip]) -> list[Take]:
    """The first clips by id that are long enough."""
    c = system.eval().config
    found: list[Take] = []
    for clip in sorted(clips, key=lambda clip: clip.id):
        if clip.record.frames < 2 * SAMPLED + c.motion_frames or len(found) == ASKED:
            continue
        example = film_example(system, clip, range(clip.record.frames))
        view = seen(clip, c.size, c.face_share, c.steady)
        face, lip = boxes(view.points, c.size, grown=False)
        frames = len(view.squares)
        sound = inputs_of(system.hearing, clip_audio(clip), frames)
        where = Setting(
            example["latents"][:1], example["face"][None], example["locate"][None], example["masks"][None], view.box
        )
        side = c.latent_side
        places = {
            "lip": torch.from_numpy(hard_mask(lip, side)),
            "outside": 1 - torch.from_numpy(hard_mask(face, side)),
        }
        found.append(
            Take(example["latents"], system.hearing.stacked(sound, frames), where, aperture(view.points), places)
        )
    return found


class Held:
    """A trained system and the takes of the clips that it was last asked about, which its claims share."""

    def __init__(self, system: Hallo):
        self.system = system
        self._takes: tuple[list[str], list[Take]] = [], []

    def takes(self, clips: Sequence[Clip]) -> list[Take]:
        asked = [clip.id for clip in clips]
        if asked != self._takes[0]:
            self._takes = asked, takes(self.system, clips)
        self.system.eval()
        return self._takes[1]


# --- before the video stage -------------------------------------------------------------------------------------------


@torch.no_grad()
def at_the_start(held: Held, swapped: bool, clips: Sequence[Clip]) -> Measurement:
    """Largest difference of the answers that a video stage without training gives under two sounds (`swapped`), or with
    its slots and without."""
    system, torch_state = held.system, torch.random.get_rng_state()
    torch.manual_seed(0)
    fresh = type(system)(system.config)
    fresh.restore(system.constants)
    torch.random.set_rng_state(torch_state)
    ours = {n: t for n, t in system.state_dict().items() if not n.startswith((*system.slots(), "audio_projection."))}
    fresh.load_state_dict(ours, strict=False)
    fresh.eval()
    worst, all_takes = 0.0, held.takes(clips)
    for number, take in enumerate(all_takes):
        noisy, t, conditions = _moment(fresh, take, take.stacked)
        answer = fresh.denoiser(noisy, t, conditions(ONES))[0]
        if swapped:
            _, _, other = _moment(fresh, take, all_takes[number - 1].stacked)
            second = fresh.denoiser(noisy, t, other(ONES))[0]
        else:
            # The same bank: read again in a batch of another size its last bits would differ.
            image = replace(conditions(ONES), before=None, sound=None, masks=None, moving=False)
            second = fresh.denoiser(noisy, t, image)[0]
        worst = max(worst, float((answer - second).abs().max()))
    return _measurement("largest difference", worst, "v", len(all_takes), "clip")


# --- predictions ------------------------------------------------------------------------------------------------------


@torch.no_grad()
def heard_error(held: Held, place: str, clips: Sequence[Clip]) -> Measurement:
    """Squared error of the predicted x_0 within `place` with the right speech over that with the clip's before it.

    What speech can win at the lips at t = 600 is measured by tests/bench/bench_hallo.py, by least squares within each
    of 32 clips of strangers on latents of `tiny`, in squares of `spread`: where eyes and nose are known, openings and
    widths of mouths explain 0.063 of the difference to the portrait, and without speech the denoiser leaves 0.37, so no
    ratio is below (0.37 - 0.063) / (0.37 + 0.063) = 0.71; its hearing tells 0.61 of openings, which makes 0.81. In
    squares that stand still while heads travel, both are 0.026 and 0.46, and 0.9 is the least.
    """
    right, wrong, system, all_takes = 0.0, 0.0, held.system, held.takes(clips)
    for number, take in enumerate(all_takes):
        right += error_at(system, take, take.stacked, place)
        wrong += error_at(system, take, all_takes[number - 1].stacked, place)
    return _measurement("error over that with other speech", right / max(wrong, 1e-12), "ratio", len(all_takes), "clip")


@torch.no_grad()
def error_at(system: Hallo, take: Take, stacked: Tensor, place: str, *, unheard: bool = False) -> float:
    """Squared error of the predicted x_0 of the window, mean over frames and channels, summed over the cells of
    `place`; `unheard`: as where speech was dropped in training."""
    noisy, t, conditions = _moment(system, take, stacked, unheard)
    answer = system.denoiser(noisy, t, conditions(ONES))[0]
    clean = system.schedule.understood(answer, noisy, t.expand(len(noisy)))[0]
    true = _clean(system, take)[0]
    return float(((clean - true).square().mean((0, 1)) * take.places[place]).sum())


@torch.no_grad()
def weight_effect(held: Held, region: str, clips: Sequence[Clip]) -> Measurement:
    """Mean |change of v| where the region is over that where it is not (lips, and outside the face) when its weight is
    0."""
    weights = (1.0, 1.0, 0.0) if region == "lip" else (0.0, 1.0, 1.0)
    means = {"lip": 0.0, "outside": 0.0}
    system, all_takes = held.system, held.takes(clips)
    for take in all_takes:
        noisy, t, conditions = _moment(system, take, take.stacked)
        answers = [system.denoiser(noisy, t, conditions(w))[0] for w in (ONES, weights)]
        change = (answers[0] - answers[1]).abs().mean((0, 1))
        for place in means:
            means[place] += float((change * take.places[place]).sum() / take.places[place].sum().clamp_min(1))
    own, other = ("lip", "outside") if region == "lip" else ("outside", "lip")
    return _measurement(
        "change within over without", means[own] / max(means[other], 1e-12), "ratio", len(all_takes), "clip"
    )


def _window(system: Hallo, take: Take) -> slice:
    """Frames in the middle of a clip."""
    start = len(take.latents) // 2
    return slice(start, start + system.config.frames)


def _clean(system: Hallo, take: Take) -> tuple[Tensor, Tensor]:
    """What is under the noise of the window (F, C, s, s), and the frames before it (1, M, C, s, s)."""
    window = _window(system, take)
    before = take.latents[window.start - system.config.motion_frames : window.start][None]
    return system.coded(take.latents[window][None], take.where.latent, before)[0], before


def _moment(
    system: Hallo, take: Take, stacked: Tensor, unheard: bool = False
) -> tuple[Tensor, Tensor, Callable[[tuple[float, float, float]], Conditions]]:
    """Noisy latents (F, C, s, s) of the window at AT, the step (1,), and conditions under given weights."""
    clean, before = _clean(system, take)
    window = _window(system, take)
    t = torch.tensor([round(AT * system.schedule.steps)])
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    noisy = system.schedule.noised(clean, noise, t.expand(len(clean)))
    heard = system.audio_projection.windows(stacked, range(window.start, window.stop))[None]
    where = take.where

    def conditions(weights: tuple[float, float, float]) -> Conditions:
        known = (where.face, where.latent, where.locate, where.masks, before, heard)
        return system.conditions(*known, unheard=torch.tensor([unheard]), weights=weights)

    return noisy, t, conditions


# --- samples ----------------------------------------------------------------------------------------------------------


@torch.no_grad()
def probe_reads(system: Hallo, clips: Sequence[Clip]) -> Measurement:
    """Mean over clips of the correlation between the probe's and the true openings of true frames."""
    c = system.eval().config
    found = []
    for clip in sorted(clips, key=lambda clip: clip.id)[:ASKED]:
        view = seen(clip, c.size, c.face_share, c.steady)
        found.append(correlation(system.probe(pixels(view.squares)).numpy(), aperture(view.points)))
    return _measurement("correlation", float(np.mean(found)), "1", len(found), "clip")


@torch.no_grad()
def sampled_openings(held: Held, shuffled: bool, clips: Sequence[Clip]) -> Measurement:
    """Mean over clips of the correlation between the openings that the probe reads off SAMPLED sampled frames and the
    true ones; the portrait is the frame before them. `shuffled`: under the speech of the clip before it."""
    found: list[float] = []
    system, all_takes = held.system, held.takes(clips)
    for number, take in enumerate(all_takes):
        heard = all_takes[number - 1] if shuffled else take
        start = min(len(take.latents) // 3, len(heard.stacked) - SAMPLED)
        where = Setting(take.latents[start : start + 1], *_rest(take.where))
        latents = sampled(system, where, heard.stacked[start : start + SAMPLED], SAMPLED, ONES, seed=0)
        opened = system.probe(pixels(decoded(system, latents))).numpy()
        found.append(correlation(opened, take.aperture[start : start + SAMPLED]))
    return _measurement("correlation", float(np.mean(found)), "1", len(found), "clip")


def _rest(where: Setting) -> tuple[Any, ...]:
    return where.face, where.locate, where.masks, where.box


def _measurement(name: str, value: float, unit: str, items: int, item: str) -> Measurement:
    protocol = {"clips": f"the first {ASKED} held-out ones by id", "noise": "seed 0"}
    return Measurement(name=name, value=value, unit=unit, items=items, item=item, protocol=protocol)
