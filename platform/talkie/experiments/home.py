"""Where a user's state lives: the folder of runs and artifacts, and the address of the records. Nothing here writes
files or asks a server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from talkie.errors import BadConfig
from talkie.storage import is_remote, shown

HOME_VARIABLE = "TALKIE_HOME"
TRACKING_VARIABLE = "TALKIE_TRACKING"
"""Environment variable with the address of the MLflow records: what keeps a password off the command line."""
ARTIFACTS_VARIABLE = "TALKIE_ARTIFACTS"
"""Environment variable with the folder or address under which artifacts go, where several machines share records."""

DATABASES = ("sqlite", "postgresql")
SERVERS = ("http", "https")
_POSTGRES_LIMITS = "connect_timeout=5&tcp_user_timeout=20000"


@dataclass(frozen=True)
class Home:
    """Paths below a home folder. tracking: the address of the records, None for a SQLite file in the folder;
    artifact_store: where artifacts go, None for the folder (an MLflow server decides for itself)."""

    path: Path
    tracking: str | None = None
    artifact_store: str | None = None

    @classmethod
    def at(cls, path: Path | str | None = None, tracking: str | None = None) -> Home:
        """By default TALKIE_HOME, else ~/.talkie; records at TALKIE_TRACKING, artifacts at TALKIE_ARTIFACTS.

        Raises BadConfig for an address of records that is no sqlite:, postgresql:, http: or https: URL."""
        chosen = path or os.environ.get(HOME_VARIABLE) or Path.home() / ".talkie"
        tracking = tracking or os.environ.get(TRACKING_VARIABLE) or None
        if tracking is not None:
            _check(tracking)
        store = os.environ.get(ARTIFACTS_VARIABLE) or None
        return cls(Path(chosen).expanduser().resolve(), tracking, store)

    @property
    def tracking_uri(self) -> str:
        """The address as MLflow takes it. A PostgreSQL server that vanishes without a word is given up after seconds,
        where libpq would wait for a quarter of an hour."""
        uri = self.tracking or f"sqlite:///{self.path / 'mlflow.db'}"
        # The driver is named, because SQLAlchemy's own choice changed between its versions.
        uri = uri.replace("postgresql://", "postgresql+psycopg2://", 1) if uri.startswith("postgresql://") else uri
        if uri.startswith("postgresql") and "connect_timeout" not in uri:
            uri += ("&" if "?" in uri else "?") + _POSTGRES_LIMITS
        return uri

    @property
    def tracking_shown(self) -> str:
        """The address of the records as it may be printed: without user and password."""
        return shown(self.tracking) if self.tracking else str(self.path)

    @property
    def by_server(self) -> bool:
        """Whether records are kept by a server, which may be out of reach, and not in a file."""
        return not self.tracking_uri.startswith("sqlite:")

    @property
    def by_http(self) -> bool:
        return self.tracking_uri.startswith(("http:", "https:"))

    @property
    def has_records(self) -> bool:
        """Whether there may be records; asking must not make an empty database."""
        return self.tracking is not None or (self.path / "mlflow.db").is_file()

    @property
    def artifacts(self) -> Path:
        return self.path / "mlartifacts"

    def artifact_location(self, experiment: str) -> str | None:
        """Where the artifacts of a new experiment go; None where an MLflow server decides."""
        if self.by_http:
            return None
        if self.artifact_store is None:
            return (self.artifacts / experiment).as_uri()
        if is_remote(self.artifact_store):
            return f"{self.artifact_store.rstrip('/')}/{experiment}"
        return (Path(self.artifact_store).expanduser().resolve() / experiment).as_uri()

    def run(self, name: str) -> Path:
        """The folder of a training run: settings, checkpoints, events, model."""
        return self.path / "runs" / name

    @property
    def runs(self) -> list[Path]:
        """The folders of all training runs, by name."""
        root = self.path / "runs"
        return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _check(tracking: str) -> None:
    kind = urlsplit(tracking).scheme.partition("+")[0]
    if kind not in (*DATABASES, *SERVERS):
        raise BadConfig(
            "no address of MLflow records",
            where=shown(tracking) if "://" in tracking else tracking,
            cure="write postgresql://USER:PASSWORD@HOST/DATABASE, http://HOST:PORT or sqlite:////PATH",
        )
