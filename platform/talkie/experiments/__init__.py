"""Runs, lineage and the model registry on MLflow. The training itself lives in `talkie.training`."""

from talkie.experiments.home import Home
from talkie.experiments.registry import ModelHandle, list_models, load_model, resolve_model, set_alias
from talkie.experiments.runs import TrainedModel, run_training

__all__ = [
    "Home",
    "ModelHandle",
    "TrainedModel",
    "list_models",
    "load_model",
    "resolve_model",
    "run_training",
    "set_alias",
]
