"""What is drawn at a position: clip, window, references and partners, as pure functions of (seed, phase, position).
Reading them is reading.py's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from talkie.systems import Phase, Sampling
from talkie.training.loading.catalogue import Catalogue
from talkie.training.loading.chance import generator, key_of, mixed
from talkie.training.loading.choice import Choice
from talkie.training.loading.order import Order


@dataclass(frozen=True)
class Drawn:
    """The choice at a position: rows of the catalogue and frame numbers."""

    position: int
    row: int
    window: range
    references: tuple[int, ...] = ()
    partners: Mapping[str, int] = field(default_factory=dict)
    partner_windows: Mapping[str, range] = field(default_factory=dict)


class Drawing:
    """Draws for a phase. A window may begin anywhere where it ends inside its clip, each place with the same chance."""

    def __init__(self, catalogue: Catalogue, choice: Choice, order: Order, phase: Phase, seed: int):
        self._catalogue, self._choice, self.order, self.sampling = catalogue, choice, order, phase.sampling
        self._windows, self._references, self._random = (
            key_of(seed, phase.name, purpose) for purpose in ("window", "references", "random")
        )
        self._partners = {
            name: (key_of(seed, phase.name, "partner", name), key_of(seed, phase.name, "partner window", name))
            for name in phase.sampling.partners
        }

    def name(self, position: int) -> str:
        """The id of the clip at a position, with the window's first frame where there is one: "clip@12"."""
        row = self.order.row(position)
        clip = self._catalogue.id(row)
        return clip if self.sampling.frames is None else f"{clip}@{self._window(row, self._windows, position).start}"

    def at(self, position: int, attempt: int = 0) -> Drawn:
        """The draw of a position; `attempt` > 0: of a substitute."""
        row = self.order.substitute(position, attempt) if attempt else self.order.row(position)
        references: tuple[int, ...] = ()
        if self.sampling.references:
            frames = int(self._catalogue.frames[row])
            references = tuple(
                mixed(self._references, position, number) % frames for number in range(self.sampling.references)
            )
        partners = {n: self._choice.partners[n].draw(row, key, position) for n, (key, _) in self._partners.items()}
        windows = {n: self._window(partners[n], key, position) for n, (_, key) in self._partners.items()}
        return Drawn(position, row, self._window(row, self._windows, position), references, partners, windows)

    def random(self, position: int) -> np.random.Generator:
        """The generator of a draw's own further choices."""
        return generator(self._random, position)

    def _window(self, row: int, key: int, position: int) -> range:
        frames = int(self._catalogue.frames[row])
        return window_of(frames, self.sampling, mixed(key, position))


def window_of(frames: int, sampling: Sampling, number: int) -> range:
    """The window that a random number chooses in a clip of so many frames."""
    if sampling.frames is None:
        return range(frames)
    span = (sampling.frames - 1) * sampling.stride + 1
    start = number % (frames - span + 1)
    return range(start, start + span, sampling.stride)
