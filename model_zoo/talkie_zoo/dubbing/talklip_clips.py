"""What TalkLip takes of a clip, and which frames of it a step draws. Networks and losses are elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from talkie.clip import Clip
from talkie.faces import crop_frame
from talkie.shards import pictures
from talkie.systems.contract import Batch, Example
from talkie.systems.tasks.checks import clip_audio
from talkie_zoo.blocks.batches import pad
from talkie_zoo.blocks.face_track import still_points, tracked_boxes
from talkie_zoo.blocks.paste import turned
from talkie_zoo.blocks.phone_ctc import stacked_filterbanks, warped_bands
from talkie_zoo.blocks.phone_tokens import phone_labels, phone_tokens
from talkie_zoo.blocks.temporal import mask_of
from talkie_zoo.dubbing.talklip_config import TalkLipConfig
from talkie_zoo.dubbing.talklip_networks import mouths_of

READERS = ("expert", "observer")
"""The phases that teach lip reading."""
APART = 6
"""Frames between a face and a reference that was chosen to be like it. So far apart opening and width of the stage's
mouths are correlated by -0.12 to -0.01, two frames apart by 0.39 to 0.68, and heads stand much as they did."""
SHIFT, LIGHT = 2, 0.2
"""Pixels by which a window's mouths are moved, and the share by which their contrast is changed, for the expert."""


def example_of(clip: Clip, c: TalkLipConfig) -> Example:
    """All that training keeps of a clip; of a phase without sound or pictures only what there is.

    mouths (T, m, m) uint8; audio (T, 104); faces (T, S, S, 3) uint8, grey (T, F, F) uint8 and boxes (T, 3) in pixels of
    the grey frames, stills (T, 6, 2) in shares of them; tokens and middles (P,), labels (T,) of the phones."""
    said, frames = clip.fields["phones.json"], clip.record.frames
    tokens, middles = phone_tokens(said)
    example: Example = {"id": clip.id, "tokens": tokens, "middles": middles, "labels": phone_labels(said, frames)}
    if "flac" in clip.fields:
        example["audio"] = stacked_filterbanks(clip_audio(clip), frames)
    if "mp4" in clip.fields:
        seen = pictures(clip, range(frames), c.frame)
        stored = clip.record.crop.size if clip.record.crop else pictures(clip, [0]).shape[1]
        boxes = tracked_boxes(np.asarray(clip.fields["landmarks.npy"]), c.margin) * (c.frame / stored)
        grey = torch.from_numpy(np.stack([cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in seen]))
        places = torch.from_numpy(boxes).float()
        example["mouths"] = (mouths_of(grey[:, None].float(), places, c)).round().byte()
        if "audio" in example:
            faces = torch.from_numpy(cropped(seen, boxes, c.face))
            stills = still_points(np.asarray(clip.fields["landmarks.npy"]) * (c.frame / stored), boxes)
            example |= {"faces": faces, "grey": grey, "boxes": places, "stills": torch.from_numpy(stills).float()}
            if c.reference == "near":
                example["near"] = near_frames(as_faces(faces), c.references)
    return example


def cropped(frames: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """(T, size, size, 3) uint8 of the boxes (T, 3) in frames (T, H, W, 3) uint8."""
    return np.stack([crop_frame(f, box, size) for f, box in zip(frames, boxes, strict=True)])


def near_frames(faces: Tensor, count: int = 1) -> Tensor:
    """(T, count or fewer) int64 for every face (T, 3, S, S) the frames, APART frames or more away, whose upper half (no
    secret) is most like its own: the head stands alike there, and nothing is known of what the mouth does. Of a clip
    too short for that, the nearest stands for those that are missing, and of one shorter than APART the frame farthest
    away."""
    seen = F.avg_pool2d(faces[:, :, : faces.shape[-2] // 2], 4).flatten(1)
    number = torch.arange(len(faces))
    found = []
    for rows in number.split(256):
        apart = (rows[:, None] - number).abs()
        gap = apart.amax(1, keepdim=True).clamp_max(APART)
        unlike = torch.cdist(seen[rows], seen, p=1).masked_fill(apart < gap, torch.inf)
        least, nearest = unlike.topk(min(count, len(faces)), largest=False)
        found.append(torch.where(least.isinf(), nearest[:, :1], nearest))
    return torch.cat(found)


def shown_faces(faces: Tensor, looked_at: Tensor, stills: Tensor, rows: Tensor, c: TalkLipConfig) -> Tensor:
    """What is shown as references (N, 3, S, S) of the frames `rows` (N,): the mean of the faces (T, 3, S, S) at
    `looked_at` (N, K), each laid over its frame by the still points (T, 6, 2) where the config says so."""
    which, onto = looked_at.flatten(), rows.repeat_interleave(looked_at.shape[1])
    seen = turned(faces[which], stills[which], stills[onto]) if c.turned else faces[which]
    return seen.unflatten(0, looked_at.shape).mean(1)


def as_faces(crops: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 -> (N, 3, S, S) in [0, 1]."""
    return crops.permute(0, 3, 1, 2).float() / 255


def batch_of(examples: Sequence[Example], c: TalkLipConfig, phase: str) -> Batch:
    """A step's batch; what is drawn follows from torch's random state."""
    batch: Batch = {"ids": [e["id"] for e in examples]}
    if "audio" in examples[0]:
        heard = [warped_bands(e["audio"], c.warp) if c.warp else e["audio"] for e in examples]
        batch["audio"], batch["frames"] = pad(heard)
        batch["strings"], batch["lengths"] = pad([e["tokens"] for e in examples])
        batch["labels"] = pad([e["labels"] for e in examples])[0]
    if "mouths" in examples[0]:
        starts = [int(torch.randint(max(0, len(e["mouths"]) - c.window) + 1, ())) for e in examples]
        batch["window"] = _window(examples, starts, c, shake=phase in READERS)
        if "faces" in examples[0]:
            share, run = (c.lip_drawn, c.lip_run) if phase == "lip" else (c.drawn, c.run)
            batch["drawn"] = _drawn(examples, starts, c, share, run)
    return batch


def _window(examples: Sequence[Example], starts: Sequence[int], c: TalkLipConfig, shake: bool) -> dict[str, Tensor]:
    """mouths (B, W, m, m) in [0, 1], mask and labels (B, W), strings (B, L) and their lengths (B,)."""
    cut = [slice(start, start + c.window) for start in starts]
    mouths = [e["mouths"][part].float() / 255 for e, part in zip(examples, cut, strict=True)]
    padded, frames = pad([shaken(m) for m in mouths] if shake else mouths)
    strings, lengths = pad([_said(e, s, s + c.window) for e, s in zip(examples, starts, strict=True)])
    labels = pad([e["labels"][part] for e, part in zip(examples, cut, strict=True)])[0]
    mask = mask_of(frames, padded.shape[1])
    return {"mouths": padded, "mask": mask, "labels": labels, "strings": strings, "lengths": lengths}


def _said(example: Example, first: int, last: int) -> Tensor:
    inside = (example["middles"] >= first) & (example["middles"] < last)
    tokens: Tensor = example["tokens"][inside]
    return tokens


def shaken(mouths: Tensor) -> Tensor:
    """Mouths (T, S, S) mirrored or not, moved by up to SHIFT pixels and lit otherwise, all frames alike."""
    size = mouths.shape[-1]
    if torch.rand(()) < 0.5:
        mouths = mouths.flip(-1)
    padded = F.pad(mouths[None], (SHIFT,) * 4, mode="replicate")[0]
    x, y = torch.randint(2 * SHIFT + 1, (2,)).tolist()
    gain, bias = 1 + LIGHT * (2 * torch.rand(2) - 1)
    return padded[:, y : y + size, x : x + size] * gain + (bias - 1) / 2


def drawn_frames(frames: int, share: float, run: int) -> list[int]:
    """Which of so many frames are synthesised: `share` of them are drawn as starts, those that follow another by less
    than `run` are dropped, and each brings `run` consecutive frames. At least one run, in order."""
    starts = torch.randperm(frames - run + 1)[: max(1, round(share * frames))].sort().values.tolist()
    kept: list[int] = []
    for start in starts:
        if not kept or start - kept[-1] >= run:
            kept.append(start)
    return [start + step for start in kept for step in range(run)]


def _drawn(
    examples: Sequence[Example], starts: Sequence[int], c: TalkLipConfig, share: float, run: int
) -> dict[str, Tensor]:
    """Of the N frames to be synthesised: faces and references (N, 3, S, S), grey frames (N, 1, F, F), boxes (N, 3), the
    number of the clip in the batch (N,), of the frame in the clip (N,) and in its window (N,)."""
    parts: dict[str, list[Any]] = {n: [] for n in ("faces", "references", "grey", "boxes", "clip", "frame", "place")}
    for number, (e, start) in enumerate(zip(examples, starts, strict=True)):
        inside = drawn_frames(min(c.window, len(e["faces"]) - start), share, run)
        rows = torch.tensor(inside) + start
        if c.reference == "near":
            looked_at = e["near"][rows]
        else:
            # Each run has another random run of the clip as its reference.
            first = torch.randint(len(e["faces"]) - run + 1, (len(rows) // run, 1))
            looked_at = (first + torch.arange(run)).flatten()[:, None]
        faces = as_faces(e["faces"])
        parts["faces"].append(faces[rows])
        parts["references"].append(shown_faces(faces, looked_at, e["stills"], rows, c))
        parts["grey"].append(e["grey"][rows, None].float() / 255)
        parts["boxes"].append(e["boxes"][rows])
        parts["clip"].append(torch.full((len(rows),), number))
        parts["frame"].append(rows)
        parts["place"].append(torch.tensor(inside))
    return {name: torch.cat(values) for name, values in parts.items()}
