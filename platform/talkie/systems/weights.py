"""The folder a model travels in: config.json, card.json, weights.safetensors and the commit record digest.json.
Nothing is ever pickled. Versions and aliases are the business of `talkie.experiments`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from talkie.errors import CorruptModel, UnknownModel
from talkie.systems.contract import Card, System
from talkie.systems.registry import build_system

FORMAT = "talkie-model/1"
CONFIG, CARD, WEIGHTS, DIGEST = "config.json", "card.json", "weights.safetensors", "digest.json"


def save_system(system: System, folder: Path) -> str:
    """Stores a system; the folder appears whole or not at all. Returns its digest.

    An existing model of that name is replaced. The module must hold its full weights (not a ZeRO-3 shard).
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        config = {
            "format": FORMAT,
            "system": system.card.slug,
            "config": system.config.model_dump(mode="json"),
            "constants": system.constants,
        }
        (temporary / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True))
        (temporary / CARD).write_text(system.describe().model_dump_json(indent=1))
        save_file(own_state(system), temporary / WEIGHTS)
        files = {name: _sha256(temporary / name) for name in (CONFIG, CARD, WEIGHTS)}
        digest = _digest_of(files)
        (temporary / DIGEST).write_text(json.dumps({"digest": digest, "files": files}, indent=1, sort_keys=True))
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return digest


def load_weights(folder: Path, *, check: bool = True) -> System:
    """The system stored in a folder, in eval mode. Raises UnknownModel, CorruptModel, UnknownSystem."""
    if check:
        verify_model(folder)
    config = json.loads((folder / CONFIG).read_text())
    system = build_system(config["system"], config["config"], config["constants"])
    load_state(system, load_file(folder / WEIGHTS))
    return system.eval()


def own_state(system: System) -> dict[str, Tensor]:
    """Copies, in main memory, of a system's parameters and buffers, without what a path in its config holds already
    (`external`)."""
    outside = system.external()
    state = {n: t for n, t in system.state_dict().items() if not (outside and n.startswith(outside))}
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in state.items()}


def load_state(system: System, state: Mapping[str, Tensor]) -> None:
    """Gives a system what `own_state` took; what is external stays as it is. Raises CorruptModel on other names."""
    outside = system.external()
    missing, unexpected = system.load_state_dict(dict(state), strict=False)
    missing = [name for name in missing if not (outside and name.startswith(outside))]
    if missing or unexpected:
        wrong = ", ".join([*missing, *unexpected][:3])
        raise CorruptModel(
            f"the weights do not fit {system.card.slug}: {wrong}", cure="use the settings that they were stored with"
        )


def read_card(folder: Path) -> Card:
    """The card stored with a model."""
    return Card.model_validate_json((folder / CARD).read_text())


def verify_model(folder: Path) -> str:
    """Checks every file against the commit record and returns the model's digest."""
    record = folder / DIGEST
    if not record.is_file():
        raise UnknownModel("no model is stored here", where=str(folder), cure="train one, or name a model folder")
    try:
        files = dict(json.loads(record.read_text())["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise _corrupt(record, "the commit record does not parse") from error
    for name in (CONFIG, CARD, WEIGHTS):
        path = folder / name
        if not path.is_file():
            raise _corrupt(path, "the file is missing")
        if _sha256(path) != files.get(name):
            raise _corrupt(path, "its bytes differ from the commit record")
    return _digest_of(files)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of(files: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _corrupt(path: Path, what: str) -> CorruptModel:
    return CorruptModel(what, where=str(path), cure="restore the file or train the model again")
