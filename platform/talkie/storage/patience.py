"""How often a store is asked again, and how long is waited; which failures deserve it is each store's business."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from talkie.errors import StorageUnreachable

Result = TypeVar("Result")

FRESH_BYTES = 2**20
"""After as many bytes without a failure the count of attempts starts anew: a long transfer may be broken often."""


class Transient(Exception):
    """A failure that may not happen again. `wait_s`: how long the store asked to be left alone."""

    def __init__(self, message: str, wait_s: float | None = None):
        super().__init__(message)
        self.message, self.wait_s = message, wait_s


@dataclass(frozen=True)
class Patience:
    """attempts: how often one thing is asked for. wait_s: pause before the second attempt, twice as long before each
    further one, at most longest_wait_s, drawn from its upper half so that many workers do not return at once.
    stall_s: seconds without a byte, or with fewer than floor_bytes_s a second, after which a connection counts as dead.
    """

    attempts: int = 6
    wait_s: float = 0.5
    longest_wait_s: float = 20.0
    connect_s: float = 10.0
    stall_s: float = 30.0
    floor_bytes_s: int = 1024

    def pause(self, attempt: int, failure: Transient, where: str) -> None:
        """Wait after failed attempt number `attempt`, counted from 1. Raises StorageUnreachable after the last."""
        if attempt >= self.attempts:
            raise StorageUnreachable(
                f"{failure.message} ({attempt} attempts)", where=where, cure="check the network and run again"
            ) from failure
        wait = min(self.wait_s * 2 ** (attempt - 1), self.longest_wait_s)
        wait = min(max(wait, failure.wait_s or 0.0), self.longest_wait_s)
        time.sleep(wait * random.uniform(0.5, 1.0))


PATIENCE = Patience()


def persevere(action: Callable[[], Result], patience: Patience, where: str) -> Result:
    """What `action` gives, asked again after every Transient."""
    attempt = 1
    while True:
        try:
            return action()
        except Transient as failure:
            patience.pause(attempt, failure, where)
            attempt += 1
