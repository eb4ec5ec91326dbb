"""The people of the stage: a shape, a look, a voice and a way of moving, all drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.clip import Split
from talkie.heads import HeadModel, builtin_head
from talkie.render import Look, look_from_seed
from talkie.speech.voices import Voice, voice_from_seed
from talkie.stage.anatomy import Anatomy, anatomy_of
from talkie.stage.style import Style, style_from_seed

_SPREAD = 0.75
"""Of the built-in head's axes in a cast. They are drawn independently while measures of real faces go together, so that
full weights spread the width of the mouth by 5.1 mm; with this it is 3.8 mm, and 3.6 mm among drawn scanned faces."""


@dataclass(frozen=True)
class Person:
    """One member of the cast; `identity` (I,) are weights of the head model, `axes` their names; anatomy: where this
    head's joints are."""

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
    spread = _SPREAD if model.name == builtin_head().name else 1.0
    identity = spread * np.clip(rng.normal(size=len(model.identity_names)), -2, 2)
    return Person(
        name=f"stage-{seed}-{number:03d}",
        split=split,
        identity=identity.astype(np.float32),
        look=look_from_seed(look_seed),
        voice=voice_from_seed(voice_seed),
        style=style_from_seed(int(rng.integers(2**31))),
        anatomy=anatomy_of(model, identity.astype(np.float32)),
        axes=tuple(model.identity_names),
    )
