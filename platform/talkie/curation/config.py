"""The settings of a curation run, checked whole before anything starts; they are stored with the shards."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from talkie.clip import FPS
from talkie.faces import Recipe
from talkie.heads.fitting import FitSettings

CURATION_VERSION = "1"
"""Raised when the same source and settings would give other clips."""


class CurateConfig(BaseModel):
    """What becomes a clip and how its labels are made. Times are seconds of the source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    crop: Recipe = Recipe()
    fit: FitSettings = FitSettings()
    camera_distance_m: float = Field(default=1.0, gt=0.1, le=20, description="assumed distance of camera and head")
    min_confidence: float = Field(default=0.5, ge=0, le=1, description="of the face detector and tracker")
    max_gap_frames: int = Field(
        default=5, ge=0, le=50, description="a face lost for longer ends the clip; shorter gaps are interpolated"
    )
    max_jump: float = Field(
        default=0.5, gt=0, description="face sizes it may move, or share it may grow, from frame to frame: else a cut"
    )
    min_clip_s: float = Field(default=1.0, ge=0.2)
    max_clip_s: float = Field(default=60.0, le=600, description="longer stretches are cut into clips of this length")
    max_source_s: float = Field(default=600.0, gt=0, description="longer sources are refused")

    @model_validator(mode="after")
    def _lengths_in_order(self) -> CurateConfig:
        if self.max_clip_s < 2 * self.min_clip_s:
            raise ValueError("max_clip_s must be at least twice min_clip_s")
        return self

    @property
    def min_frames(self) -> int:
        return round(self.min_clip_s * FPS)

    @property
    def max_frames(self) -> int:
        return round(self.max_clip_s * FPS)

    def settings(self) -> dict[str, Any]:
        """What is stored in the index and compared with the next run's, as JSON values."""
        return {"tool": "curate", "curation_version": CURATION_VERSION, **self.model_dump(mode="json")}
