"""How much memory processes hold, and how much there is. Who may hold how much is decided elsewhere."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

_TREE_AGE_S = 2.0
"""Processes are looked for this often; what those known hold is read every time."""

_END_S = 2.0

_CGROUP = Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Bytes that this machine, or the container that we are in, still has."""
    free = psutil.virtual_memory().available
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
    except (OSError, ValueError):
        return free
    return free if limit == "max" else min(free, int(limit) - used)


def kernel_kills() -> int:
    """Times that the kernel has killed a process of this container for want of memory; 0 where it does not count."""
    try:
        lines = (_CGROUP / "memory.events").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def held(process: psutil.Process) -> int:
    """Resident bytes of a process; 0 once it is gone."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def end_tree(process: psutil.Process) -> None:
    """SIGKILL to a process and all that it has started."""
    try:
        tree = [process, *process.children(recursive=True)]
    except psutil.Error:
        return
    # What they held is free, and no longer counted, once they are gone.
    for one in tree:
        try:
            one.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(tree, timeout=_END_S)


class Census:
    """Resident bytes of this process and everything below it: Ray's own processes, its object store, the workers.

    Pages that several processes share count once for each, so that the sum errs on the safe side.
    """

    def __init__(self) -> None:
        self._me = psutil.Process()
        self._tree: list[psutil.Process] = []
        self._taken = 0.0
        self.total = 0
        self.peak = 0

    def take(self, *, anew: bool = False) -> int:
        """Count now; `anew`: processes have just begun or ended."""
        now = time.monotonic()
        if anew or now - self._taken > _TREE_AGE_S or not self._tree:
            self._taken, self._tree = now, [self._me, *self._me.children(recursive=True)]
        self.total = sum(held(process) for process in self._tree)
        self.peak = max(self.peak, self.total)
        return self.total
