"""How Hallo answers: a portrait and sound become a film, clip after clip, each begun by the last frames of the one
before it. Training is in hallo.py."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from talkie.clip import FPS, SAMPLES_PER_FRAME
from talkie.errors import BadInput
from talkie.faces import FaceTracker
from talkie.systems.tasks.speech_to_video import SpeechToVideoRequest
from talkie.systems.tasks.video import VideoResult
from talkie_zoo.blocks.ddim import ddim, guided
from talkie_zoo.blocks.masked_audio_attention import REGIONS
from talkie_zoo.blocks.temporal import crossfaded
from talkie_zoo.blocks.unet import Conditions
from talkie_zoo.speech_to_video.hallo_examples import encoded
from talkie_zoo.speech_to_video.hallo_masks import WHOLE, boxes, cut, hard_mask, paste, soft_masks, square
from talkie_zoo.speech_to_video.hallo_networks import inputs_of

if TYPE_CHECKING:
    from talkie_zoo.speech_to_video.hallo import Hallo

CONTROLS = tuple(f"{region}_weight" for region in REGIONS)
MOST = 10.0
"""The largest weight of a region that is taken for one."""
WINDOW, OVERLAP = 1500, 100
"""Frames of sound that are heard at once, and what two such stretches share."""


@dataclass(frozen=True)
class Setting:
    """What stays the same through a film, for one sample: `latent` (1, C, s, s) of the portrait, face (1, E), locate
    (1, 1, S, S), masks (1, 3, 64, 64), where the square lies in the picture (None: the whole picture is it)."""

    latent: Tensor
    face: Tensor
    locate: Tensor
    masks: Tensor
    box: np.ndarray


@torch.no_grad()
def film(system: Hallo, request: SpeechToVideoRequest) -> VideoResult:
    """As many frames as the sound has: whole clips are made, and the last one is cut. The portrait outside the face's
    square stands still."""
    weights = weights_of(request.controls)
    where = setting(system, request.portrait)
    stacked = listened(system, request.audio, request.frames)
    latents = sampled(system, where, stacked, request.frames, weights, request.seed)
    squares = decoded(system, latents)
    return VideoResult(FPS, paste(np.asarray(request.portrait), squares, where.box))


def weights_of(controls: Mapping[str, Any]) -> tuple[float, float, float]:
    """Weights of pose, face and lip, 1 where none is given. Raises BadInput for other controls, and for what is no
    number from 0 to MOST."""
    unknown = sorted(set(controls) - set(CONTROLS))
    if unknown:
        raise BadInput(f"no control {unknown[0]!r}", where="controls", cure=f"there are {', '.join(CONTROLS)}")
    found = []
    for name in CONTROLS:
        value = controls.get(name, 1.0)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 <= value <= MOST:
            raise BadInput(f"{value!r} is no weight", where=name, cure=f"give a number from 0 to {MOST:g}")
        found.append(float(value))
    return found[0], found[1], found[2]


@torch.no_grad()
def setting(system: Hallo, portrait: np.ndarray) -> Setting:
    """The largest face of a portrait decides the square and the masks; a portrait without one is taken whole, with a
    mask that is everywhere and an embedding of zeros, as the published code does."""
    c = system.config
    portrait = np.ascontiguousarray(portrait)
    with FaceTracker() as tracker:
        points = tracker.track(portrait)
    if points is None:
        height, width = portrait.shape[:2]
        side = float(min(height, width))
        box = np.array([(width - side) / 2, (height - side) / 2, side])
        found, face = WHOLE, torch.zeros(c.identity_width)
    else:
        box = square(points, c.face_share)
        inside = (points[None, :, :2] - box[:2]) * (c.size / box[2])
        found = boxes(inside, c.size, grown=True)
        face = system.embedded(cut(portrait[None], box, c.size)[0], portrait, points)
    latent = encoded(system, cut(portrait[None], box, c.size))
    locate = torch.from_numpy(hard_mask(found[0], c.size))[None, None]
    return Setting(latent, face[None], locate, torch.from_numpy(soft_masks(found))[None], box)


@torch.no_grad()
def listened(system: Hallo, audio: np.ndarray, frames: int) -> Tensor:
    """Hidden states (T, L, C) of sound (N,) over `frames`, in stretches that bound the memory."""
    audio = np.asarray(audio, np.float32)
    shape: list[int] = []

    def piece(start: int, end: int) -> Tensor:
        part = audio[start * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME]
        states = system.hearing.stacked(inputs_of(system.hearing, part, end - start), end - start)
        shape[:] = states.shape[1:]
        return states.flatten(1)

    return crossfaded(frames, WINDOW, OVERLAP, piece).unflatten(1, shape)


@torch.no_grad()
def sampled(
    system: Hallo, where: Setting, stacked: Tensor, frames: int, weights: tuple[float, float, float], seed: int
) -> Tensor:
    """Latents (T, C, s, s) of a film, clip after clip; what is drawn follows from `seed`."""
    c = system.config
    generator = torch.Generator().manual_seed(seed)
    before = where.latent[None].expand(1, c.motion_frames, -1, -1, -1)
    made = []
    for clip in range(math.ceil(frames / c.frames)):
        heard = system.audio_projection.windows(stacked, range(clip * c.frames, (clip + 1) * c.frames))[None]
        noise = c.temperature * torch.randn(1, c.frames, *where.latent.shape[1:], generator=generator)
        made.append(one_clip(system, where, before, heard, weights, noise))
        before = made[-1][:, -c.motion_frames :]
    return torch.cat(made, 1)[0, :frames]


def one_clip(
    system: Hallo,
    where: Setting,
    before: Tensor,
    heard: Tensor,
    weights: tuple[float, float, float],
    noise: Tensor,
) -> Tensor:
    """Latents (1, F, C, s, s) of one pass from noise of that shape, behind the frames before (1, M, C, s, s)."""
    c = system.config
    guides = c.guidance != 1
    conditions = both_branches(system, where, before, heard, weights) if guides else system.conditions(
        where.face, where.latent, where.locate, where.masks, before, heard, weights=weights
    )  # fmt: skip

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        flat = x.flatten(0, 1)
        if not guides:
            return system.denoiser(flat, t, conditions)[0].view_as(x)
        answer = system.denoiser(torch.cat([flat, flat]), torch.cat([t, t]), conditions)[0]
        asked, plain = answer.chunk(2)
        return guided(asked, plain, c.guidance).view_as(x)

    return system.uncoded(ddim(system.schedule, denoise, noise, c.sampling_steps), where.latent, before)


def both_branches(
    system: Hallo, where: Setting, before: Tensor, heard: Tensor, weights: tuple[float, float, float]
) -> Conditions:
    """The conditions of two samples: as asked, and with an embedding, sound and location of zeros and a blind eye for
    the bank. Both know the frames before: those are no wish but what has happened."""
    blind = torch.tensor([False, True])
    twice = [torch.cat([x, x]) for x in (where.face, where.latent, where.locate, where.masks, before, heard)]
    return system.conditions(*twice, blind=blind, unheard=blind, weights=weights)


@torch.no_grad()
def decoded(system: Hallo, latents: Tensor) -> np.ndarray:
    """Squares (T, S, S, 3) uint8 of latents (T, C, s, s), frame by frame."""
    parts = [system.autoencoder.decode(latents[i : i + 8]) for i in range(0, len(latents), 8)]
    return ((torch.cat(parts) + 1) * 127.5).round().permute(0, 2, 3, 1).to(torch.uint8).numpy()
