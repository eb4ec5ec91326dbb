"""Runs one command and tells what it and everything it started cost: `measure.py REPORT KILL_AFTER_S CMD...`.

KILL_AFTER_S: seconds after which all of it gets SIGKILL, as when the power fails; 0: never.

Processes are followed as descendants of this one, which adopts orphans (PR_SET_CHILD_SUBREAPER), so that daemons such
as Ray's count. Processor time is the larger of what the kernel sums up for children that were waited for (getrusage)
and of what was seen in /proc, because a parent that ignores SIGCHLD leaves its children out of the former."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

_SUBREAPER = 36
_EVERY_S = 0.2
_MEMORY_EVERY = 5
_LINGER_S = 20.0
_TICK = os.sysconf("SC_CLK_TCK")


def main() -> int:
    report, kill_after_s, command = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
    began = time.monotonic()
    child = subprocess.Popen(command, start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: None)
    seen, peak, turns, status = dict[tuple[int, str], int](), 0, 0, None
    wall, left = 0.0, began + (kill_after_s or 1e9)
    while True:
        pids = _descendants(os.getpid())
        for pid in pids:
            if found := _ticks(pid):
                seen[found[0]] = found[1]
        if turns % _MEMORY_EVERY == 0:
            peak = max(peak, sum(map(_memory, pids)))
        turns += 1
        status = _reap(child.pid, status)
        if status is not None and not wall:
            wall, left = time.monotonic() - began, time.monotonic() + _LINGER_S
        if status is not None and not _descendants(os.getpid()):
            break
        if time.monotonic() > left:
            for pid in _descendants(os.getpid()):
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(_EVERY_S)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    waited, watched = used.ru_utime + used.ru_stime, sum(seen.values()) / _TICK
    assert status is not None
    result = {
        "code": os.waitstatus_to_exitcode(status),
        "wall_s": round(wall, 3),
        "cpu_s": round(max(waited, watched), 3),
        "cpu_waited_s": round(waited, 3),
        "cpu_watched_s": round(watched, 3),
        "peak_mib": round(peak / 2**20),
    }
    report.write_text(json.dumps(result))
    return 0


def _reap(pid: int, status: int | None) -> int | None:
    """The exit status of the command once it is known; whatever else has ended is buried."""
    while True:
        try:
            gone, code = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if not gone:
            return status
        status = code if gone == pid else status


def _descendants(pid: int) -> list[int]:
    found, queue = list[int](), [pid]
    while queue:
        parent = queue.pop()
        with suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):
                with suppress(OSError):
                    children = Path(f"/proc/{parent}/task/{task}/children").read_text().split()
                    queue += map(int, children)
                    found += map(int, children)
    return found


def _ticks(pid: int) -> tuple[tuple[int, str], int] | None:
    """((process id, its birth), clock ticks used) of fields 22, 14 and 15 of /proc/PID/stat."""
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (pid, fields[19]), int(fields[11]) + int(fields[12])
    return None


def _memory(pid: int) -> int:
    """Bytes that a process holds, pages shared by n processes as an nth (PSS)."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    sys.exit(main())
