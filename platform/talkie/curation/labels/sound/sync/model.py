"""The numbers behind the offset: how evidence becomes motion, and what resemblance is worth; `train` fits them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from talkie.curation.labels.sound.sync.evidence import BANDS, TAPS
from talkie.curation.labels.sound.sync.mouth import MOTIONS
from talkie.errors import CorruptModel
from talkie.speech.phones import VISEMES

SOURCES = {"spectrum": BANDS, "visemes": len(VISEMES)}
"""Kinds of evidence and their numbers per 10 ms."""
WEIGHED = ("spectrum", "visemes", "loop")
"""What has weights of its own: visemes of a transcript's phones, and of a phone loop's, which are often wrong."""
_FILE = "model.json"


@dataclass(frozen=True)
class SyncModel:
    """mean (len(TAPS) * B,) and map (len(TAPS) * B, len(MOTIONS)) by name in SOURCES; weight (len(MOTIONS),) of each
    motion's log likelihood by name in WEIGHED; `null`: the score, in nats, at which sound and
    mouth are as well strangers."""

    version: str
    mean: dict[str, np.ndarray]
    map: dict[str, np.ndarray]
    weight: dict[str, np.ndarray]
    null: float


def encode(model: SyncModel) -> str:
    """As JSON, with four significant digits: far more than the fit deserves."""
    tables = {
        name: {kind: np.vectorize(lambda v: float(f"{v:.4g}"))(table).tolist() for kind, table in part.items()}
        for name, part in (("mean", model.mean), ("map", model.map), ("weight", model.weight))
    }
    return json.dumps({"version": model.version, **tables, "null": round(model.null, 4)}) + "\n"


def decode(text: str, where: str = _FILE) -> SyncModel:
    """Raises CorruptModel for a text that is no such model, or one of other evidence."""
    try:
        raw = json.loads(text)
        mean, maps, weight = (
            {kind: np.array(raw[name][kind], np.float64) for kind in kinds}
            for name, kinds in (("mean", SOURCES), ("map", SOURCES), ("weight", WEIGHED))
        )
        model = SyncModel(str(raw["version"]), mean, maps, weight, float(raw["null"]))
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptModel(f"is no offset model: {error}", where=where, cure="fit it again") from error
    outputs = len(MOTIONS)
    for kind, size in SOURCES.items():
        inputs = len(TAPS) * size
        shapes = (model.mean[kind].shape, model.map[kind].shape)
        if shapes != ((inputs,), (inputs, outputs)) or any(w.shape != (outputs,) for w in model.weight.values()):
            raise CorruptModel(f"its {kind} have other sizes than the program's", where=where, cure="fit it again")
    return model


@cache
def fitted_model() -> SyncModel:
    """The model that comes with the program."""
    return decode(files(__package__).joinpath(_FILE).read_text())
