"""What a system that streams is given: a request, and the sound of it piece by piece. Who sends the pieces, over which
wire, is the server's business."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from talkie.systems.tasks.checks import check_audio


@dataclass(frozen=True)
class StreamSession:
    """A request whose sound is still being spoken.

    `request`: the task's own, from which everything but the sound is read. `pieces`: mono samples (n,) float32 in
    [-1, 1] at 16 kHz, of any lengths, in order; the end of the iterator is the end of the speech. A system yields
    results of the task as soon as what it has heard allows, each with the frames that follow the last one's. How the
    sound is cut must not change what is answered.
    """

    request: Any
    pieces: Iterator[np.ndarray]

    def heard(self) -> Iterator[np.ndarray]:
        """The pieces that hold something, checked. Raises BadInput for what is no sound."""
        for piece in self.pieces:
            if np.size(piece):
                check_audio(piece)
                yield np.asarray(piece, np.float32)
