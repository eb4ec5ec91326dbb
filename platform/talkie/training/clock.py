"""The seconds that a run takes, counted on where it is resumed."""

from __future__ import annotations

import os
import time
from pathlib import Path


class RunClock:
    """Counts from what `path` holds. What was not kept there before an interruption is not counted: the steps since
    the last checkpoint are done, and counted, again."""

    def __init__(self, path: Path):
        self.path = path
        self._before = float(path.read_text()) if path.exists() else 0.0
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return self._before + time.monotonic() - self._began

    def keep(self) -> None:
        """Stores the seconds so far, whole or not at all."""
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(f"{self.seconds:.3f}")
        os.replace(temporary, self.path)
