"""One take before it is filmed: who plays what, posed in the world, and the cameras that look on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.clip import HeadTrack
from talkie.heads import HeadModel
from talkie.stage.bodies import BodyTrack
from talkie.stage.cast import Person
from talkie.stage.line import Line
from talkie.stage.performance import Performance
from talkie.stage.pressing import TouchTrack
from talkie.stage.rig import Camera


@dataclass(frozen=True)
class Take:
    """What every sensor of a take may look at.

    track: the true head parameters under the first camera. vertices: (T, V, 3) float64 world metres of the head's mesh,
    deformed where a hand presses. body: what carries the head, and touch: the hand on its face, where the shoot has
    them. number: place in the shoot."""

    number: int
    person: Person
    line: Line
    performance: Performance
    model: HeadModel
    track: HeadTrack
    vertices: np.ndarray
    cameras: list[Camera]
    body: BodyTrack | None = None
    touch: TouchTrack | None = None

    def actors(self, frame: int) -> list[np.ndarray]:
        """Vertices of everything that is filmed, in the order of the scene's costumes: the head, then the body."""
        head = self.vertices[frame]
        return [head] if self.body is None else [head, self.body.vertices[frame]]

    def __len__(self) -> int:
        return len(self.track)
