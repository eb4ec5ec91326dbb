"""Runs, lineage and the model registry on MLflow. The training itself lives in `talkie.training`."""

from talkie.experiments.home import Home
from talkie.experiments.registry import (
    ModelHandle,
    VersionRow,
    list_models,
    list_versions,
    load_model,
    resolve_model,
    set_alias,
)
from talkie.experiments.runs import TrainedModel, run_training

__all__ = [
    "Home",
    "ModelHandle",
    "TrainedModel",
    "VersionRow",
    "list_models",
    "list_versions",
    "load_model",
    "resolve_model",
    "run_training",
    "set_alias",
]
