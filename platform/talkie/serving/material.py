"""From the files that a person names to the arrays of a question: pictures, films, faces cut out of them. Sound is read
in `uploads`, what a task makes of it all is the task's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from talkie.clip import FPS
from talkie.errors import BadInput, NoFace, TooLong
from talkie.faces import FaceTracker, Recipe, crop_frame, face_box, smooth_boxes
from talkie.media import look, read_video
from talkie.media.frames import decoded
from talkie.media.picture import Developer, orientation_of
from talkie.serving.uploads import load_speech
from talkie.systems.task import Material

LARGEST = 2 * 2**30
"""Bytes of whole frames that are held at a time."""


@dataclass(frozen=True)
class Files:
    """What a question is made of: sound; a picture of a person; a film whose motion is taken over; a film that is
    dubbed or looked at. `size`: side of the faces that are cut out of portrait and driving film, in pixels."""

    audio: Path | None = None
    portrait: Path | None = None
    driving: Path | None = None
    video: Path | None = None
    size: int = 256
    controls: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def check(self) -> None:
        """Raises BadInput for a file that is not there, before anything else is looked at."""
        for path in (self.audio, self.portrait, self.driving, self.video):
            if path is not None and not path.exists():
                raise BadInput("no such file", where=str(path))

    def load(self, max_seconds: float) -> Material:
        """Decodes all of them. Raises the errors of decoding, TooLong, NoFace."""
        recipe = Recipe(size=self.size)
        return Material(
            audio=None if self.audio is None else load_speech(self.audio, max_seconds),
            portrait=None if self.portrait is None else _faces([load_picture(self.portrait)], recipe, self.portrait)[0],
            driving=None
            if self.driving is None
            else _faces(load_film(self.driving, max_seconds), recipe, self.driving),
            video=None if self.video is None else np.stack(load_film(self.video, max_seconds)),
            controls=self.controls,
            seed=self.seed,
        )


def load_picture(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB, upright. Raises EmptyFile, NotMedia, TooLong, UnreadableMedia, BadInput (no such file)."""
    frame = decoded(path)
    return Developer((frame.width, frame.height), orientation_of(frame)).picture(frame)


def load_film(path: Path, max_seconds: float) -> list[np.ndarray]:
    """Frames (H, W, 3) uint8 RGB at 25 fps. Raises open_media's errors, NoVideo, and TooLong for more than
    `max_seconds` or than fits into LARGEST bytes."""
    info = look(path)
    longest = min(max_seconds, LARGEST / (3 * info.width * info.height * FPS))
    frames: list[np.ndarray] = []
    for _, time_s, frame in read_video(path, info=info, max_seconds=max_seconds):
        if time_s >= longest:
            message = f"longer than {longest:.3g} s at {info.width} x {info.height} pixels"
            raise TooLong(message, where=str(path), cure="cut it, or make its pictures smaller")
        frames.append(frame)
    return frames


def _faces(frames: Sequence[np.ndarray], recipe: Recipe, path: Path) -> np.ndarray:
    """(T, size, size, 3): the crop of `curate` about the largest face, which is followed; where it is lost for a moment
    its last place counts. Raises NoFace where the first frame shows none."""
    boxes: list[np.ndarray] = []
    with FaceTracker() as tracker:
        for frame in frames:
            points = tracker.track(frame)
            if points is not None:
                boxes.append(face_box(points, recipe))
            elif boxes:
                boxes.append(boxes[-1])
            else:
                raise NoFace("shows no face in its first frame", where=str(path), cure="send one that does")
    steady = smooth_boxes(np.stack(boxes), recipe, FPS)
    return np.stack([crop_frame(frame, box, recipe.size) for frame, box in zip(frames, steady, strict=True)])


def parsed_controls(pairs: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE pairs; a value that JSON can read is that, any other a text. Raises BadInput for a pair without =."""
    import json

    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadInput(f"control {pair!r}", where="control", cure="write NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found
