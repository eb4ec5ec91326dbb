"""A clip in the making, and what an annotator is: it watches the frames once, then adds what it found to the draft.

Which annotators a run uses, and in which order, is decided elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from talkie.clip import HeadTrack, Sync, Transcription
from talkie.errors import BadConfig

if TYPE_CHECKING:
    from talkie.heads.model import HeadModel


@dataclass(frozen=True)
class View:
    """One frame of one person's clip at 25 fps. crop (S, S, 3) and frame (H, W, 3) uint8 RGB, the latter the whole
    picture of the source; landmarks (478, 3) float32 in pixels of the crop; box (3,) x, y, side in pixels of the
    source, so that source = (x, y) + crop * side / S; seen: False where the landmarks are interpolated."""

    index: int
    crop: np.ndarray
    frame: np.ndarray
    landmarks: np.ndarray
    box: np.ndarray
    seen: bool

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest x, y (2,) of the landmarks, pixels of the crop. Several look at them."""
        columns = np.ascontiguousarray(self.landmarks[:, :2].T)
        return columns.min(1), columns.max(1)


@dataclass(frozen=True)
class Company:
    """Another person of the same frames: track id, seen (T,) bool, landmarks (T, 478, 3) in pixels of the source,
    shade (T,): `mouth_shade` of each frame."""

    track: int
    seen: np.ndarray
    landmarks: np.ndarray
    shade: np.ndarray | None = None


@dataclass(frozen=True)
class Draft:
    """One person's clip of T frames after its last frame, before it is judged.

    track: the person's number within the source. landmarks (T, 478, 3) in pixels of the crop of `size`; boxes (T, 3)
    x, y, side and `shape` (height, width) in pixels of the source; seen (T,) bool. audio (T * 640,) float32 at 16 kHz,
    None in silent footage; wide_audio: the same with `margin` samples more on either side, silence where the source
    has none (offsets are looked for in it). transcription: words and phones in seconds of the clip. company: who else
    is in these frames. shade (T,): `mouth_shade` of each. text, language, labels: what is known beforehand. found:
    values that earlier annotators made, by field name; scores: theirs.
    """

    track: int
    size: int
    landmarks: np.ndarray
    boxes: np.ndarray
    seen: np.ndarray
    shape: tuple[int, int]
    head: HeadTrack | None = None
    expression_std: np.ndarray | None = None
    audio: np.ndarray | None = None
    wide_audio: np.ndarray | None = None
    margin: int = 0
    transcription: Transcription | None = None
    text: str | None = None
    language: str = "und"
    company: tuple[Company, ...] = ()
    shade: np.ndarray | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.landmarks)


@dataclass(frozen=True)
class Findings:
    """What an annotator adds: decoded values by field name (`talkie.shards.encode_field` makes bytes of them), scores,
    labels, an audio-video offset."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    sync: Sync | None = None


class Watcher:
    """One annotator's work on one clip: every frame in order, then the whole."""

    def see(self, view: View) -> None:
        """A frame; its arrays may be kept only where the memory that takes is small and bounded."""

    def finish(self, draft: Draft) -> Findings:
        """What was found. Raises nothing for footage it cannot read: it then finds nothing, or says so in a score."""
        return Findings()


class Network(BaseModel):
    """A network that somebody brought: where its file or folder lies, and the licence of its weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path
    licence: str = "unknown"


@dataclass(frozen=True)
class Toolbox:
    """What annotators are made with: the head model that is fitted, and networks by name."""

    head: HeadModel
    models: Mapping[str, Network] = field(default_factory=dict)

    def network(self, name: str, label: str) -> Network:
        """Raises BadConfig where it was not given."""
        if name not in self.models:
            raise BadConfig(f"label {label!r} needs a network", cure=f"give its path: --model {name}=PATH")
        return self.models[name]


class Annotator(ABC):
    """Makes one kind of label. Held by a worker for all its clips; `start` begins a clip.

    name: its key in a recipe. fields: members that it makes. scores: names of its scores with their meaning and unit.
    needs: members, or scores, that must be in the draft before it. tool: "name version"; licence: of the tool's model.
    """

    name: ClassVar[str]
    fields: ClassVar[tuple[str, ...]] = ()
    scores: ClassVar[Mapping[str, str]] = {}
    needs: ClassVar[tuple[str, ...]] = ()
    licence: str = "Apache-2.0"

    @classmethod
    def made(cls, tools: Toolbox) -> Annotator:
        """One of this kind. Raises BadConfig or MissingExtra where it lacks a network or a package."""
        return cls()

    @property
    @abstractmethod
    def tool(self) -> str: ...

    @abstractmethod
    def start(self) -> Watcher: ...
