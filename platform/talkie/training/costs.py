"""What a step costs the machine: floating point operations, the machine's measured peak, and a trace of some steps.
The seconds of a step are measured where they are spent (engine.py)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

TRACED = range(3, 8)
"""Steps of a phase, counted from where the worker began, that a profile holds: the first ones warm up."""


@contextmanager
def counted(into: list[float]) -> Iterator[None]:
    """Appends the floating point operations of the block: forward and backward as they are run."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        yield
    into.append(float(counter.get_total_flops()))


def matmul_peak(dtype: torch.dtype, size: int = 768, tries: int = 3) -> float:
    """Floating point operations per second of the best of some square matrix products on this worker's device."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    one = torch.ones(size, size, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(tries + 1):
        began = time.perf_counter()
        one @ one
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


class Tracer:
    """Records the steps of TRACED with torch's profiler and leaves a Chrome trace, which Perfetto opens."""

    def __init__(self, path: Path):
        self._path = path
        self._profiler: Any = None
        self._step = 0

    def step(self) -> bool:
        """Called before each step; True when the trace has been written."""
        from torch.profiler import ProfilerActivity, profile

        if self._step == TRACED.start:
            kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
            self._profiler = profile(activities=kinds)
            self._profiler.__enter__()
        self._step += 1
        return self._step > TRACED.stop and self.close()

    def close(self) -> bool:
        """Writes what was recorded, if anything was."""
        if self._profiler is None:
            return False
        self._profiler.__exit__(None, None, None)
        temporary = self._path.with_suffix(".tmp")
        self._profiler.export_chrome_trace(str(temporary))
        temporary.replace(self._path)
        self._profiler = None
        return True
