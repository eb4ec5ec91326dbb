"""What TalkingGaussian takes of its person's clips: poses, units, boxes and openings, the plate behind the head, and
which frame a step of a curriculum draws. No network is here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from talkie.clip import Clip, HeadTrack
from talkie.errors import NotADataset
from talkie.heads import HeadModel, landmarks_68
from talkie.heads.mask_classes import INDEX
from talkie.shards.lazy import pictures, planes
from talkie.systems.phases import Draw
from talkie.systems.tasks.checks import clip_audio
from talkie_zoo.avatars.talking_gaussian_config import TalkingGaussianConfig
from talkie_zoo.blocks.audio_attention import SpeechWindows
from talkie_zoo.blocks.rigid import Rigid
from talkie_zoo.blocks.skull import camera_about_skull

HAIR = INDEX["hair"]
FACE = tuple(INDEX[n] for n in ("skin", "lips", "left_eye", "right_eye", "left_ear", "right_ear", "hair"))
MOUTH = tuple(INDEX[n] for n in ("mouth_inside", "teeth", "tongue"))
FINER = 2
"""How many pixels of a mask lie along one of a picture. At `tiny` the inside of a mouth is six pixels, most of them in
part lip."""
UPPER_LIP, LOWER_LIP = (0, 13), (14, 17)
"""MediaPipe's outer and inner points in the middle of either lip: its flesh lies between them."""
_SHAPES = ("browInnerUp", "browDown", "eyeWide", "cheekSquint", "eyeSquint", "eyeBlink")
"""The shapes of `UNITS` in their order, without their sides."""
_RANKS = 101
_LIP_MARGIN = 0.35
"""Of the lips' width, on every side of their box."""
_GOLDEN = 0.6180339887498949
_CROSS = ndimage.generate_binary_structure(2, 1)[None]
"""A pixel and its four neighbours, in every frame by itself."""


@dataclass(frozen=True)
class Take:
    """A clip of T frames without its pictures. rows: (M, 29) of sound; K (T, 3, 3) pixels of the trained size; pose
    (T,): skull to camera; units (T, 6); opening, blink (T,); inner (T,): pixels of the inner mouth; lips (T, 4): left,
    top, right and bottom pixel of their box."""

    rows: Tensor
    K: Tensor
    pose: Rigid
    units: Tensor
    opening: np.ndarray
    blink: np.ndarray
    inner: np.ndarray
    lips: Tensor


def take_of(clip: Clip, head: HeadModel, size: int) -> Take:
    """Reads a clip. Raises MissingField, CorruptShard."""
    track = clip.fields["head.npz"]
    stored = clip.record.crop.size if clip.record.crop else pictures(clip, [0], None).shape[1]
    K, pose = camera_about_skull(head, track)
    points = landmarks_68(clip.fields["landmarks.npy"])[..., :2] * (size / stored)
    units = units_of(track, head)
    return Take(
        rows=SpeechWindows.rows(clip_audio(clip)),
        K=scaled(K, size / stored),
        pose=pose,
        units=units,
        opening=_aperture(points),
        blink=units[:, -1].numpy(),
        inner=np.isin(planes(clip, range(len(units)), size), MOUTH).sum((1, 2)),
        lips=_boxes(points[:, 48:68], size),
    )


def scaled(K: Tensor, factor: float) -> Tensor:
    """Intrinsics (..., 3, 3) of a picture `factor` times as large."""
    return K * torch.tensor([[factor], [factor], [1.0]])


def units_of(track: HeadTrack, head: HeadModel) -> Tensor:
    """(T, 6) the shapes that stand for the action units of `UNITS`, both sides' mean."""
    names = list(head.expression_names)
    columns = [[i for i, name in enumerate(names) if name.removesuffix("Left").removesuffix("Right") == shape]
               for shape in _SHAPES]  # fmt: skip
    rows = np.stack([track.expression[:, c].mean(1) for c in columns], 1)
    return torch.as_tensor(rows, dtype=torch.float32)


def _aperture(points: np.ndarray) -> np.ndarray:
    """(T,) how far the inner lips are apart, over the width of the mouth."""
    apart = np.linalg.norm(points[:, 62] - points[:, 66], axis=1)
    return apart / np.maximum(1e-6, np.linalg.norm(points[:, 48] - points[:, 54], axis=1))


def _boxes(lips: np.ndarray, size: int) -> Tensor:
    low, high = lips.min(1), lips.max(1)
    margin = _LIP_MARGIN * (high[:, :1] - low[:, :1])
    first = np.clip(np.floor(low - margin), 0, size - 2)
    last = np.maximum(np.clip(np.ceil(high + margin), 0, size), first + 2)
    return torch.as_tensor(np.concatenate([first, last], 1).astype(np.int64))


# --- what all clips together fix --------------------------------------------------------------------------------------


@dataclass
class Survey:
    """What `prepare` finds in the training clips: (101,) quantiles of openings and blinks; the plate (S, S, 3) in
    [0, 1]; places in the skull's frame, metres; rows of sound for their statistics."""

    openings: list[float]
    blinks: list[float]
    plate: Tensor
    mouth: list[float]
    lower_lip: list[float]
    rows: Tensor


def survey(clips: Iterable[Clip], head: HeadModel, size: int) -> Survey:
    """Looks at every frame once. Raises NotADataset without a clip."""
    total, count = np.zeros((size, size, 3)), np.zeros((size, size, 1))
    takes, lips = [], []
    for clip in clips:
        take = take_of(clip, head, size)
        takes.append(take)
        lips.append(lip_points(head, clip.fields["head.npz"]))
        frames = range(len(take.units))
        inside = np.isin(planes(clip, frames, size), (*FACE, *MOUTH))
        # A pixel beside the head shows some of it.
        free = ~ndimage.binary_dilation(inside, _CROSS)[..., None]
        total += (pictures(clip, frames, size) * free).sum(0) / 255.0
        count += free.sum(0)
    if not takes:
        raise NotADataset("no training clip", cure="record or curate clips of the person")
    points = torch.cat(lips)
    return Survey(
        openings=_quantiles([t.opening for t in takes]),
        blinks=_quantiles([t.blink for t in takes]),
        plate=_filled(total, count),
        mouth=points.mean((0, 1)).tolist(),
        lower_lip=points[:, 1].mean(0).tolist(),
        rows=torch.cat([t.rows for t in takes]),
    )


@torch.no_grad()
def lip_points(head: HeadModel, track: HeadTrack) -> Tensor:
    """(T, 2, 3) metres: the middle of the flesh of the upper and of the lower lip in the skull's frame."""
    motion = {n: torch.as_tensor(getattr(track, n), dtype=torch.float32) for n in ("expression", "jaw")}
    identity = torch.as_tensor(track.identity, dtype=torch.float32).expand(len(track), -1)
    points = head.landmarks(head.vertices(identity=identity, **motion))
    return torch.stack([points[:, list(lip)].mean(1) for lip in (UPPER_LIP, LOWER_LIP)], 1)


def _quantiles(values: Sequence[np.ndarray]) -> list[float]:
    return [float(v) for v in np.quantile(np.concatenate(values), np.linspace(0, 1, _RANKS))]


def _filled(total: np.ndarray, count: np.ndarray) -> Tensor:
    """The mean where something was seen, elsewhere that of the nearest such pixel; grey where nothing ever was."""
    if not count.any():
        return torch.full(total.shape, 0.5)
    near = ndimage.distance_transform_edt(count[..., 0] == 0, return_distances=False, return_indices=True)
    mean = total / np.maximum(count, 1)
    return torch.as_tensor(mean[near[0], near[1]], dtype=torch.float32)


# --- which frame --------------------------------------------------------------------------------------------------


def ranks(values: np.ndarray, quantiles: Sequence[float]) -> np.ndarray:
    """(T,) places in [0, 1] in the order of all training frames; equal values are spread over the places that they
    share, the same way every time."""
    low = np.searchsorted(quantiles, values, "left") / (_RANKS - 1)
    high = np.searchsorted(quantiles, values, "right") / (_RANKS - 1)
    return np.clip(low + (high - low) * (np.arange(len(values)) * _GOLDEN % 1.0), 0, 1)


def face_window(c: TalkingGaussianConfig, progress: float) -> tuple[str, float, float]:
    """What the face's run sorts by ("opening" or "blink") and the window of ranks that it draws from at `progress`:
    the most closed lips while nothing moves, then on to the widest open, then the same over the eyes."""
    still = c.face.still / c.face.steps
    until = max(c.lips_until, still)
    if progress < until:
        return "opening", *_slid(c, (progress - still) / max(1e-9, until - still))
    return "blink", *_slid(c, (progress - until) / max(1e-9, 1 - until))


def mouth_window(c: TalkingGaussianConfig, progress: float) -> tuple[str, float, float]:
    """The same of the mouth's run: the widest open frames while nothing moves, and all of them in the end."""
    still = c.mouth.still / c.mouth.steps
    low, _ = _slid(c, 1 - (progress - still) / max(1e-9, c.mouth_until - still))
    return "opening", low, 1.0


def _slid(c: TalkingGaussianConfig, share: float) -> tuple[float, float]:
    """The window after a share of its way from the lowest ranks to the highest."""
    low = (1 - c.window) * min(1.0, max(0.0, share))
    return low, low + c.window


def chosen(place: np.ndarray, usable: np.ndarray, low: float, high: float, draw: Draw) -> int:
    """One of the usable frames whose rank lies in [low, high], each with the same chance; where there is none, the
    nearest. place, usable: (T,)."""
    usable = usable if usable.any() else np.ones_like(usable)
    far = np.where(usable, np.maximum(0, np.maximum(low - place, place - high)), np.inf)
    return int(draw.rng.choice(np.flatnonzero(far <= far.min() + 1e-9)))
