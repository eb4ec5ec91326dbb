"""Metrics of a run, off the thread that trains: queued, spooled to disk, sent in batches by a thread of their own.
Which values there are is decided in runs.py."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from talkie.errors import DISK_FULL_ERRNOS, DiskFull, TrackingUnreachable
from talkie.experiments.home import Home
from talkie.experiments.reach import PATIENCE, Patience, asked, understood

PER_CALL = 1000
"""MLflow takes at most 1000 metrics in one call."""
INTERVAL_S = 1.0
"""How often values are taken from the queue; a killed process loses at most those of this long."""
LONGEST_WAIT_S = 30.0
SPOOL_NAME = "metrics.jsonl"


class Spool:
    """Values on disk that the server has not confirmed: a JSON line each, and beside it how many bytes are confirmed.

    A crash between the two only sends values twice, and MLflow keeps a value of equal name, time and step once."""

    def __init__(self, path: Path):
        self.path, self._mark = path, path.with_suffix(".sent")
        self._sent = int(self._mark.read_text() or 0) if self._mark.exists() else 0

    def append(self, lines: list[str]) -> None:
        with self.path.open("ab") as file:
            # A torn last line of a killed process must not swallow the next one.
            start = "\n" if file.tell() and not self._ends_whole() else ""
            file.write((start + "".join(line + "\n" for line in lines)).encode())
            file.flush()
            os.fsync(file.fileno())

    def next(self, values: int) -> tuple[list[dict[str, Any]], int]:
        """Lines that are not confirmed yet, of about that many values, and where they end. A torn line is left out."""
        if not self.path.exists():
            return [], self._sent
        found: list[dict[str, Any]] = []
        with self.path.open("rb") as file:
            file.seek(self._sent)
            held = 0
            while held < values and (line := file.readline()).endswith(b"\n"):
                try:
                    found.append(json.loads(line))
                    held += len(found[-1]["m"]) or 1
                except (ValueError, KeyError, TypeError):
                    continue
            return found, file.tell() if held >= values or not line else file.tell() - len(line)

    def confirm(self, end: int) -> None:
        """Everything up to there has arrived."""
        if end >= self.path.stat().st_size:
            self.path.unlink()
            self._mark.unlink(missing_ok=True)
            self._sent = 0
            return
        self._sent = end
        self._mark.write_text(str(end))

    def waiting(self) -> int:
        """Values that are not confirmed yet."""
        if not self.path.exists():
            return 0
        with self.path.open("rb") as file:
            file.seek(self._sent)
            return sum(len(json.loads(line)["m"]) for line in file if line.endswith(b"\n"))

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


class MetricLog:
    """`add` costs a few microseconds and never waits. While the server is out of reach, values stay in the spool and
    training goes on; they are sent when it is back, at the end at the latest.

    run: opens the MLflow run and returns its id; it is called on the log's thread, so that a slow or absent server
    costs no step. spool: where values wait, None for a temporary file. A spool that an earlier process left is sent
    first. An error of the server's own (a run that was deleted) ends the sending, keeps the spool and is raised by
    `close`."""

    def __init__(
        self,
        run: Callable[[], str],
        client: Callable[[], Any],
        home: Home,
        spool: Path | None = None,
        patience: Patience = PATIENCE,
        interval_s: float = INTERVAL_S,
    ):
        self._run, self._client, self._home, self._patience, self._interval_s = run, client, home, patience, interval_s
        self._temporary = None if spool else tempfile.TemporaryDirectory(prefix="talkie-metrics-")
        if self._temporary is None:
            assert spool is not None
            spool.parent.mkdir(parents=True, exist_ok=True)
        self.spool = Spool(spool or Path(self._temporary.name) / SPOOL_NAME)  # type: ignore[union-attr]
        self._queue: deque[dict[str, Any]] = deque()
        self._over = threading.Event()
        self._failure: Exception | None = None
        self._retry_at, self._failures = 0.0, 0
        self._thread = threading.Thread(target=self._work, name="talkie-metrics", daemon=True)
        self._thread.start()

    def __enter__(self) -> MetricLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, metrics: Mapping[str, float], step: int) -> None:
        """Queues values of a step, taken as they are now."""
        self._queue.append(
            {"t": time.time_ns() // 1_000_000, "s": step, "m": {k: float(v) for k, v in metrics.items()}}
        )

    def add_file(self, path: Path, name: str) -> None:
        """Queues a file that stays where it is: a sample picture, clip or curve, stored under `name`."""
        self._queue.append({"t": 0, "s": 0, "m": {}, "f": str(path), "n": name})

    def close(self) -> None:
        """Sends what is left, with patience. Raises TrackingUnreachable where that failed: the values stay in the
        spool, and `talkie sync` or the same training sends them."""
        if self._over.is_set():
            return
        self._over.set()
        self._thread.join()
        try:
            self._drain()
            if self._failure is not None:
                raise self._failure
            asked(self._home, self._send_all, self._patience)
        except TrackingUnreachable as error:
            if self._temporary is None:
                raise _kept(error, self.spool) from error
            raise
        except OSError as error:
            if error.errno not in DISK_FULL_ERRNOS:
                raise
            raise DiskFull(
                f"no room for {len(self._queue)} lines of metrics", where=str(self.spool.path), cure="make room"
            ) from error
        finally:
            if self._temporary is not None:
                self._temporary.cleanup()

    def _work(self) -> None:
        while not self._over.wait(self._interval_s):
            try:
                self._drain()
                if self._failure is None and time.monotonic() >= self._retry_at:
                    self._send_all()
                    self._failures = 0
            except Exception as error:
                known = understood(self._home, error)
                if isinstance(error, OSError) and known is None:
                    # The disk's: values wait in the queue, and the next turn tries again.
                    continue
                if not isinstance(known, TrackingUnreachable):
                    self._failure = known or error
                    continue
                # No patience in here, only pauses: values go on to the disk meanwhile.
                self._failures += 1
                self._retry_at = time.monotonic() + min(0.5 * 2**self._failures, LONGEST_WAIT_S)

    def _drain(self) -> None:
        taken = list(self._queue)
        if taken:
            self.spool.append([json.dumps(line) for line in taken])
            # Only what is on the disk leaves the queue: on a full one it waits here.
            for _ in taken:
                self._queue.popleft()

    def _send_all(self) -> None:
        while True:
            lines, end = self.spool.next(PER_CALL)
            if not lines:
                return
            send(self._client(), self._run(), lines)
            self.spool.confirm(end)


def send(client: Any, run_id: str, lines: list[dict[str, Any]]) -> None:
    """Lines of a spool to MLflow."""
    from mlflow.entities import Metric

    values = [Metric(metric_name(k), v, line["t"], line["s"]) for line in lines for k, v in line["m"].items()]
    for start in range(0, len(values), PER_CALL):
        client.log_batch(run_id, metrics=values[start : start + PER_CALL])
    for line in lines:
        # One that was removed meanwhile, as a run's folder may be, is no reason to keep the others waiting.
        if "f" in line and Path(line["f"]).is_file():
            send_file(client, run_id, Path(line["f"]), line["n"])


def send_file(client: Any, run_id: str, path: Path, name: str) -> None:
    """A file to MLflow, under a name of ours."""
    folder, _, last = name.rpartition("/")
    with tempfile.TemporaryDirectory(prefix="talkie-file-") as temporary:
        # MLflow keeps the file's own name; a link saves the copy.
        named = Path(temporary) / last
        named.symlink_to(path.resolve())
        client.log_artifact(run_id, str(named), folder or None)


def metric_name(name: str) -> str:
    """MLflow allows letters, digits, and _-./ and spaces only."""
    return "".join(c if c.isalnum() or c in "_-./ " else "_" for c in name)


def _kept(error: TrackingUnreachable, spool: Spool) -> TrackingUnreachable:
    return TrackingUnreachable(
        f"{error.message}; {spool.waiting()} values wait in {spool.path}, nothing is lost",
        where=error.where,
        cure="`talkie sync` sends them once it answers; training again with --resume goes on from here",
    )
