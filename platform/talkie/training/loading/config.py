"""The settings of reading shards for training, checked whole before anything is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from talkie.shards import Dataset

LicenceClass = Literal["commercial", "derivatives", "attribution", "share-alike"]


class LoadConfig(BaseModel):
    """How shards are read. Order, windows and partners depend on `weights` and `balance` alone, never on the rest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: tuple[float, ...] | None = Field(
        None, description="share of each corpus, in their order; without it every clip comes once an epoch"
    )
    balance: Literal["none", "identity"] = Field("none", description='"identity": every person comes equally often')
    confidence: str | None = Field(
        None, description="score of the records, in [0, 1], that becomes a clip's weight in the loss; None: no weights"
    )
    licences: tuple[str, ...] = Field(
        (), description="licences allowed: names, or classes (commercial, derivatives, attribution, share-alike)"
    )
    deny_licences: tuple[str, ...] = Field((), description="licences refused: names or classes")
    loaders: int = Field(0, ge=0, le=256, description="threads that prepare examples ahead; 0: none")
    prefetch: int = Field(2, ge=1, le=256, description="steps prepared ahead where there are loaders")
    cache_mb: int = Field(2048, ge=0, description="memory for whole examples and decoded pictures, per worker")
    disk_cache: Path | None = Field(None, description="folder for what is fetched from a store; None: memory only")
    disk_cache_mb: int = Field(20_480, ge=0, description="bound of that folder; the oldest go first")
    corrupt_limit: int = Field(100, ge=1, description="so many corrupt clips in a row are fatal")

    @field_validator("weights")
    @classmethod
    def _positive(cls, weights: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if weights is not None and (not weights or min(weights) <= 0):
            raise ValueError("weights must be positive; leave a corpus out instead of giving it 0")
        return weights


@dataclass(frozen=True)
class Corpus:
    """A dataset, or the folder or address of one, and its share of the examples where corpora are mixed by weight."""

    dataset: Dataset | Path | str
    weight: float | None = None
