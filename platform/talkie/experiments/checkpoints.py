"""Checkpoints of a run as models that anybody can load: the best and the last one that a run kept, logged with it. What
a checkpoint holds is decided in `talkie.training`, how a model is logged in tracking.py."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from talkie.errors import CorruptCheckpoint
from talkie.experiments import tracking
from talkie.experiments.home import Home
from talkie.systems import load_weights, save_system
from talkie.systems.weights import load_state
from talkie.training import checkpoint
from talkie.training.handover import Folders
from talkie.training.phase_run import MEANS, STATE, WEIGHTS

TAG = "checkpoint"
"""Tag of a logged model that is a checkpoint: "best", "last", or "best last"."""


def log_checkpoints(home: Home, run_id: str, out: Path, name: str) -> list[int]:
    """Logs the best checkpoint by validation and the last one as models of a run; returns their steps. What the run has
    logged already is not logged again; a checkpoint whose bytes are damaged is left out."""
    folders, logged = Folders(out), []
    known = _known(home, run_id)
    for step, words in kept(folders).items():
        with tempfile.TemporaryDirectory(prefix="talkie-checkpoint-") as temporary:
            try:
                digest = export_checkpoint(folders, step, Path(temporary) / "model")
            except CorruptCheckpoint:
                continue
            if digest not in known:
                tags = {TAG: words, "digest": digest}
                tracking.log_model(home, run_id, Path(temporary) / "model", f"{name}-step-{step}", step, tags)
                logged.append(step)
    return logged


def kept(folders: Folders) -> dict[int, str]:
    """Step to what it is, of the best and the last checkpoint that lie on the disk."""
    steps = checkpoint.committed(folders.checkpoints)
    if not steps:
        return {}
    last = steps[-1]
    best = _state(checkpoint.folder_of(folders.checkpoints, last)).get("progress", {}).get("step", 0)
    found = {last: "last"}
    if best in steps:
        found[best] = "best last" if best == last else "best"
    return found


def export_checkpoint(folders: Folders, step: int, model: Path) -> str:
    """Stores a checkpoint as a model folder: the system as its phase would hand it on at that step, means in the place
    of weights where the phase keeps them. Returns its digest. Raises CorruptCheckpoint."""
    place = checkpoint.folder_of(folders.checkpoints, step)
    checkpoint.verify(place)
    state = _state(place)
    number = int(state["position"]["phase"])
    phases = load_weights(folders.prepared, check=False).phases()
    begun = folders.handed(number - 1, phases[number - 1]) if number else folders.prepared
    system = load_weights(begun, check=False)
    system.enter(state["phase"])
    weights = load_file(place / f"{WEIGHTS}.safetensors")
    means = place / f"{MEANS}.safetensors"
    load_state(system, weights | (load_file(means) if means.is_file() else {}))
    return save_system(system.eval(), model)


def _state(place: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((place / f"{STATE}.json").read_text()))
    except (OSError, ValueError) as error:
        raise CorruptCheckpoint("its state does not parse", where=str(place), cure="it is left out") from error


def _known(home: Home, run_id: str) -> set[str]:
    """Digests of the models that a run has logged."""
    outputs = tracking.client(home).get_run(run_id).outputs
    models = outputs.model_outputs if outputs else []
    api = tracking.client(home)
    return {api.get_logged_model(output.model_id).tags.get("digest", "") for output in models}
