"""Ends what a Ray that was started here leaves behind when its driver is killed; also a program of its own.

Ray's kernel-level bond ends the raylet with the driver, and workers end with the raylet. Its agents go on looking for
it for a minute or more: they are known as its children while it lives. What a worker has started itself is nobody's,
but carries the raylet's process id in its environment.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

_MARK = "RAY_RAYLET_PID"
_ALL_IS_WELL = b"x"
_LOOK_EVERY_S = 1.0


def watch_over(raylet: int) -> subprocess.Popen[bytes]:
    """A process of a few MB that outlives this one, and then ends the leftovers of that raylet."""
    # A session of its own: Ctrl-C in the terminal is not for it.
    command = [sys.executable, "-I", "-S", __file__, str(raylet)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)


def release(reaper: subprocess.Popen[bytes], *, all_is_well: bool) -> None:
    """The raylet will now be stopped in good order; or it is gone already, and its leftovers are to be ended."""
    assert reaper.stdin is not None
    try:
        if all_is_well:
            reaper.stdin.write(_ALL_IS_WELL)
        reaper.stdin.close()
    except OSError:
        pass  # somebody has killed it
    reaper.wait()


def children(pid: int) -> dict[int, str]:
    """Ids of a process's children with the times at which they began, which tell a process from a later one."""
    found = _read(f"/proc/{pid}/task/{pid}/children").split()
    return {int(child): _birth(int(child)) for child in found}


def end_leftovers(raylet: int, known: dict[int, str]) -> None:
    """SIGKILL to every process that carries that raylet's mark, and to its known children."""
    mark = f"{_MARK}={raylet}\0"
    names = filter(str.isdecimal, os.listdir("/proc") if os.path.isdir("/proc") else [])
    marked = [int(name) for name in names if mark in _read(f"/proc/{name}/environ") + "\0"]
    for pid in {*marked, *(pid for pid, birth in known.items() if birth and _birth(pid) == birth)} - {os.getpid()}:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue  # gone, or another user's


def _birth(pid: int) -> str:
    """Field 22 of /proc/PID/stat, clock ticks since boot; the name in field 2 may hold blanks."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def _read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _main() -> None:
    """Wait until the driver says that all is well or is no more."""
    raylet = int(sys.argv[1])
    known: dict[int, str] = {}
    while not select.select([0], [], [], _LOOK_EVERY_S)[0]:
        known |= children(raylet)
        known = {pid: birth for pid, birth in known.items() if _birth(pid) == birth}
    if os.read(0, 1) != _ALL_IS_WELL:
        end_leftovers(raylet, known)


if __name__ == "__main__":
    _main()
