"""Head creation: a picture or a description becomes a head in three dimensions. No network is here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from talkie.clip import Clip
from talkie.errors import BadInput, NotADataset
from talkie.systems.task import Task
from talkie.systems.tasks.checks import check_picture, clip_pictures


@dataclass(frozen=True)
class HeadRequest:
    """Whose head, or what kind of head. image (H, W, 3) uint8, a near-frontal face crop, or a `prompt`."""

    image: np.ndarray | None = None
    prompt: str = ""
    controls: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.image is not None:
            check_picture(self.image, "image")
        elif not self.prompt:
            raise BadInput("no head is described", cure="send an image or a prompt")


@dataclass(frozen=True)
class HeadResult:
    """A head at rest, head space, metres. `identity` (I,): its coefficients on the built-in head; `vertices` (V, 3) and
    `faces` (F, 3); `maps`: textures (H, W, C) by name, albedo in sRGB; `gaussians`: arrays by name, one row a splat.
    None or empty where a method does not make it."""

    identity: np.ndarray | None = None
    vertices: np.ndarray | None = None
    faces: np.ndarray | None = None
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    gaussians: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class MeanHead:
    """The trivial baseline: the mean identity (I,) of the training clips for everybody."""

    identity: np.ndarray

    def generate(self, request: HeadRequest) -> HeadResult:
        return HeadResult(identity=self.identity)


def request_of(clip: Clip) -> HeadRequest:
    """The clip's first frame."""
    return HeadRequest(clip_pictures(clip)[0])


def truth_of(clip: Clip) -> HeadResult:
    """The identity that `head.npz` records."""
    return HeadResult(identity=clip.fields["head.npz"].identity)


def mean_head(clips: Iterable[Clip]) -> MeanHead:
    """Fits the baseline. Raises NotADataset where there is no clip."""
    people = {clip.record.identity: clip.fields["head.npz"].identity for clip in clips}
    if not people:
        raise NotADataset("no clip to take the mean head of", cure="record or curate clips of the train split")
    return MeanHead(np.mean([people[name] for name in sorted(people)], 0).astype(np.float32))


HEAD_CREATION = Task(
    slug="head_creation",
    title="A picture or a description to a head",
    request=HeadRequest,
    result=HeadResult,
    endpoint="/v1/heads",
    needs=("mp4", "head.npz"),
    metrics=("pve",),
    request_of=request_of,
    truth_of=truth_of,
    baseline=mean_head,
    baseline_name="mean head",
    control=lambda request, other: replace(request, image=other.image, prompt=other.prompt),
    control_name="shuffled picture",
)
