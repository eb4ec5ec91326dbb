"""What the parts of the service hand each other: models as they are listed, answers and their formats.

Nothing here or above it in the ingress imports torch: a process that computes nothing should not carry it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from pydantic import BaseModel, ConfigDict

AnswerFormat = Literal["json", "csv", "mp4"]

MEDIA_TYPES: dict[AnswerFormat, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "mp4": "video/mp4",
}

GENERATOR = f"talkie/{version('talkie')}"
"""Names this software in every answer."""

VIDEO_PATH = "/v1/speech-to-video"
"""Where systems that answer with motion have it rendered on the built-in head."""


@dataclass(frozen=True)
class Answer:
    """The body of an answer and what it took: frames answered, and seconds of computing."""

    body: bytes
    media_type: str
    frames: int
    compute_s: float


class ServedModel(BaseModel):
    """One model of the service, as GET /v1/models lists it. `parts`: what stands in for each pretrained part."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    system: str
    task: str
    title: str
    paper: str
    licence: str
    parts: dict[str, str]
    endpoints: tuple[str, ...]

    @property
    def label(self) -> str:
        return f"{self.name}/{self.version}"
