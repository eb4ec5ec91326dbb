"""The folder where a user's state lives: runs, the MLflow database and the artifacts. Nothing here writes files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "TALKIE_HOME"


@dataclass(frozen=True)
class Home:
    """Paths below a home folder; by default TALKIE_HOME, else ~/.talkie."""

    path: Path

    @classmethod
    def at(cls, path: Path | str | None = None) -> Home:
        chosen = path or os.environ.get(HOME_VARIABLE) or Path.home() / ".talkie"
        return cls(Path(chosen).expanduser().resolve())

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.path / 'mlflow.db'}"

    @property
    def artifacts(self) -> Path:
        return self.path / "mlartifacts"

    def run(self, name: str) -> Path:
        """The folder of a training run: settings, checkpoints, events, model."""
        return self.path / "runs" / name
