"""Sends what waits on disk because MLflow did not answer: metrics of runs, and how they ended. Writing them there is
the business of metrics.py and runs.py."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from talkie.experiments import tracking
from talkie.experiments.home import Home
from talkie.experiments.metrics import SPOOL_NAME, MetricLog, Spool
from talkie.experiments.runs import ENDED, TRACKED


@dataclass(frozen=True)
class Synced:
    """A run with something that waited: how many values were sent, how many wait still, and the end that was told.
    Values of a run that MLflow never heard of wait until the same training is called again."""

    run: str
    sent: int
    waiting: int
    status: str | None = None


def sync(home: Home | Path | str | None = None) -> list[Synced]:
    """Every run of a home that has something waiting; not to be called while one of them trains. Raises
    TrackingUnreachable, with what was sent up to then sent."""
    home = home if isinstance(home, Home) else Home.at(home)
    done = []
    for folder in home.runs:
        spool, ended = folder / SPOOL_NAME, folder / ENDED
        if not spool.exists() and not ended.exists():
            continue
        waiting = Spool(spool).waiting()
        if not (folder / TRACKED).exists():
            done.append(Synced(folder.name, 0, waiting))
            continue
        run_id = str(json.loads((folder / TRACKED).read_text())["run_id"])
        if waiting:
            MetricLog(lambda r=run_id: r, lambda: tracking.plain_client(home), home, spool).close()  # type: ignore[misc]
        status = None
        if ended.exists():
            status = str(json.loads(ended.read_text())["status"])
            tracking.end_run(home, run_id, status)
            ended.unlink()
        done.append(Synced(folder.name, waiting, 0, status))
    return done
