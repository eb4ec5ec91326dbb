"""Models as `mlflow.pyfunc` loads them: the MLmodel file beside the weights, and tables in and out. No pickle: the
weights are safetensors, the code is the installed talkie."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import numpy as np

from talkie.clip import FPS, SAMPLE_RATE
from talkie.errors import BadInput
from talkie.heads import ARKIT_NAMES
from talkie.media import read_audio
from talkie.systems import MotionResult, SpeechToMotionRequest, System, load_weights
from talkie.systems.registry import GROUP
from talkie.systems.weights import CARD, read_card

FLAVOR = "talkie"
MAX_SECONDS = 3600.0
JAW = ("jaw_x", "jaw_y", "jaw_z")


@dataclass(frozen=True)
class Adapter:
    """A task as tables. inputs, outputs: (column, MLflow type, required); answer: one row of the input to columns of
    equal length."""

    inputs: tuple[tuple[str, str, bool], ...]
    outputs: tuple[tuple[str, str, bool], ...]
    answer: Callable[[System, Mapping[str, Any]], dict[str, Any]]


def speech_to_motion(system: System, row: Mapping[str, Any]) -> dict[str, Any]:
    """One row: `audio`, the path of any sound file, or `samples`, floats in [-1, 1] at 16 kHz; `identity`, a speaking
    style of the training, may be left out. Gives a line a frame at 25 fps: its number, its time in seconds, the 52
    ARKit weights by name and the jaw's axis-angle in radians. Raises BadInput, UnreadableMedia."""
    request = SpeechToMotionRequest(_speech(row), identity=_given(row, "identity"))
    result: MotionResult = system.generate(request)
    frames = np.arange(len(result))
    columns: dict[str, Any] = {"frame": frames, "time_s": frames / FPS}
    columns |= {name: result.expression[:, i] for i, name in enumerate(ARKIT_NAMES)}
    return columns | {name: result.jaw[:, i] for i, name in enumerate(JAW)}


def _speech(row: Mapping[str, Any]) -> np.ndarray:
    path, samples = _given(row, "audio"), _given(row, "samples")
    if (path is None) == (samples is None):
        raise BadInput("a row needs a sound", where="audio, samples", cure="give a path as `audio`, or `samples`")
    if samples is not None:
        return np.asarray(samples, np.float32)
    audio = read_audio(Path(str(path)), max_seconds=MAX_SECONDS)
    if audio is None:
        raise BadInput("holds no sound", where=str(path), cure="name a sound file")
    if len(audio) > MAX_SECONDS * SAMPLE_RATE:
        raise BadInput(f"longer than {MAX_SECONDS:g} s", where=str(path), cure="cut it")
    return audio


def _given(row: Mapping[str, Any], name: str) -> Any:
    value = row.get(name)
    return None if value is None or (isinstance(value, float) and np.isnan(value)) else value


ADAPTERS = {
    "speech_to_motion": Adapter(
        inputs=(("audio", "string", False), ("samples", "doubles", False), ("identity", "string", False)),
        outputs=(
            ("row", "long", True), ("frame", "long", True), ("time_s", "double", True),
            *((name, "float", True) for name in (*ARKIT_NAMES, *JAW)),
        ),
        answer=speech_to_motion,
    )
}  # fmt: skip
"""By task. A model of another task is logged without `mlflow.pyfunc`, and its MLmodel says so."""


class Predictor:
    """What `mlflow.pyfunc.load_model` hands out."""

    def __init__(self, system: System):
        self.system = system

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """A row of the answer for every row and frame; `row` says which row of the input it belongs to. model_input:
        a DataFrame, a list of rows, or one row as a dict, with the columns of the task's adapter."""
        import pandas as pd

        adapter = ADAPTERS[self.system.card.task]
        tables = []
        for number, row in enumerate(_rows(model_input)):
            unknown = set(row) - {name for name, _, _ in adapter.inputs}
            if unknown:
                names = ", ".join(name for name, _, _ in adapter.inputs)
                raise BadInput(f"no column {min(map(str, unknown))!r}", where=f"row {number}", cure=f"use {names}")
            tables.append(pd.DataFrame({"row": number, **adapter.answer(self.system, row)}))
        if not tables:
            raise BadInput("no row to answer", cure="give a table with at least one row")
        return pd.concat(tables, ignore_index=True)


def _rows(model_input: Any) -> Iterator[Mapping[str, Any]]:
    if hasattr(model_input, "to_dict"):
        yield from model_input.to_dict("records")
    elif isinstance(model_input, Mapping):
        yield model_input
    else:
        yield from model_input


def _load_pyfunc(path: str) -> Predictor:
    """What MLflow calls. The files are checked against their commit record. Raises CorruptModel, UnknownSystem."""
    return Predictor(load_weights(Path(path)))


def load_model(model_uri: str) -> System:
    """The system behind an address that MLflow knows (models:/NAME@ALIAS, runs:/ID/…, a folder) in eval mode."""
    from mlflow.artifacts import download_artifacts

    return load_weights(Path(download_artifacts(model_uri)))


def write_flavor(folder: Path, model_id: str, run_id: str) -> None:
    """Writes MLmodel and requirements.txt into a model's folder. A folder of something else is left as it is."""
    if not (folder / CARD).is_file():
        return
    from mlflow import pyfunc
    from mlflow.models import Model

    card = read_card(folder)
    model = Model(run_id=run_id, model_id=model_id)
    needed = _requirements(card.slug)
    model.add_flavor(
        FLAVOR,
        system=card.slug,
        task=card.task,
        pyfunc=card.task in ADAPTERS,
    )
    if card.task in ADAPTERS:
        model.signature = _signature(ADAPTERS[card.task])
        pyfunc.add_to_model(model, loader_module=__name__, python_env="python_env.yaml")
        (folder / "python_env.yaml").write_text(
            f"python: {platform.python_version()}\ndependencies:\n- -r requirements.txt\n"
        )
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in needed))
    model.save(str(folder / "MLmodel"))


def _requirements(slug: str) -> list[str]:
    """talkie, MLflow, and the distribution that brings the system, in the versions at hand."""
    brought = [p.dist for p in entry_points(group=GROUP) if p.name == slug and p.dist is not None]
    names = {"talkie": version("talkie"), "mlflow": version("mlflow")}
    names |= {dist.name: dist.version for dist in brought}
    return [f"{name}=={number}" for name, number in sorted(names.items())]


def _signature(adapter: Adapter) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array

    kinds = {"doubles": Array(DataType.double)}

    def schema(columns: tuple[tuple[str, str, bool], ...]) -> Schema:
        return Schema([ColSpec(kinds.get(kind, kind), name, required=needed) for name, kind, needed in columns])

    return ModelSignature(inputs=schema(adapter.inputs), outputs=schema(adapter.outputs))
