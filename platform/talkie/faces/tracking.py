"""One face of a shot, for footage that has one: everybody's faces are `people`'s."""

from __future__ import annotations

from types import TracebackType

import numpy as np

from talkie.faces.people import PeopleTracker


class FaceTracker:
    """Follows the largest face of a shot: feed it the frames in order, get 478 landmarks or None for each.

    It starts with the largest face and stays with that person; where the person is gone, the largest counts again. One
    tracker a shot keeps results reproducible. A frame that is the one before once more has its landmarks: the networks,
    which look where the face was last, would find others in it, and a picture that stands still would seem to move.
    Holds native memory until `close` (also a context manager)."""

    def __init__(self, min_confidence: float = 0.5) -> None:
        self._people = PeopleTracker(min_confidence, max_people=4)
        self._track: int | None = None
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._people.close()

    def track(self, frame: np.ndarray) -> np.ndarray | None:
        """Landmarks (478, 3) float32 of one frame (H, W, 3) uint8 RGB, or None where no face is found; see
        `FaceNets.landmarks` for their frame."""
        if self._last is not None and np.array_equal(frame, self._last[0]):
            return self._last[1].copy()
        points = self._found(frame)
        self._last = None if points is None else (frame.copy(), points)
        return None if points is None else points.copy()

    def _found(self, frame: np.ndarray) -> np.ndarray | None:
        seen = {face.track: face.landmarks for face in self._people.track(frame) if face.seen}
        if not seen:
            return None
        if self._track not in seen:
            self._track = max(seen, key=lambda track: float(np.prod(np.ptp(seen[track][:, :2], axis=0))))
        return seen[self._track]
