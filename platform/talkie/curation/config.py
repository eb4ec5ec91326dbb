"""The settings of a curation run, checked whole before anything starts; they are stored with the shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from talkie.clip import FPS
from talkie.curation.draft import Network
from talkie.curation.judgement.recipes import CurationRecipe, load_recipe
from talkie.curation.shots import ShotSettings
from talkie.faces import Recipe
from talkie.heads.fitting import FitSettings

CURATION_VERSION = "3"
"""Raised when the same source and settings would give other clips."""


class CurateConfig(BaseModel):
    """What becomes a clip and how its labels are made. Times are seconds of the source.

    recipe: crop, lengths, labels, scores and filters. models: networks by name (`arcface`, `whisper`, `wav2vec2`,
    `hubert`, `clip`, `face_parser`); they decide over labels, but where they lie is no part of the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: CurationRecipe = Field(default_factory=lambda: load_recipe("permissive"))
    fit: FitSettings = FitSettings()
    shots: ShotSettings = ShotSettings()
    camera_distance_m: float = Field(default=1.0, gt=0.1, le=20, description="assumed distance of camera and head")
    min_confidence: float = Field(default=0.5, ge=0, le=1, description="of the face detector and tracker")
    max_gap_frames: int = Field(
        default=5, ge=0, le=50, description="a face lost for longer ends the clip; shorter gaps are interpolated"
    )
    max_jump: float = Field(
        default=0.5, gt=0, description="face sizes it may move, or share it may grow, from frame to frame: else a cut"
    )
    max_source_s: float = Field(default=14400.0, gt=0, description="longer sources are refused")
    piece_s: float = Field(default=600.0, ge=1, description="longer sources are worked on in pieces of about this")
    sync_search_s: float = Field(default=0.6, ge=0, le=5, description="how far an audio-video offset is looked for")
    sync_confidence: float = Field(default=0.5, ge=0, le=1, description="from which on an offset is believed")
    correct_sync: bool = Field(default=True, description="read the sound as much later as it is late")
    cluster_identities: bool = Field(default=True, description="people nobody names are told apart by their faces")
    same_face: float = Field(
        default=0.9, gt=0, le=1, description="mean cosine of two people's faces that are one person"
    )
    drop_near_duplicates: bool = True
    models: dict[str, Network] = {}

    @property
    def crop(self) -> Recipe:
        return self.recipe.crop

    @property
    def min_clip_s(self) -> float:
        return self.recipe.clip.least_s

    @property
    def min_frames(self) -> int:
        return round(self.recipe.clip.least_s * FPS)

    @property
    def max_frames(self) -> int:
        return round(self.recipe.clip.most_s * FPS)

    def settings(self) -> dict[str, Any]:
        """What is stored in the index and compared with the next run's, as JSON values."""
        plain = self.model_dump(mode="json", exclude={"recipe", "models"})
        return {
            "tool": "curate",
            "curation_version": CURATION_VERSION,
            **plain,
            "recipe": self.recipe.settings(),
            "models": {name: _digest(network.path) for name, network in sorted(self.models.items())},
        }


def _digest(path: Path) -> str:
    """Of a model: SHA-256 over the names and bytes of its files."""
    import hashlib

    from talkie.media import sha256_file

    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    rows = "".join(f"{file.relative_to(path)} {sha256_file(file)}\n" for file in files)
    return hashlib.sha256(rows.encode()).hexdigest()
