"""Which services were started with a registered model: tags of its version, for lineage. Serving is in
`talkie.serving`; whether a service still runs, only the service knows."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from talkie.errors import TalkieError
from talkie.experiments import tracking
from talkie.experiments.home import Home
from talkie.experiments.registry import ModelHandle

_LOG = logging.getLogger(__name__)


@contextmanager
def deployed(home: Home | Path | str | None, handles: Iterable[ModelHandle], url: str) -> Iterator[None]:
    """Notes for as long as the block runs that these models are served at an address, and since when (UTC). Records
    that cannot be written are no reason to stop a service: that is said, and the service runs."""
    home = home if isinstance(home, Home) else Home.at(home)
    registered = [handle for handle in handles if handle.version is not None]
    since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    key, value = tracking.deployment_tag(url, since)
    with _forgiving():
        for handle in registered:
            tracking.client(home).set_model_version_tag(handle.name, str(handle.version), key, value)
    try:
        yield
    finally:
        with _forgiving():
            for handle in registered:
                tracking.client(home).delete_model_version_tag(handle.name, str(handle.version), key)


@contextmanager
def _forgiving() -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (TalkieError, MlflowException) as error:
        _LOG.warning("the deployment is not in the records: %s", error)
