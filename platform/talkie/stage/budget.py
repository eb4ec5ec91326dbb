"""What a shoot will need of memory and disk, told before it starts. Estimates, on the high side."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from talkie.errors import BadConfig, BadInput
from talkie.stage.sections import SensorName
from talkie.stage.shoot import Shoot

LONGEST_FRAMES = 250
"""Ten seconds: longer than any sentence of the script is spoken."""
_RAW: dict[SensorName, int] = {"depth": 2, "normals": 3, "mask": 1, "matte": 1, "flow": 5}
"""Bytes a pixel that a sensor holds until a take is written."""
_STORED: dict[SensorName, float] = {"depth": 0.6, "normals": 0.6, "mask": 0.01, "matte": 0.02, "flow": 1.0}
"""Bytes a pixel and frame that reach the disk, seen on 256 px takes."""
_PICTURE_STORED = 0.05
_FRAME: dict[SensorName, int] = {"scan": 2048 * 29, "pose": 5_500, "hands": 1_600, "contact": 3_000}
"""Bytes a frame of the sensors that do not grow with the picture."""
_BODY_FRAME = 8_100 * 24 + 55 * 64
"""Bytes a frame that the body's mesh and bones hold until a take is filmed."""
_TOUCH_FRAME = 8_000 * 24 * 3
"""Bytes a frame of the built-in head's skin as it gives way; a scanned head's three times that."""
_PROCESS = 1.2 * 2**30
"""A process with torch, numba and the head loaded."""


@dataclass(frozen=True)
class Budget:
    """memory: bytes at the worst moment; disk: bytes of all clips."""

    memory: float
    disk: float


def estimate(shoot: Shoot, clips: int, workers: int) -> Budget:
    """Memory of `workers` takes at once and disk of `clips`."""
    width, height = (shoot.rig.size,) * 2 if shoot.footage is None else (shoot.footage.width, shoot.footage.height)
    shots = 1 if shoot.footage is None else shoot.footage.shots[1]
    frames = LONGEST_FRAMES * shots
    pixels = frames * width * height
    # Pictures are held once as filmed, and four-fold in the supersampled canvas of the frame in work.
    raw = pixels * 3 * (shoot.rig.views + len(shoot.attacks) + 2 * (shoot.footage is not None))
    raw += pixels * sum(_RAW.get(s, 0) for s in shoot.sensors) + 150 * width * height
    raw += frames * (_BODY_FRAME * (shoot.body is not None) + _TOUCH_FRAME * (shoot.hands is not None))
    typical = pixels / 3
    stored = typical * (_PICTURE_STORED * shoot.rig.views + sum(_STORED.get(s, 0.0) for s in shoot.sensors))
    stored += frames / 3 * (sum(_FRAME.get(s, 0) for s in shoot.sensors) + 8_000)
    return Budget(memory=workers * (_PROCESS + 1.5 * raw), disk=clips * stored)


def check(shoot: Shoot, clips: int, workers: int, out: Path) -> None:
    """Raise BadConfig where the memory or the disk would not do, saying how much would, and BadInput for a folder that
    cannot be written."""
    folder = _writable(out)
    need = estimate(shoot, clips, workers)
    free = psutil.virtual_memory().available
    if need.memory > free:
        raise BadConfig(
            f"{workers} takes at a time would need about {_gib(need.memory)} of memory, {_gib(free)} are free",
            where="rig.size",
            cure="lower the size, the views or the sensors, or ask for fewer workers",
        )
    room = shutil.disk_usage(folder).free
    if need.disk > room:
        raise BadConfig(
            f"{clips} clips would need about {_gib(need.disk)} of disk, {_gib(room)} are free",
            where=str(out),
            cure="ask for fewer clips or choose another folder",
        )


def _writable(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror}", where=str(out), cure="choose another folder") from error
    return out


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"
