"""Follows every face of a shot with a number that stays. The same person in another shot is `embedding`'s business."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np
from scipy.optimize import linear_sum_assignment

from talkie.errors import BadConfig
from talkie.faces.appearance import Appearance, appearance, difference
from talkie.faces.mesh import FaceNets, Place, place_of

SEARCH_EVERY = 25
"""Frames between two searches of the whole frame for people who came in: one costs as much as 1.5 meshes."""
KEEP = 75
"""Frames for which a lost face keeps its number: 3 s at 25 a second, time for somebody to walk past."""
_SEARCH_LOST_EVERY, _SEARCH_LOST_FOR = 3, 50
"""After a loss the frame is searched more often, for two seconds."""
_RETRIES = 3
"""Frames after a loss in which the last place is looked at again: a blink of the network, or a passing hand."""
_CHECK_EVERY = 5
"""Frames between two looks at a lone face's colours: somebody may have stepped before it."""
_SAME_FACE = 0.35
"""Distance of two sets of landmarks, in face sizes, below which they lie on one face."""
_NEAR = 1.0
"""Distance of two faces, in face sizes, below which one may hide or capture the other."""
_UNLIKE, _UNLIKE_FAR, _UNLIKE_FOLLOWED = 3.2, 2.0, 5.0
"""Difference of appearance above which a face is somebody else's or too much hidden: one that comes back where it was
expected, at the end of its reach, and one that was followed from the last frame, which a hand or a shadow may have
changed."""
_REACH, _REACH_MORE, _REACH_MOST = 0.6, 0.12, 3.0
"""How far, in face sizes, a face may be from where it was expected, for each frame of absence, and at most."""
_MEMORY = 0.2
"""Weight of a new look in a track's memory of its appearance."""
_DOUBTFUL = 12
"""Frames that a new face is followed without a number where it may be a known one, half hidden."""


@dataclass(frozen=True)
class TrackedFace:
    """One person in one frame. track: the person's number in this tracker. landmarks (478, 3) float32 in source pixels
    (see `FaceNets.landmarks`); where not `seen`, the last ones, moved to where the face is expected. score: the
    network's probability of a face, 0 where not seen."""

    track: int
    landmarks: np.ndarray
    seen: bool
    score: float


@dataclass
class _Look:
    """A face in the frame at hand. owner: the person whose last place it was found from."""

    landmarks: np.ndarray
    score: float
    owner: _Person | None = None
    appearance: Appearance | None = None
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        self.place = place_of(self.landmarks)


@dataclass
class _Person:
    """number: None while it is not clear that this is nobody known."""

    number: int | None
    landmarks: np.ndarray
    place: Place
    memory: Appearance
    score: float
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))
    missing: int = 0
    sightings: int = 1

    def expected(self) -> np.ndarray:
        """Where the face's centre should be in the frame at hand: a motion dies away when nothing is seen of it."""
        ahead = (1 - 0.95 ** (self.missing + 1)) / 0.05
        return self.place.centre + self.velocity * ahead

    def far(self, place: Place) -> float:
        """From where the face should be to a place, in its sizes."""
        return math.hypot(*(place.centre - self.expected())) / max(self.place.size, 1e-6)


class PeopleTracker:
    """Follows the faces of one shot: feed it the frames in order.

    Each known face is looked for where it was, by the landmark network alone, as MediaPipe's own tracking does; the
    long-range detector searches the frame for new and lost ones, now and then. Faces are given to people by place,
    motion and appearance with the least total cost. Where two lie on one face, the one whom it fits keeps it and the
    other is lost for the time; a lost person keeps the number for `keep` frames. State depends only on the frames since
    `begin_shot`: results are repeatable. Holds native memory until `close` (also a context manager)."""

    def __init__(
        self,
        min_confidence: float = 0.5,
        *,
        max_people: int = 8,
        search_every: int = SEARCH_EVERY,
        keep: int = KEEP,
    ) -> None:
        if max_people < 1 or search_every < 1 or keep < 0:
            raise BadConfig(
                f"max_people {max_people}, search_every {search_every}, keep {keep}", cure="use 1, 1 and 0 or more"
            )
        self.max_people, self.search_every, self.keep = max_people, search_every, keep
        self._nets = FaceNets(min_confidence)
        self._people: list[_Person] = []
        self._next = 0
        self._frame = 0

    def __enter__(self) -> PeopleTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._nets.close()

    def begin_shot(self, first_track: int | None = None) -> None:
        """Forgets everybody. Numbers go on where they were, or from `first_track`: no two shots share one."""
        self._people = []
        self._frame = 0
        self._next = self._next if first_track is None else first_track

    def track(self, frame: np.ndarray) -> list[TrackedFace]:
        """Everybody who is in a frame (H, W, 3) uint8 RGB, or was a short time ago, by number."""
        looks = self._follow(frame)
        looks = _without_twins(looks)
        found = self._search(frame, looks) if self._search_is_due(looks) else []
        self._settle(frame, looks + found)
        self._frame += 1
        return [self._told(p, p.number) for p in self._people if p.number is not None]

    def _told(self, person: _Person, number: int) -> TrackedFace:
        if person.missing == 0:
            return TrackedFace(number, person.landmarks, True, person.score)
        shift = person.expected() - person.place.centre
        moved = person.landmarks + np.array([*shift, 0], np.float32)
        return TrackedFace(number, moved.astype(np.float32), False, 0.0)

    def _follow(self, frame: np.ndarray) -> list[_Look]:
        looks = []
        for person in self._people:
            if person.missing > _RETRIES:
                continue
            place = person.place
            if person.missing:
                place = Place(person.expected(), place.side, place.angle)
            found = self._nets.landmarks(frame, place)
            if found is not None:
                looks.append(_Look(*found, owner=person))
        return looks

    def _search_is_due(self, looks: list[_Look]) -> bool:
        if not self._people or self._frame % self.search_every == 0:
            return True
        # Somebody was seen in the last frame and is not in this one, or a short time ago.
        lost = [p.missing for p in self._people if p.missing or not any(look.owner is p for look in looks)]
        return any(n == 0 or (n < _SEARCH_LOST_FOR and n % _SEARCH_LOST_EVERY == 0) for n in lost)

    def _search(self, frame: np.ndarray, known: list[_Look]) -> list[_Look]:
        """Faces that the detector finds beside the known ones."""
        found: list[_Look] = []
        for place, _ in self._nets.detect(frame):
            if any(look.place.far(place.centre) < _SAME_FACE for look in known + found):
                continue
            rough = self._nets.landmarks(frame, place)
            # The detector's square is coarse: landmarks are read again in the square that follows from them.
            exact = None if rough is None else self._nets.landmarks(frame, place_of(rough[0]))
            look = None if exact is None else _Look(*exact)
            if look is not None and all(other.place.far(look.place.centre) >= _SAME_FACE for other in known + found):
                found.append(look)
        return found

    def _settle(self, frame: np.ndarray, looks: list[_Look]) -> None:
        """Gives each face to a person, known or new."""
        if not self._is_crowded(looks) and self._frame % _CHECK_EVERY:
            pairs = [(look.owner, look) for look in looks if look.owner is not None]
        else:
            for look in looks:
                look.appearance = appearance(frame, look.landmarks)
            pairs = self._assign(looks)
        for person in self._people:
            mine = next((look for owner, look in pairs if owner is person), None)
            if mine is None:
                person.missing += 1
            else:
                self._update(person, mine, alone=not _has_neighbour(mine, looks))
        self._people = [p for p in self._people if p.missing <= (self.keep if p.number is not None else 0)]
        for look in looks:
            if not any(look is given for _, given in pairs) and len(self._people) < self.max_people:
                self._people.append(_stranger(frame, look))
        for person in self._people:
            if person.number is None and (person.sightings > _DOUBTFUL or not self._may_be_known(person)):
                person.number, self._next = self._next, self._next + 1

    def _may_be_known(self, stranger: _Person) -> bool:
        """Whether somebody is lost who could be here, half hidden or changed."""
        lost = (person for person in self._people if person.number is not None and person.missing)
        return any(person.far(stranger.place) < _reach(person) + _NEAR for person in lost)

    def _is_crowded(self, looks: list[_Look]) -> bool:
        """Whether it may be doubtful which face is whose."""
        return (
            any(look.owner is None for look in looks)
            or len(looks) < len(self._people)
            or any(_has_neighbour(look, looks) for look in looks)
        )

    def _assign(self, looks: list[_Look]) -> list[tuple[_Person, _Look]]:
        if not looks or not self._people:
            return []
        costs = np.array([[_cost(person, look) for look in looks] for person in self._people])
        # A forbidden pair costs more than any number of allowed ones, so that none is left out for it.
        rows, columns = linear_sum_assignment(np.where(np.isfinite(costs), costs, 1e3))
        return [
            (self._people[row], looks[column])
            for row, column in zip(rows, columns, strict=True)
            if np.isfinite(costs[row, column])
        ]

    def _update(self, person: _Person, look: _Look, *, alone: bool) -> None:
        step = (look.place.centre - person.place.centre) / (person.missing + 1)
        person.velocity = step if person.missing else 0.6 * person.velocity + 0.4 * step
        person.landmarks, person.place, person.score, person.missing = look.landmarks, look.place, look.score, 0
        person.sightings += 1
        if alone and look.appearance is not None:
            person.memory = person.memory.towards(look.appearance, _MEMORY)


def _stranger(frame: np.ndarray, look: _Look) -> _Person:
    memory = appearance(frame, look.landmarks) if look.appearance is None else look.appearance
    return _Person(None, look.landmarks, look.place, memory, look.score)


def _has_neighbour(look: _Look, looks: list[_Look]) -> bool:
    return any(other is not look and other.place.far(look.place.centre) < _NEAR for other in looks)


def _without_twins(looks: list[_Look]) -> list[_Look]:
    """One look for each face: two tracks may have landed on the same. Whose it is, `_assign` decides."""
    kept: list[_Look] = []
    for look in looks:
        twin = next((other for other in kept if other.place.far(look.place.centre) < _SAME_FACE), None)
        if twin is None:
            kept.append(look)
        elif look.score > twin.score:
            twin.landmarks, twin.place, twin.score = look.landmarks, look.place, look.score
    return kept


def _cost(person: _Person, look: _Look) -> float:
    """How badly a face fits a person; infinite where it cannot be."""
    assert look.appearance is not None
    share = person.far(look.place) / _reach(person)
    grown = abs(math.log(look.place.size / person.place.size))
    unlike = difference(person.memory, look.appearance)
    limit = _UNLIKE + share * (_UNLIKE_FAR - _UNLIKE)
    if person.missing == 0 and look.owner is person:
        limit = _UNLIKE_FOLLOWED
    if share > 1 or grown > 0.3 + 0.02 * person.missing or unlike > limit:
        return float("inf")
    # A stranger's claim is weaker than that of somebody known who may be this one.
    return share + grown + unlike + 10 * (person.number is None)


def _reach(person: _Person) -> float:
    """How far from where it is expected a face may be, in its sizes."""
    return min(_REACH + _REACH_MORE * person.missing, _REACH_MOST)
