"""What probes see of a clip: face crops, mouth crops and log-mel spectra of each frame, and the truth to learn from.
The networks that look at them are in the files beside this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from talkie.clip import FPS, SAMPLES_PER_FRAME, Clip, HeadTrack, Split, Transcription
from talkie.errors import BadInput
from talkie.faces import Recipe, crop_frame, face_box
from talkie.faces.lips import CORNERS, aperture
from talkie.heads import ARKIT_NAMES, axis_angle_to_matrix, matrix_to_axis_angle
from talkie.shards import Dataset
from talkie.speech.features import log_mel
from talkie.speech.phones import SILENCE, VISEMES, viseme_of
from talkie.systems.tasks.checks import clip_audio, clip_pictures

FACE, MOUTH = 64, 40
"""Sides in pixels of the face crop (RGB) and the mouth crop (grey)."""
MELS, PER_FRAME = 80, 4
"""Bands, and columns of the spectrum in a frame at 25 fps: one every 10 ms."""
PARAMETERS = len(ARKIT_NAMES) + 6
"""ARKit weights, jaw (3) and rotation of the head before the camera (3), the angles in radians."""
_FACE_CROP = Recipe(size=FACE, margin=1.15, lift=0.0, smooth_s=0.0)
_MOUTH_SHARE = 0.5
"""Side of the mouth crop over the clip's median size of the face, the larger side of its landmarks' bounds."""
_UPRIGHT = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
"""Camera axes of a camera that faces the head squarely."""


@dataclass(frozen=True)
class Truth:
    """What is known of a clip. parameters (T, 58) or None; visemes (T,) numbers in VISEMES or None; opening
    (T,) of the inner lips over the mouth's width; emotion: a word or empty; sentence: what is said, empty where nothing
    or unknown."""

    identity: str
    split: Split
    sentence: str
    emotion: str
    parameters: np.ndarray | None
    visemes: np.ndarray | None
    opening: np.ndarray


@dataclass(frozen=True)
class View:
    """faces (T, 64, 64, 3) uint8 RGB; mouths (T, 40, 40) uint8 grey; sound (T, 4, 80) float32, zero mean and unit
    deviation over the clip, or None; truth None for clips that are only looked at."""

    id: str
    faces: np.ndarray
    mouths: np.ndarray
    sound: np.ndarray | None = None
    truth: Truth | None = None

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def known(self) -> Truth:
        """The truth. Raises BadInput where there is none."""
        if self.truth is None:
            raise BadInput("a view without truth", where=self.id, cure="learn from clips, not from answers")
        return self.truth


def view_clip(clip: Clip) -> View:
    """A clip as probes see it: needs mp4 and landmarks.npy; flac, head.npz, phones.json and txt where they are there.

    Raises BadInput for a head whose expression is not ARKit's 52 weights."""
    fields = clip.fields
    points = _filled(np.asarray(fields["landmarks.npy"], np.float64), clip.id)
    truth = Truth(
        identity=clip.record.identity,
        split=clip.record.split,
        sentence=str(fields.get("txt", "")).strip(),
        emotion=clip.record.labels.get("emotion", ""),
        parameters=_parameters(fields["head.npz"], clip.id) if "head.npz" in fields else None,
        visemes=_visemes(fields["phones.json"], clip.record.frames) if "phones.json" in fields else None,
        opening=aperture(points),
    )
    sound = clip_audio(clip) if "flac" in fields else None
    seen = view_frames(clip_pictures(clip), points, sound, clip.id)
    return View(seen.id, seen.faces, seen.mouths, seen.sound, truth)


def view_frames(frames: np.ndarray, points: np.ndarray, audio: np.ndarray | None = None, name: str = "answer") -> View:
    """Frames (T, H, W, 3) uint8 RGB with landmarks (T, 478, 3) in their pixels, NaN where no face was found: such
    frames take the landmarks of the nearest that has them. audio: (T * 640,) samples at 16 kHz or None.

    Raises BadInput where frames and landmarks differ in number, or no frame has a face."""
    if len(frames) != len(points) or len(frames) == 0:
        raise BadInput(f"{len(frames)} frames, {len(points)} landmarks", where=name, cure="give one set a frame")
    places = _filled(np.asarray(points[..., :2], np.float64), name)
    boxes = face_box(places, _FACE_CROP)
    side = _MOUTH_SHARE * float(np.median(np.ptp(places, axis=1).max(1)))
    # The middle of the corners moves less with the jaw than that of the lips' bounds does.
    centres = places[:, CORNERS].mean(1)
    faces = np.stack([crop_frame(f, box, FACE) for f, box in zip(frames, boxes, strict=True)])
    mouths = np.stack(
        [
            cv2.cvtColor(crop_frame(f, np.array([*(c - side / 2), side]), MOUTH), cv2.COLOR_RGB2GRAY)
            for f, c in zip(frames, centres, strict=True)
        ]
    )
    return View(name, faces, mouths, None if audio is None else hear(audio, len(frames)))


def hear(audio: np.ndarray, frames: int) -> np.ndarray:
    """(frames, 4, 80) log-mel powers with the clip's mean taken away, over its deviation: the level says nothing."""
    wanted = frames * SAMPLES_PER_FRAME
    samples = np.pad(np.asarray(audio, np.float32)[:wanted], (0, max(0, wanted - len(audio))))
    # -60 dB stand below what any recording holds, and keep digital silence from drowning the rest.
    mel = log_mel(samples, hop_s=0.01).clamp(min=-14.0).numpy().reshape(frames, PER_FRAME, MELS)
    return np.asarray((mel - mel.mean()) / max(1e-3, float(mel.std())), np.float32)


def view_dataset(data: Sequence[Dataset], fields: Sequence[str], most: int, split: Split | None = None) -> list[View]:
    """Views of at most `most` clips of the datasets, spread evenly over them, with those optional fields that every
    clip must have. Raises MissingField naming the first clip that lacks one."""
    chosen = [(dataset, clip) for dataset in data for clip in dataset.ids(split)]
    chosen = [chosen[int(i)] for i in np.linspace(0, len(chosen) - 1, min(most, len(chosen)))]
    for dataset in data:
        dataset.require(tuple(fields), split)
    views = []
    for dataset, clip in chosen:
        held = dataset.entries[clip].members
        wanted = [f for f in ("mp4", "landmarks.npy", "flac", "head.npz", "phones.json", "txt") if f in held]
        views.append(view_clip(dataset.raw(clip).decode(tuple(wanted))))
    return views


def _parameters(head: HeadTrack, where: str) -> np.ndarray:
    """(T, 58) float32: weights, jaw, and how the head stands before the camera, 0 for one that looks into it."""
    if head.expression.shape[1] != len(ARKIT_NAMES):
        raise BadInput(
            f"a head of {head.expression.shape[1]} expression weights",
            where=where,
            cure="give clips of a head with ARKit's 52, as the built-in one",
        )
    rotation, neck, camera = (torch.as_tensor(np.asarray(a, np.float32)) for a in (head.rotation, head.neck, head.R))
    turned = _UPRIGHT @ camera @ axis_angle_to_matrix(rotation) @ axis_angle_to_matrix(neck)
    return np.concatenate([head.expression, head.jaw, matrix_to_axis_angle(turned).numpy()], 1).astype(np.float32)


def _visemes(said: Transcription, frames: int) -> np.ndarray:
    """(T,) the viseme in the middle of each frame; silence where no phone is."""
    found = np.full(frames, VISEMES.index(viseme_of(SILENCE)))
    middles = (np.arange(frames) + 0.5) / FPS
    for phone in said.phones:
        found[(middles >= phone.start_s) & (middles < phone.end_s)] = VISEMES.index(phone.viseme)
    return found


def _filled(points: np.ndarray, where: str) -> np.ndarray:
    seen = np.flatnonzero(np.isfinite(points).all((1, 2)))
    if len(seen) == 0:
        raise BadInput("no face is found in any frame", where=where, cure="leave the clip out")
    nearest = np.abs(np.arange(len(points))[:, None] - seen).argmin(1)
    return np.asarray(points[seen[nearest]])
