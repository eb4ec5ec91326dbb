"""Real servers of records on loopback: a PostgreSQL cluster of the Debian package in a temporary folder, and `mlflow
server`. Each is stopped by the process that was started, and nothing of it stays."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE_S = 240.0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def postgres_binaries() -> Path | None:
    """The folder with initdb and postgres, None where the package is not installed."""
    found = [Path(p) for p in (shutil.which("initdb"), *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))) if p]
    folders = [path.resolve().parent for path in found]
    return next((folder for folder in reversed(folders) if (folder / "postgres").exists()), None)


class Postgres:
    """A cluster with one user `talkie`, a password and a database `records`. It refuses to run as root, so another user
    of the machine runs it there."""

    def __init__(self, binaries: Path, folder: Path):
        self._bin, self._data, self.port = binaries, folder / "data", free_port()
        self._who: dict[str, Any] = {}
        if os.getuid() == 0:
            name = next(n for n in ("postgres", "nobody") if _known(n))
            entry = pwd.getpwnam(name)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
            self._who = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": folder}
        secret = folder / "password"
        secret.write_text("secret of the tests")
        secret.chmod(0o644)
        words = [
            "-D",
            self._data,
            "-U",
            "talkie",
            f"--pwfile={secret}",
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        self._run("initdb", *words)
        self._socket = folder
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "talkie", "records")

    def url(self, password: str = "secret of the tests", database: str = "records") -> str:
        return f"postgresql://talkie:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = ["-p", str(self.port), "-h", "127.0.0.1", "-k", str(self._socket), "-c", "fsync=off"]
        self._server = subprocess.Popen(
            [str(self._bin / "postgres"), "-D", str(self._data), *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._who,
        )  # fmt: skip
        _until(lambda: self._answers(), self._server)

    def stop(self) -> None:
        """Ends it as a crash of the machine would look to those who are connected."""
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(30)

    def _answers(self) -> bool:
        words = [str(self._bin / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(words, capture_output=True).returncode == 0

    def _run(self, name: str, *words: Any) -> None:
        environment = {**os.environ, "PGPASSWORD": "secret of the tests", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [str(self._bin / name), *map(str, words)], env=environment, capture_output=True, text=True, **self._who
        )
        assert done.returncode == 0, done.stderr


def _known(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


@contextmanager
def postgres(binaries: Path) -> Iterator[Postgres]:
    # Not pytest's folder: only its owner may enter that.
    with tempfile.TemporaryDirectory(prefix="talkie-postgres-") as folder:
        server = Postgres(binaries, Path(folder))
        try:
            yield server
        finally:
            server.stop()


class MlflowServer:
    """`mlflow server` over a SQLite file, which keeps artifacts for its clients."""

    def __init__(self, folder: Path, database: Path | None = None):
        self._folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        if database is not None:
            shutil.copy(database, folder / "server.db")
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        words = ["server", "--backend-store-uri", f"sqlite:///{self._folder / 'server.db'}", "--workers", "1"]
        words += ["--artifacts-destination", str(self._folder / "artifacts"), "--port", str(self.port)]
        environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "mlflow", *words, "--host", "127.0.0.1"],
                stdout=log, stderr=log, env=environment, start_new_session=True,
            )  # fmt: skip
        _until(self._answers, self._server)

    def stop(self) -> None:
        """Its workers are of its own process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._server.pid, signal.SIGKILL)
        self._server.wait(30)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def mlflow_server(folder: Path, database: Path | None = None) -> Iterator[MlflowServer]:
    server = MlflowServer(folder, database)
    try:
        yield server
    finally:
        server.stop()


def _until(ready: Any, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not ready():
        assert server.poll() is None, "the server ended"
        assert time.monotonic() < end, "the server does not answer"
        time.sleep(0.1)
