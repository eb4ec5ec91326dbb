"""A clip as Hallo is trained on it: squares around the face, their latents, masks, sound and labels; and batches of
single pictures, of pairs, and of windows. Losses are in hallo.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.faces.lips import aperture
from talkie.systems.contract import Batch, Example
from talkie.systems.tasks.checks import clip_audio, clip_pictures
from talkie_zoo.blocks.batches import pad
from talkie_zoo.blocks.face_track import following
from talkie_zoo.blocks.visemes import viseme_labels
from talkie_zoo.speech_to_video.hallo_masks import boxes, cut, hard_mask, soft_masks, square
from talkie_zoo.speech_to_video.hallo_networks import MelHearing, inputs_of

if TYPE_CHECKING:
    from talkie_zoo.speech_to_video.hallo import Hallo

ENCODED = 16
"""Pictures that the autoencoder takes at once."""


@dataclass(frozen=True)
class Seen:
    """Squares (T, S, S, 3) uint8 around the first frame's face, landmarks (T, 478, 2) in their pixels, the first box
    (3,) in the clip's pixels, and the first frame as it was, (H, W, 3)."""

    squares: np.ndarray
    points: np.ndarray
    box: np.ndarray
    first: np.ndarray


def seen(clip: Clip, size: int, share: float, steady: bool = False) -> Seen:
    """What Hallo looks at of a clip: one square for all frames, or (`steady`) one that goes with the head. Raises
    BadInput for a clip whose landmarks are not finite."""
    frames, points = clip_pictures(clip), np.asarray(clip.fields["landmarks.npy"], np.float64)[..., :2]
    if not np.isfinite(points).all():
        raise BadInput(f"clip {clip.id} has frames without landmarks", cure="leave it out, or curate it with a face")
    box = square(points[0], share)
    where = following(box, points) if steady else np.broadcast_to(box, (len(points), 3))
    return Seen(cut(frames, where, size), (points - where[:, None, :2]) * (size / box[2]), box, frames[0])


def pixels(squares: np.ndarray) -> Tensor:
    """(N, S, S, 3) uint8 -> (N, 3, S, S) float32 in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(squares.transpose(0, 3, 1, 2))).float() / 127.5 - 1


@torch.no_grad()
def encoded(system: Hallo, squares: np.ndarray) -> Tensor:
    """Latents (T, C, s, s) of squares (T, S, S, 3)."""
    parts = [system.autoencoder.encode(pixels(squares[i : i + ENCODED])) for i in range(0, len(squares), ENCODED)]
    return torch.cat(parts)


def part_example(system: Hallo, clip: Clip) -> Example:
    """For the networks that stand in for pretrained ones: squares (T, S, S, 3) uint8, aperture (T,), visemes (T,),
    sound, and the person's number or -1."""
    c = system.config
    view = seen(clip, c.size, c.face_share, c.steady)
    frames = len(view.squares)
    known = clip.record.identity in system.identities
    return {
        "id": clip.id,
        "squares": view.squares,
        "aperture": torch.from_numpy(aperture(view.points)),
        "visemes": viseme_labels(clip.fields["phones.json"], frames),
        "sound": inputs_of(system.hearing, clip_audio(clip), frames),
        "person": system.identities.index(clip.record.identity) if known else -1,
    }


@torch.no_grad()
def film_example(system: Hallo, clip: Clip, stretch: range) -> Example:
    """For the U-Nets: latents (N, C, s, s) of a stretch of frames and its `first`; the face's embedding (E,), its hard
    mask (1, S, S), soft masks (3, 64, 64); and the whole clip's sound: as the hearing reads it where it is to be
    revoiced, else its hidden states (T, L, C)."""
    c = system.config
    view = seen(clip, c.size, c.face_share, c.steady)
    frames = len(view.squares)
    found = boxes(view.points, c.size, grown=False)
    sound = inputs_of(system.hearing, clip_audio(clip), frames)
    return {
        "id": clip.id,
        "latents": encoded(system, view.squares[stretch.start : stretch.stop]),
        "first": stretch.start,
        "length": frames,
        "face": system.embedded(view.squares[0], view.first, np.asarray(clip.fields["landmarks.npy"][0])),
        "locate": torch.from_numpy(hard_mask(found[0], c.size))[None],
        "masks": torch.from_numpy(soft_masks(found)),
        "sound": sound if c.warp else system.hearing.stacked(sound, frames),
    }


def stretch_of(system: Hallo, clip: Clip, rng: np.random.Generator) -> range:
    """The frames of a clip that are encoded for training."""
    frames = clip.record.frames
    length = min(frames, system.config.encoded or frames)
    first = int(rng.integers(0, frames - length + 1))
    return range(first, first + length)


def part_batch(system: Hallo, examples: Sequence[Example]) -> Batch:
    """pictures (N, 3, S, S) with their openings and people (N,); windows of sound with visemes."""
    c = system.config
    pictures, openings, people, sounds, visemes = [], [], [], [], []
    rows = system.hearing.rows_per_frame
    for example in examples:
        count = len(example["squares"])
        picked = torch.randint(count, (c.pictures,)).tolist()
        pictures.append(pixels(example["squares"][picked]))
        openings.append(example["aperture"][picked])
        people.append(torch.full((c.pictures,), example["person"]))
        start = int(torch.randint(max(0, count - c.part_window) + 1, ()))
        sound = example["sound"][start * rows : (start + c.part_window) * rows]
        if c.warp and isinstance(system.hearing, MelHearing):
            sound = system.hearing.revoiced(sound, c.warp)
        sounds.append(sound)
        visemes.append(example["visemes"][start : start + c.part_window])
    sound, samples = pad(sounds)
    labels, frames = pad(visemes)
    return {
        "ids": [e["id"] for e in examples],
        "pictures": torch.cat(pictures),
        "aperture": torch.cat(openings),
        "people": torch.cat(people),
        "sound": sound,
        "samples": samples,
        "visemes": labels,
        "frames": frames,
    }


def pair_batch(system: Hallo, examples: Sequence[Example]) -> Batch:
    """A picture of each clip and a reference as far away as was asked, or as the clip allows: latents and portrait
    (B, C, s, s)."""
    targets, references = [], []
    for example in examples:
        latents = example["latents"]
        apart = min(system.config.apart, len(latents) // 2)
        now = int(torch.randint(len(latents), ()))
        far = [i for i in range(len(latents)) if abs(i - now) >= apart]
        targets.append(latents[now])
        references.append(latents[far[int(torch.randint(len(far), ()))]])
    return {**_shared(examples), "latents": torch.stack(targets), "portrait": torch.stack(references)}


@torch.no_grad()
def window_batch(system: Hallo, examples: Sequence[Example]) -> Batch:
    """A window of each clip: latents (B, F, C, s, s), the portrait, the frames before (B, M, C, s, s) and the hidden
    states around each frame (B, F, span, L, C). Windows are as a film's first one with the share `fresh`: their motion
    frames are the portrait. Raises BadInput for a clip shorter than a window."""
    c = system.config
    made: dict[str, list[Tensor]] = {name: [] for name in ("latents", "portrait", "before", "heard")}
    for example in examples:
        latents = example["latents"]
        room = len(latents) - c.frames
        if room < c.motion_frames:
            raise BadInput(
                f"clip {example['id']} has {len(latents)} frames, a window {c.frames + c.motion_frames}",
                cure="train on longer clips",
            )
        start = c.motion_frames + int(torch.randint(room - c.motion_frames + 1, ()))
        reach = len(latents) if c.near is None else c.near
        low, high = max(0, start - reach), min(len(latents), start + c.frames + reach)
        portrait = latents[int(torch.randint(low, high, ()))]
        before = latents[start - c.motion_frames : start]
        if float(torch.rand(())) < c.fresh:
            # A film begins with its portrait.
            portrait = latents[start]
            before = portrait.expand(c.motion_frames, *portrait.shape)
        made["latents"].append(latents[start : start + c.frames])
        made["portrait"].append(portrait)
        made["before"].append(before)
        stacked = _heard(system, example["sound"], example["length"])
        there = example["first"] + start
        made["heard"].append(system.audio_projection.windows(stacked, range(there, there + c.frames)))
    return {**_shared(examples), **{name: torch.stack(rows) for name, rows in made.items()}}


def _heard(system: Hallo, sound: Tensor, frames: int) -> Tensor:
    """Hidden states (T, L, C) of what an example holds of its sound."""
    if not system.config.warp:
        return sound
    hearing = system.hearing
    assert isinstance(hearing, MelHearing)
    return hearing.stacked(hearing.revoiced(sound, system.config.warp), frames)


def _shared(examples: Sequence[Example]) -> Batch:
    return {
        "ids": [e["id"] for e in examples],
        **{name: torch.stack([e[name] for e in examples]) for name in ("face", "locate", "masks")},
    }
