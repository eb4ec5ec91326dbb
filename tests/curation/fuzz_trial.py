"""One media file read in a child process under limits of memory and time, and what came of it."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from talkie.errors import TalkieError
from talkie.media import probe, read_audio, read_video

STEP_S = 20.0
MEMORY_BYTES = 3 << 30
MAX_SECONDS = 1300.0


@dataclass(frozen=True)
class Trial:
    """outcome: "read", a typed error's cause, "untyped: ...", "killed by signal N" or "hung"; peak_mb: resident, beyond
    what the child had of its parent."""

    name: str
    outcome: str
    seconds: float
    peak_mb: float
    frames: int = 0

    @property
    def contained(self) -> bool:
        return not self.outcome.startswith(("untyped", "killed", "hung"))


def attempt(path: Path) -> Trial:
    """Probe a file and read its pictures and sound, in a fork of this process."""
    begin = time.monotonic()
    reader, writer = os.pipe()
    before_mb = psutil.Process().memory_info().rss / 2**20
    child = os.fork()
    if child == 0:
        os.close(reader)
        _read(path, writer)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], STEP_S)
    if not ready:
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - begin
    peak_mb = max(0.0, usage.ru_maxrss / 1024 - before_mb)
    if not ready:
        return Trial(path.name, "hung", seconds, peak_mb)
    if not told:
        return Trial(path.name, f"killed by signal {os.WTERMSIG(status)}", seconds, peak_mb)
    return Trial(path.name, seconds=seconds, peak_mb=peak_mb, **json.loads(told))


def _read(path: Path, writer: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (int(STEP_S), int(STEP_S)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    frames = 0
    try:
        info = probe(path)
        if info.video is not None:
            for _ in read_video(path, info=info.video, max_seconds=MAX_SECONDS):
                frames += 1
        read_audio(path, info=info, max_seconds=MAX_SECONDS)
        outcome = "read"
    except TalkieError as error:
        outcome = error.cause
    except BaseException as error:
        outcome = f"untyped: {type(error).__name__}: {error}"
    os.write(writer, json.dumps({"outcome": outcome, "frames": frames}).encode())
    os._exit(0)
