"""The Ray Serve application: one ingress deployment, and a deployment for each model with its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ray import serve
from ray.serve import Application

from talkie.serving.config import ServeConfig
from talkie.serving.exchange import ServedModel
from talkie.serving.ingress import Ingress
from talkie.serving.replica import ModelReplica, threads_for

INGRESS_ONGOING = 200
"""Requests that the ingress handles at a time. Far above what the models take: who is turned away is turned away there,
with a JSON body, not by the proxy with a bare line of text."""

_OPTIONS: dict[str, Any] = {
    # Serving shares a small machine with whatever else runs on the cluster, and a reserved CPU that is not there would
    # keep it from ever starting.
    "ray_actor_options": {"num_cpus": 0},
    "health_check_period_s": 5.0,
    "health_check_timeout_s": 10.0,
    "graceful_shutdown_timeout_s": 5.0,
    "graceful_shutdown_wait_loop_s": 0.2,
    # A model that does not load will not load the twentieth time.
    "max_constructor_retry_count": 2,
}


def application(
    config: ServeConfig,
    folders: Mapping[str, Path],
    served: Sequence[ServedModel],
    motion_path: str,
    digest: bytes | None,
) -> Application:
    """The application graph. `folders`: where each model's files lie, by label; the rest as `build_app` takes it."""
    replicas = config.replicas * len(folders)
    models = {
        label: _model_deployment(config, f"model-{number}", folder, label, threads_for(replicas))
        for number, (label, folder) in enumerate(folders.items())
    }
    ingress = serve.deployment(
        name="ingress",
        max_ongoing_requests=INGRESS_ONGOING,
        **_OPTIONS,
    )(serve.ingress()(Ingress))
    return ingress.bind(config, list(served), motion_path, digest, models)


def _model_deployment(config: ServeConfig, name: str, folder: Path, label: str, threads: int) -> Application:
    return serve.deployment(
        name=name,
        num_replicas=config.replicas,
        max_ongoing_requests=config.max_ongoing_requests,
        max_queued_requests=config.max_queued_requests,
        **_OPTIONS,
    )(ModelReplica).bind(str(folder), label, threads, config.max_ongoing_requests, config.request_timeout_s)
