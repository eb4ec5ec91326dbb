"""Work for the engine's tests: a unit's payload says what happens to the worker that does it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

from talkie.curation.engine import Brief, Unit
from talkie.errors import BadInput, NotReady, TalkieError


class Unreachable(NotReady):
    """A store that may answer the next time."""

    transient = True


class Puppet:
    """Does as it is told. Notes each unit in `log`, a line each, before it begins it."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.kept: list[bytearray] = []

    def work(self, unit: Unit) -> Brief:
        with self.log.open("a") as file:
            file.write(f"{unit.key}\n")
        return getattr(self, unit.payload[0])(unit, *unit.payload[1:])

    def work_batch(self, units: list[Unit]) -> list[Brief | TalkieError]:
        with self.log.open("a") as file:
            file.write("+".join(unit.key for unit in units) + "\n")
        return [getattr(self, unit.payload[0])(unit, *unit.payload[1:]) for unit in units]

    def ok(self, unit: Unit, seconds: float = 0.0) -> Brief:
        time.sleep(seconds)
        return Brief(f"{unit.key} done")

    def lead_to(self, unit: Unit, *units: Unit) -> Brief:
        return Brief(units=units)

    def crash(self, unit: Unit) -> Brief:
        ctypes.string_at(0)
        raise AssertionError("the process lives on")

    def crash_once(self, unit: Unit, mark: str) -> Brief:
        if not os.path.exists(mark):
            Path(mark).touch()
            os.kill(os.getpid(), signal.SIGABRT)
        return Brief()

    def hang(self, unit: Unit, mark: str) -> Brief:
        """In native code that never lets go of the interpreter, with a child of its own."""
        child = subprocess.Popen(["sleep", "600"])
        Path(mark).write_text(f"{os.getpid()} {child.pid}")
        ctypes.PyDLL(None).sleep(600)
        return Brief()

    def eat(self, unit: Unit, size: int) -> Brief:
        """Takes memory step by step and holds it for a while."""
        held = []
        for _ in range(size // 2**24):
            held.append(bytearray(b"x" * 2**24))
            time.sleep(0.05)
        time.sleep(1.0)
        return Brief(len(held))

    def claim(self, unit: Unit, size: int) -> Brief:
        """Asks for memory in one piece, as for a picture of absurd dimensions."""
        return Brief(len(bytearray(size)))

    def leak(self, unit: Unit, size: int) -> Brief:
        self.kept.append(bytearray(b"x" * size))
        return Brief(os.getpid())

    def fault(self, unit: Unit) -> Brief:
        raise BadInput("no footage", where=unit.source)

    def stumble(self, unit: Unit, mark: str, times: int) -> Brief:
        tries = len(Path(mark).read_text()) if os.path.exists(mark) else 0
        if tries < times:
            Path(mark).write_text("x" * (tries + 1))
            raise Unreachable("the store does not answer", where=unit.source)
        return Brief()

    def bug(self, unit: Unit) -> Brief:
        return Brief([][3])

    def full(self, unit: Unit) -> Brief:
        with open("/dev/full", "wb", buffering=0) as file:
            file.write(b"x")
        return Brief()


class PuppetFactory:
    def __init__(self, log: Path) -> None:
        self.log = log

    def __call__(self) -> Puppet:
        return Puppet(self.log)


def broken_factory() -> Puppet:
    raise BadInput("the model is not there", where="model.onnx")
