"""The people of the stage: a shape, a look, a voice and a way of moving, all drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.clip import Split
from talkie.heads import HeadModel
from talkie.render import Look, look_from_seed
from talkie.speech.voices import Voice, voice_from_seed
from talkie.stage.anatomy import Anatomy, anatomy_of
from talkie.stage.style import Style, style_from_seed


@dataclass(frozen=True)
class Person:
    """One member of the cast; `identity` (I,) are standard-normal weights of the head model, `axes` their names;
    anatomy: where this head's joints are."""

    name: str
    split: Split
    identity: np.ndarray
    look: Look
    voice: Voice
    style: Style
    anatomy: Anatomy
    axes: tuple[str, ...]


def cast(model: HeadModel, people: int, seed: int) -> list[Person]:
    """`people` persons. Of every five the fifth is held out for test, and of every ten the fourth for validation, so
    that even a small cast has people whom training never sees."""
    return [_person(model, number, seed) for number in range(people)]


def _person(model: HeadModel, number: int, seed: int) -> Person:
    rng = np.random.default_rng((seed, number, 0xCA57))
    split: Split = "test" if number % 5 == 4 else "val" if number % 10 == 3 else "train"
    look_seed, voice_seed = (int(s) for s in rng.integers(2**31, size=2))
    # Truncated at two sigma: beyond it single axes look like caricature.
    identity = np.clip(rng.normal(size=len(model.identity_names)), -2, 2).astype(np.float32)
    return Person(
        name=f"stage-{seed}-{number:03d}",
        split=split,
        identity=identity,
        look=look_from_seed(look_seed),
        voice=voice_from_seed(voice_seed),
        style=style_from_seed(int(rng.integers(2**31))),
        anatomy=anatomy_of(model, identity),
        axes=tuple(model.identity_names),
    )
