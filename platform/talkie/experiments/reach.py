"""Whether the records can be reached: bounded retries with backoff, and typed errors in place of a driver's. What is
asked of them is in tracking.py."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TypeVar

from talkie.errors import DiskFull, MissingExtra, TalkieError, TrackingRefused, TrackingUnreachable
from talkie.experiments.home import Home

Answer = TypeVar("Answer")
CONNECT_S = 5
"""Seconds that one attempt at a connection may take."""
_HTTP_TRANSIENT = ("502", "503", "504", "429")
_REFUSALS = ("password authentication failed", "does not exist", "no pg_hba.conf entry", "permission denied")


@dataclass(frozen=True)
class Patience:
    """How often to ask in all, and how long to wait after each failure: wait_s, doubled up to longest_wait_s."""

    attempts: int = 6
    wait_s: float = 0.5
    longest_wait_s: float = 8.0

    def waits(self) -> Iterator[float]:
        """Seconds before each further attempt."""
        for number in range(self.attempts - 1):
            yield min(self.wait_s * 2**number, self.longest_wait_s)


PATIENCE = Patience()
"""Gives up after about sixteen seconds: a server that restarts is waited for, one that is gone is named soon."""
ONCE = Patience(attempts=1)


def asked(home: Home, question: Callable[[], Answer], patience: Patience = PATIENCE) -> Answer:
    """The answer to a question, asked again while the records are out of reach.

    Raises TrackingUnreachable after the last attempt, TrackingRefused, DiskFull; other errors pass."""
    waits = patience.waits()
    while True:
        try:
            return question()
        except Exception as error:
            known = understood(home, error)
            if known is None or known is error:
                raise
            wait = next(waits, None) if isinstance(known, TrackingUnreachable) else None
            if wait is None:
                raise known from error
            time.sleep(wait)


def ping(home: Home, patience: Patience = PATIENCE) -> None:
    """Connects once: MLflow's own first connection would try for minutes before it said a word.

    Raises TrackingUnreachable, TrackingRefused, MissingExtra. Records in a file always answer."""
    if home.by_server:
        asked(home, lambda: _http(home) if home.by_http else _database(home), patience)


def understood(home: Home, error: BaseException) -> TalkieError | None:
    """The typed error that stands for a driver's or MLflow's, None where it says nothing about reaching records."""
    if isinstance(error, TalkieError):
        return error
    text = " ".join(str(error).split())
    where = home.tracking_shown
    if "database or disk is full" in text:
        return DiskFull("the records cannot be written", where=where, cure="make room, then go on")
    if not _is_connection(error, text, home):
        return None
    first = text.split("(Background on")[0].split("[SQL:")[0].strip()[:200]
    if any(phrase in text for phrase in _REFUSALS) and home.by_server and not home.by_http:
        return TrackingRefused(f"refuses: {first}", where=where, cure="mend the address, or make the database")
    return TrackingUnreachable(
        f"does not answer ({first})", where=where, cure="is it running, and is the address right?"
    )


def quick_http() -> None:
    """Lets MLflow's client give up soon on its own: how often to ask is decided here."""
    for name, value in (("MAX_RETRIES", "1"), ("BACKOFF_FACTOR", "1"), ("TIMEOUT", "30")):
        os.environ.setdefault(f"MLFLOW_HTTP_REQUEST_{name}", value)


def _is_connection(error: BaseException, text: str, home: Home) -> bool:
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    if "database is locked" in text:
        return True
    if not home.by_server:
        return False
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    if kind.startswith(("sqlalchemy", "psycopg")):
        return type(error).__name__ in ("OperationalError", "InterfaceError", "DBAPIError")
    if kind.startswith("requests"):
        return True
    if type(error).__name__ == "MlflowException":
        broken = "failed with exception" in text or ("connection" in text.lower() and "closed" in text.lower())
        code = getattr(error, "error_code", "")
        return broken or code == "TEMPORARILY_UNAVAILABLE" or any(f"error code {c}" in text for c in _HTTP_TRANSIENT)
    return False


def _database(home: Home) -> None:
    # What MLflow would say of a missing driver names neither the package nor the extra.
    driver = home.tracking_uri.partition(":")[0].partition("+")[2]
    if find_spec(driver) is None:
        raise MissingExtra(
            f"PostgreSQL needs {driver}", where=home.tracking_shown, cure="pip install 'talkie[postgres]'"
        )
    import sqlalchemy

    engine = sqlalchemy.create_engine(home.tracking_uri)
    try:
        engine.connect().close()
    finally:
        engine.dispose()


def _http(home: Home) -> None:
    import requests

    answer = requests.get(f"{home.tracking_uri.rstrip('/')}/health", timeout=CONNECT_S)
    if answer.status_code >= 500 or answer.status_code == 429:
        raise ConnectionError(f"status {answer.status_code}")
    if answer.status_code >= 400:
        raise TrackingRefused(
            f"answers {answer.status_code}", where=home.tracking_shown, cure="is this an MLflow server?"
        )
