"""Means of what a run reports between two events: losses, the rate, the time left, and where a step's time goes."""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from pathlib import Path

from talkie.training.engine import StepReport


def held_most_gb() -> float:
    """GiB that this process held resident at most. Where Linux tells it, since the process was loaded: getrusage begins
    with what the parent held when it started this one."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        kibibytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kibibytes / 2**20


class Meter:
    """Collects steps; the rate is that of the steps since the last event. `steps`: of the whole run."""

    def __init__(self, steps: int, flops: float = 0.0, peak: float = 0.0):
        """flops: of a step on this worker; peak: floating point operations per second of matrix products."""
        self._steps, self.flops, self.peak = steps, flops, peak
        self._began = time.perf_counter()
        self._sums: dict[str, float] = defaultdict(float)
        self._times: dict[str, float] = defaultdict(float)
        self._losses: dict[str, int] = defaultdict(int)
        self._count = self._samples = 0

    def add(self, report: StepReport, wait_s: float, samples: int) -> None:
        self._count += 1
        self._samples += samples
        for name, value in report.losses.items():
            self._sums[name] += value
            self._losses[name] += 1
        self._times["data_wait_s"] += wait_s
        self._times["forward_s"] += report.forward_s
        self._times["backward_s"] += report.backward_s
        self._times["optimiser_s"] += report.optimiser_s
        for role, norm in report.norms.items():
            self._times[f"gradient_norm/{role}"] += norm

    def take(self, total: int) -> dict[str, object]:
        """The fields of an event about the steps since the last one; `total`: steps done in the whole run."""
        spent = max(1e-9, time.perf_counter() - self._began)
        steps = max(1, self._count)
        if self.flops and self.peak:
            self._times["mfu"] = self.flops * steps / (spent / steps * self.peak)
        meters = {name: value / steps for name, value in self._times.items()}
        meters |= {"step_s": spent / steps, "resident_gb": held_most_gb()}
        if self.flops:
            meters["flops"] = self.flops
        fields: dict[str, object] = {
            "losses": {name: value / self._losses[name] for name, value in self._sums.items()},
            "samples_per_s": self._samples / spent,
            "eta_s": (self._steps - total) * spent / steps,
            "meters": meters,
        }
        self.__init__(self._steps, self.flops, self.peak)  # type: ignore[misc]
        return fields
