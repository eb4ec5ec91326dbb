"""The cast and its performances that several files of the stage's tests look at."""

import numpy as np
import pytest

from talkie.heads import builtin_head
from talkie.stage.cast import cast
from talkie.stage.line import Line
from talkie.stage.performance import perform


@pytest.fixture(scope="session")
def people():
    return cast(builtin_head(), 12, seed=11)


@pytest.fixture(scope="session")
def play(people):
    """play(person number, text, emotion, intensity, event=..., seed=...) -> Performance, each made once."""
    made = {}

    def played(who=0, text="The boy put the big map on the bus.", emotion="neutral", intensity=1, **more):
        seed = more.pop("seed", 0)
        key = (who, text, emotion, intensity, tuple(sorted(more.items())), seed)
        if key not in made:
            line = Line(text, emotion, intensity, **more)
            made[key] = perform(people[who], line, np.random.default_rng((seed, who)))
        return made[key]

    return played
