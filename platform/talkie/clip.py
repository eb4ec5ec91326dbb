"""The one vocabulary: a clip, the names of its fields and the record that travels as its `json` member.

A clip is one person in one continuous shot, resampled to one convention. How its members become bytes is
the business of `talkie.shards`; nothing here reads or writes files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

FPS = 25
"""Frames per second of every clip."""
SAMPLE_RATE = 16_000
"""Samples per second of every clip's speech, mono."""
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS

VIEWS = 64
"""Views that a clip of a multi-view rig may have; the first is its `mp4`."""
FIELDS = (
    "json", "mp4", "flac", "landmarks.npy", "head.npz", "phones.json", "txt", "captions.json", "mask.mp4", "matte.mp4",
    "depth.npz", "normals.npz", "gaze.npz", "action_units.npz", "imu.npz", "scan.npz", "attack.npz",
    "pose.npz", "hands.npz", "contact.npz", "flow.npz",
    "prosody.npz", "clean.flac", "speaking.npz", "fingerprint.npz", "wav2vec2.npz", "hubert.npz", "clip.npz",
    "views.npz", *(f"view{number:02d}.mp4" for number in range(1, VIEWS)),
)  # fmt: skip
"""Member suffixes this version reads and writes, in the order in which a shard holds them. A suffix holds no slash:
WebDataset would take what stands before it for another sample."""

Split = Literal["train", "val", "test"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Record):
    """Where a clip was cut from. Times are seconds of the source's own clock."""

    uri: str
    name: str
    sha256: str
    start_s: float
    end_s: float


class Crop(_Record):
    """The square crop of every frame: source pixel = (x, y) + crop pixel * side / size.

    `boxes`: T rows of (x, y, side) in source pixels. `size`: side of the stored video in pixels."""

    size: int
    boxes: list[tuple[float, float, float]]


class Sync(_Record):
    """Audio-video offset in seconds, positive where the audio is late, and how it is known.

    `offset_s` is of the source as it came, measured on the crop that `crop` names, with a confidence in [0, 1].
    `applied_s` is how much of it the clip's sound has been moved earlier: the sound was read that much later from the
    source, so nothing is lost and the shift can be undone."""

    offset_s: float
    confidence: float
    method: str
    crop: str | None = None
    applied_s: float = 0.0


class ClipRecord(_Record):
    """The `json` member. `scores` maps a name to a number; `score_meaning` says what each number means.

    `identity_origin`: "given" by the owner or the stage, "clustered" by face, or "alone" where no other clip is known
    to show the same person. `group`: what must not be torn over splits besides the identity; `split_origin`: whether
    the split was stated by somebody or follows from identity and group.
    `tools` maps a label to "tool version", `tool_licences` the same label to the licence of the tool's model."""

    id: str
    source: Source
    frames: int
    identity: str
    identity_origin: str = "given"
    dataset: str | None = None
    group: str | None = None
    language: str = "und"
    licence: str = "unknown"
    consent: str = "unknown"
    split: Split
    split_origin: Literal["given", "derived"] = "given"
    labels: dict[str, str] = {}
    crop: Crop | None = None
    sync: Sync | None = None
    transcript_origin: str | None = None
    phones_origin: str | None = None
    scores: dict[str, float] = {}
    score_meaning: dict[str, str] = {}
    tools: dict[str, str] = {}
    tool_licences: dict[str, str] = {}

    @property
    def seconds(self) -> float:
        return self.frames / FPS


@dataclass(frozen=True)
class HeadTrack:
    """Head parameters of a clip (`head.npz`), in metres and radians (axis-angle).

    identity (I,), expression (T, E), jaw / neck / left_eye / right_eye / rotation / translation (T, 3);
    camera K (T, 3, 3) in pixels of the crop, R (3, 3), t (3,): OpenCV world-to-camera, X_cam = R X + t; of a camera
    that moves, R is (T, 3, 3) and t (T, 3);
    residual (T,): RMS reprojection error in pixels of the crop, 0 for truth. `model` names the head model.
    World: x to the person's left, y up, z out of the face; X_world = rot(rotation) X_head + translation.
    """

    identity: np.ndarray
    expression: np.ndarray
    jaw: np.ndarray
    neck: np.ndarray
    left_eye: np.ndarray
    right_eye: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    K: np.ndarray
    R: np.ndarray
    t: np.ndarray
    residual: np.ndarray
    model: str

    def __len__(self) -> int:
        return len(self.expression)


@dataclass(frozen=True)
class Phone:
    """One phone: ARPABET label without stress, viseme class, start and end in seconds, confidence in [0, 1]."""

    label: str
    viseme: str
    start_s: float
    end_s: float
    confidence: float = 1.0


@dataclass(frozen=True)
class Word:
    """One word with its span in seconds; `aligned` is False where its phones are a guess."""

    text: str
    start_s: float
    end_s: float
    confidence: float = 1.0
    aligned: bool = True


@dataclass(frozen=True)
class Transcription:
    """Words and phones of a clip (`phones.json`). `origin` names the tool that placed them."""

    words: tuple[Word, ...]
    phones: tuple[Phone, ...]
    origin: str


@dataclass(frozen=True)
class Clip:
    """A record and its decoded or raw members, by field name: mp4, flac and clean.flac stay bytes, landmarks.npy is
    (T, 478, 3) float32, head.npz a HeadTrack, phones.json a Transcription, txt a str, mask.mp4 and matte.mp4 (T, H, W)
    uint8 planes, captions.json plain data, and every other npz a mapping from names to arrays (`talkie.stage.sensors`
    says which)."""

    record: ClipRecord
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.record.id


def clip_id(source_sha256: str, start_s: float, end_s: float, track: int = 0) -> str:
    """The stable id of a clip: 16 hex digits of a digest over content, time span (ms) and track number."""
    key = f"{source_sha256}|{round(start_s * 1000)}|{round(end_s * 1000)}|{track}"
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def split_of(identity: str, val: float = 0.1, test: float = 0.2) -> Split:
    """The split of an identity: a pure function of its name, so that one person never crosses splits."""
    u = int.from_bytes(hashlib.sha256(f"split|{identity}".encode()).digest()[:8], "big") / 2**64
    return "test" if u < test else "val" if u < test + val else "train"
