"""Where trained probes are kept: found by the digest of what they were made from, trained at first use by one process
while others wait. Weights lie in safetensors, what is known of them in JSON; nothing is pickled."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save

from talkie.errors import BadInput, CorruptModel
from talkie.evaluation.networks.marks import MARK
from talkie.evaluation.probes.probe import STAND_IN, Probe
from talkie.evaluation.probes.shooting import CLIPS, TRAINING_SHOOT, footage, shoot_digest
from talkie.evaluation.probes.views import View, view_dataset
from talkie.shards import Dataset, settings_digest
from talkie.shards.atomic import write_atomically
from talkie.stage import Shoot
from talkie.systems import Measurement

FORMAT = "talkie-probe/1"
MOST_CLIPS = 400
"""Clips that a probe learns from, so that memory does not grow with the shards: 30 000 frames are some 400 MB."""

Say = Callable[[str], None]


def cache_folder() -> Path:
    """`talkie/probes` in XDG_CACHE_HOME, else in ~/.cache."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "talkie" / "probes"


def aloud(message: str) -> None:
    """Says it on the error stream: training takes minutes, and nobody shall wonder what for."""
    print(message, file=sys.stderr, flush=True)


def obtain(
    probe: Probe,
    data: Sequence[Dataset] | None = None,
    cache: Path | None = None,
    *,
    steps: int | None = None,
    shoot: Shoot = TRAINING_SHOOT,
    clips: int = CLIPS,
    say: Say = aloud,
) -> Probe:
    """The probe with its weights: read from the cache, or trained on `data`, or without data on the stage's shoot.

    A second process waits for the first. Weights that do not fit their record are said and made again. Raises BadInput
    for data without the people or members it needs, or a cache that cannot be written to."""
    cache = cache or cache_folder()
    made_of = recipe_of(probe, data, steps, shoot, clips)
    folder = cache / f"{probe.name}-{settings_digest(made_of)[:16]}"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"cannot be written to: {error.strerror}", where=str(cache), cure="name another cache"
        ) from error
    with locked(cache / f"{folder.name}.lock", say):
        if folder.is_dir():
            try:
                restore(probe, folder, made_of)
                return probe
            except CorruptModel as error:
                say(f"{error}; the {probe.name} probe is trained again")
        started = time.monotonic()
        if data is None:
            place = cache / f"stage-{shoot_digest(shoot, clips)[:16]}"
            with locked(place.with_suffix(".lock"), say):
                data = [footage(place, shoot, clips, say)]
        say(f"training the {probe.name} probe ({probe.role})")
        train_on(probe, data, steps)
        seconds = time.monotonic() - started
        store(probe, folder, made_of, seconds)
        first = probe.held_out[0]
        say(f"trained the {probe.name} probe in {seconds:.0f} s: {first.name} {first.value:.3f} {first.unit}")
    return probe


def recipe_of(
    probe: Probe, data: Sequence[Dataset] | None, steps: int | None, shoot: Shoot, clips: int
) -> dict[str, str | int | list[str]]:
    """All that a probe's weights depend on."""
    source = [d.digest for d in data] if data is not None else [f"shoot {shoot_digest(shoot, clips)}"]
    return {
        "probe": probe.name,
        "version": probe.version,
        "role": probe.role,
        "seed": probe.seed,
        "steps": probe.steps if steps is None else steps,
        "clips": MOST_CLIPS,
        "footage": source,
    }


def train_on(probe: Probe, data: Sequence[Dataset], steps: int | None = None) -> None:
    """Trains on the train split; people of val and test are held out. Raises BadInput where either lacks clips."""
    held_out: list[View] = []
    for split in ("val", "test"):
        held_out += view_dataset(data, probe.fields, MOST_CLIPS // 4, split)
    train = view_dataset(data, probe.fields, MOST_CLIPS, "train")
    for name, views in (("train", train), ("val or test", held_out)):
        if not views:
            where = ", ".join(d.where for d in data)
            raise BadInput(f"no clip of the split {name}", where=where, cure="give shards with held-out people")
    probe.train(train, held_out, steps)


def store(probe: Probe, folder: Path, made_of: dict[str, str | int | list[str]], seconds: float) -> None:
    """Weights, then the record that commits them."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.contiguous() for name, tensor in probe.network.state_dict().items()}
    write_atomically(folder / "weights.safetensors", save(weights, metadata={MARK: STAND_IN}))
    record = {
        "format": FORMAT,
        "made_of": made_of,
        "digest": probe.digest,
        "held_out": [m.model_dump(mode="json") for m in probe.held_out],
        "seconds": round(seconds, 1),
    }
    write_atomically(folder / "probe.json", json.dumps(record, indent=1, sort_keys=True).encode())


def restore(probe: Probe, folder: Path, made_of: dict[str, str | int | list[str]]) -> None:
    """Brings stored weights and scores into the probe. Raises CorruptModel for what does not fit its record."""
    try:
        record = json.loads((folder / "probe.json").read_bytes())
        if record["format"] != FORMAT or record["made_of"] != made_of:
            raise CorruptModel("is of another recipe than its name says", where=str(folder))
        probe.network.load_state_dict(load((folder / "weights.safetensors").read_bytes()))
        held_out = tuple(Measurement.model_validate(m) for m in record["held_out"])
        digest = record["digest"]
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise CorruptModel(f"cannot be read ({str(error).splitlines()[0]:.80})", where=str(folder)) from error
    if probe.digest != digest:
        raise CorruptModel("its weights differ from their record", where=str(folder))
    probe.network.eval()
    probe.held_out = held_out


@contextmanager
def locked(path: Path, say: Say) -> Iterator[None]:
    """Alone on this machine while inside; the lock goes with the process that holds it, killed or not."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that holds {path.name}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
