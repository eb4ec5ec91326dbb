"""What Ditto's phases are trained on: faces cut out of clips with their truths, and whole clips as motion and
conditions that the frozen renderer reads. Losses are in ditto.py and ditto_renderer.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.faces import crop_frame, face_box
from talkie.shards import pictures
from talkie.systems.contract import Example
from talkie.systems.tasks.checks import clip_audio
from talkie_zoo.blocks.implicit_keypoints import EYES, PARTS
from talkie_zoo.blocks.streaming_audio import Encoder, hear
from talkie_zoo.speech_to_video.ditto_conditions import EMOTIONS, GAZE, OPEN, ROW, emotion_row
from talkie_zoo.speech_to_video.ditto_config import DittoConfig
from talkie_zoo.speech_to_video.ditto_renderer import Renderer
from talkie_zoo.speech_to_video.ditto_source import FACE
from talkie_zoo.speech_to_video.ditto_targets import eyes, mirrored_eyes, places

AT_ONCE = 32
"""Pictures that the extractor reads in one go."""


def emotion_of(clip: Clip) -> Tensor:
    """(8,) of the clip's label, neutral where it has none. Raises BadInput for an emotion that is not known."""
    return emotion_row(clip.record.labels.get("emotion", "neutral"))


SHIFTED, SCALED = 0.06, 0.12
"""Deviations by which boxes are moved, in their sides, and enlarged, in logarithms, while the extractor is taught."""


def moved(box: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another box (x, y, side) about the same face, so that where a face stands says nothing about whose it is."""
    side = box[2] * np.exp(rng.normal(0, SCALED))
    corner = box[:2] + (box[2] - side) / 2 + box[2] * rng.normal(0, SHIFTED, 2)
    return np.array([*corner, side])


def faces(
    c: DittoConfig, clip: Clip, frames: Sequence[int], rng: np.random.Generator | None = None
) -> tuple[Tensor, np.ndarray]:
    """Faces (n, 3, O, O) uint8 cut out by the box of the first of `frames`, `moved` where `rng` is given, and that box
    in pixels of the clip's crop. Raises BadInput for a clip whose crop is not recorded."""
    if clip.record.crop is None:
        raise BadInput("no crop is recorded, so the scale of its landmarks is not known", where=clip.id)
    stored = clip.record.crop.size
    box = np.array([0.0, 0.0, float(stored)])
    if c.crop:
        box = face_box(np.asarray(clip.fields["landmarks.npy"][frames[0]], np.float32), FACE)
    if rng is not None:
        box = moved(box, rng)
    found = pictures(clip, frames, None if c.read >= stored else c.read)
    scaled = box * (found.shape[1] / stored)
    cut = np.stack([crop_frame(frame, scaled, c.out) for frame in found])
    return torch.from_numpy(cut).permute(0, 3, 1, 2), box


@torch.no_grad()
def spoken(c: DittoConfig, renderer: Renderer, hearing: Encoder, clip: Clip, every: int = 1) -> Example:
    """Every so manieth frame of the clip as it is and mirrored, which takes a leaning of the corpus to one side away:
    motion (2, T, 265), kp (2, T, 21, 3), openness (2, T, 2), gaze (2, T, 6); sound (T, A), emotion (8,)."""
    frames = list(range(0, clip.record.frames, every))
    seen, box = faces(c, clip, frames)
    ways = []
    for way in (seen, seen.flip(-1)):
        read = [renderer.read(part.float() / 255) for part in way.split(AT_ONCE)]
        ways.append([torch.cat(part) for part in zip(*read, strict=True)])
    straight = eyes(places(clip.fields["landmarks.npy"][frames], box))
    both = [straight, mirrored_eyes(*straight)]
    return {
        "motion": torch.stack([way[0] for way in ways]),
        "kp": torch.stack([way[1] for way in ways]),
        "openness": torch.stack([way[0] for way in both]),
        "gaze": torch.stack([way[1] for way in both]),
        "sound": hear(hearing, clip_audio(clip), clip.record.frames)[::every],
        "emotion": emotion_of(clip),
    }


def raw_rows(example: Example, way: int, at: Tensor, kp: Tensor) -> Tensor:
    """Conditions (n, C) of the frames `at` of one way, with canonical keypoints (n, 21, 3) or (21, 3)."""
    sound = example["sound"][at]
    parts = (example["emotion"], example["openness"][way][at], example["gaze"][way][at], kp.flatten(-2))
    return torch.cat([sound, *(part.expand(len(sound), -1) for part in parts)], 1)


def window_of(example: Example, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """The motion (265,) of the frame before a window, that of the window (size, 265), and its raw conditions (size, C)
    with the keypoints of any frame of the clip, since in use they come from another picture. Window, mirroring and
    keypoints are drawn from torch's random state; a clip shorter than a window holds its last frame."""
    frames = example["motion"].shape[1]
    way = int(torch.randint(2, ()))
    first = 1 + int(torch.randint(max(1, frames - size), ()))
    at = torch.arange(first, first + size).clamp_max(frames - 1)
    kp = example["kp"][way][int(torch.randint(frames, ()))]
    motion = example["motion"][way]
    return motion[first - 1], motion[at], raw_rows(example, way, at, kp)


EYE_MOTION = [PARTS["exp"].start + 3 * keypoint + axis for keypoint in EYES for axis in range(3)]
"""Which numbers of a frame's motion are the expression of the eyes."""


def eyes_exchanged(start: Tensor, motion: Tensor, rows: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Windows as `window_of` cuts them, stacked: start (B, 265), motion (B, F, 265), conditions (B, F, C). A share of
    them take over the eyes of another one, drawn from torch's random state: the expression of those keypoints, and
    what the conditions say of openness and gaze. Where emotion moves both, lips would else follow the eyes."""
    count = len(motion)
    donors = torch.where(torch.rand(count) < share, torch.randperm(count), torch.arange(count))
    first = rows.shape[-1] - ROW + len(EMOTIONS)
    said = list(range(first, first + OPEN + GAZE))
    found = []
    for part, columns in ((start, EYE_MOTION), (motion, EYE_MOTION), (rows, said)):
        mixed = part.clone()
        mixed[..., columns] = part[donors][..., columns]
        found.append(mixed)
    return found[0], found[1], found[2]
