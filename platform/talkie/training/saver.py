"""Writes checkpoints beside the training: copies are handed over, a thread puts them on the disk. At most one is under
way. What a checkpoint is on the disk is in checkpoint.py."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from talkie.errors import DISK_FULL_ERRNOS, DiskFull, StorageError, TalkieError
from talkie.training import checkpoint


class Saver:
    """One writer of a run's checkpoints; `done` is told the step of each that was committed, on the writing thread.

    What goes wrong on the thread is raised by the next `save` or `wait`.
    """

    def __init__(self, root: Path, keep: int, done: Callable[[int], None]):
        self._root, self._keep, self._done = root, keep, done
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self.best: int | None = None

    def save(self, step: int, tensors: Mapping[str, Mapping[str, Tensor]], records: Mapping[str, Any]) -> None:
        """`tensors`: safetensors files by name, copies that nobody changes any more; `records`: JSON files by name."""
        self.wait()
        words = {name: json.dumps(value, sort_keys=True) for name, value in records.items()}
        self._thread = threading.Thread(target=self._write, args=(step, tensors, words), name="talkie-checkpoint")
        self._thread.start()

    def wait(self) -> None:
        """Until what was handed over lies on the disk. Raises DiskFull or StorageError."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _write(self, step: int, tensors: Mapping[str, Mapping[str, Tensor]], words: Mapping[str, str]) -> None:
        try:
            folder = checkpoint.begin(self._root, step)
            for name, values in tensors.items():
                save_file(dict(values), folder / f"{name}.safetensors")
            for name, text in words.items():
                (folder / f"{name}.json").write_text(text)
            checkpoint.commit(self._root, step, self._keep, self.best)
            self._done(step)
        except Exception as error:
            shutil.rmtree(checkpoint.pending_of(self._root, step), ignore_errors=True)
            self._error = _typed(error, self._root)


def _typed(error: Exception, root: Path) -> BaseException:
    if isinstance(error, TalkieError):
        return error
    # safetensors reports the operating system's errors by their text alone.
    full = getattr(error, "errno", None) in DISK_FULL_ERRNOS or "os error 28" in str(error).lower()
    if full or "no space left" in str(error).lower():
        return DiskFull(
            "no room for a checkpoint; those before it are whole",
            where=str(root),
            cure="make room, then go on with --resume",
        )
    return StorageError(
        f"a checkpoint cannot be written: {error}", where=str(root), cure="mend that, then go on with --resume"
    )
