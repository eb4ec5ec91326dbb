"""What is known of a piece of footage before it is opened: where it lies, who is in it, what may be done with it.

Manifests, sidecars and the adapters of `talkie_datasets` say it in these words; nothing here reads a file."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from talkie.clip import Split

MediaKind = Literal["video", "frames", "image", "vertices"]
"""video: a file; frames: a folder of numbered pictures, or a glob where they lie in many; image: one picture; vertices:
a mesh sequence, as one .npy or a folder of meshes by frame."""


class Box(BaseModel):
    """A person's box that came with the footage, in pixels of a picture of `width` by `height`, or in shares of the
    picture where both are None."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    left: float
    top: float
    right: float
    bottom: float
    width: int | None = None
    height: int | None = None

    @model_validator(mode="after")
    def _has_an_area(self) -> Box:
        if not (self.left < self.right and self.top < self.bottom):
            raise ValueError("a box needs left < right and top < bottom")
        if (self.width is None) != (self.height is None):
            raise ValueError("a reference size needs width and height")
        return self


class SourceRecord(BaseModel):
    """One piece of footage as its owner describes it.

    uri: a path or an address that fsspec reads. key: its name within `dataset`, parts joined by `__`, without a dot.
    audio_uri: sound that lies beside a silent picture. fps: the rate of frames or vertices, which carry none
    themselves. start_s, end_s: the part of the file that is meant, None for its beginning or end; of frames and
    vertices, index / fps of the whole. group: what must not be torn over splits besides the identity, such as the
    uploaded video that clips were cut from. labels: names of labels to their values by name, never by number.
    annotations: kind (landmarks, mesh, cameras, words, ...) to a path.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    uri: str
    kind: MediaKind = "video"
    key: str | None = Field(None, pattern=r"^[^./]+$")
    dataset: str | None = None
    audio_uri: str | None = None
    fps: float | None = Field(None, gt=0)
    identity: str | None = None
    text: str | None = None
    language: str = "und"
    licence: str = "unknown"
    consent: str = "unknown"
    split: Split | None = None
    start_s: float | None = Field(None, ge=0)
    end_s: float | None = Field(None, gt=0)
    box: Box | None = None
    group: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    @model_validator(mode="after")
    def _spans_time(self) -> SourceRecord:
        if self.end_s is not None and self.end_s <= (self.start_s or 0.0):
            raise ValueError(f"a span from {self.start_s or 0.0:g} s to {self.end_s:g} s is empty")
        if self.kind in ("frames", "vertices") and self.fps is None:
            raise ValueError(f"{self.kind} need fps")
        return self
