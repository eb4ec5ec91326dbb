"""How busy the machine is while a run goes on, sampled into the run's metrics under the names that MLflow's own pages
know. What is done with them is in metrics.py."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

INTERVAL_S = 10.0
"""MLflow's own interval."""
_MB = 1e6


class SystemMetrics:
    """Calls `add(values, number of the sample)` every interval_s from a thread of its own, until it is closed; the
    last, shorter stretch is sampled too."""

    def __init__(self, add: Callable[[Mapping[str, float], int], None], disk: Path, interval_s: float = INTERVAL_S):
        import psutil

        self._add, self._disk, self._interval_s = add, disk, interval_s
        self._number, self._over = 0, threading.Event()
        self._network = psutil.net_io_counters()
        # The first call only sets the beginning of the stretch that the next one is about.
        psutil.cpu_percent()
        self._thread = threading.Thread(target=self._work, name="talkie-system-metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        if not self._over.is_set():
            self._over.set()
            self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(self._interval_s):
            self._sample()
        self._sample()

    def _sample(self) -> None:
        values = {**self._machine(), **_gpus()}
        self._add({f"system/{name}": value for name, value in values.items()}, self._number)
        self._number += 1

    def _machine(self) -> dict[str, float]:
        """Percent, megabytes (10^6 bytes); traffic since the beginning of the run."""
        import psutil

        memory, network = psutil.virtual_memory(), psutil.net_io_counters()
        disk = psutil.disk_usage(str(self._disk))
        values = {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / _MB,
            "system_memory_usage_percentage": memory.percent,
            "disk_usage_percentage": disk.percent,
            "disk_usage_megabytes": disk.used / _MB,
            "disk_available_megabytes": disk.free / _MB,
        }
        if network is not None and self._network is not None:
            values["network_receive_megabytes"] = (network.bytes_recv - self._network.bytes_recv) / _MB
            values["network_transmit_megabytes"] = (network.bytes_sent - self._network.bytes_sent) / _MB
        return values


def _gpus() -> dict[str, float]:
    """Memory of every CUDA device as the driver tells it, other processes' included; none without one."""
    import torch

    if not torch.cuda.is_available():
        return {}
    values = {}
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        values[f"gpu_{number}_memory_usage_megabytes"] = (total - free) / _MB
        values[f"gpu_{number}_memory_usage_percentage"] = 100 * (total - free) / total
    return values
