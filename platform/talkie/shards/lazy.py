"""A clip whose members are read and decoded when they are asked for: whole, by frame numbers or by a stretch of sound.
What is kept of them is the keeper's decision."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from talkie.clip import Clip
from talkie.errors import CorruptShard, MissingField, UnreadableMedia
from talkie.media import DecodeStats
from talkie.media.partial import pictures_at, planes_at, reduced_plane, sound_at
from talkie.shards.fields import decode_field

_SMOOTH = "matte.mp4"


@dataclass
class Tally:
    """What reading cost: `read` bytes of members, `members` decoded whole, `pictures` asked for, `decoded` by a codec
    and `kept` handed out from memory."""

    read: int = 0
    members: int = 0
    pictures: int = 0
    decoded: int = 0
    kept: int = 0


class Keeper(Protocol):
    """A bounded memory of what was decoded."""

    def get(self, key: Hashable) -> Any | None: ...

    def offer(self, key: Hashable, value: np.ndarray) -> None: ...

    def has_room(self, bytes_: int) -> bool: ...


class LazyFields(Mapping[str, Any]):
    """The fields of one clip under the names allowed: `fields[name]` reads, decodes and remembers a member, as
    `decode_field` does; mp4 and flac are its bytes, for which `pictures`, `planes` and `speech` are the cheap way.

    size: pixels of a picture's longer side where the caller names none. What cannot be read raises CorruptShard with
    the clip's id as its place."""

    def __init__(
        self,
        clip_id: str,
        members: Mapping[str, bytes],
        names: Sequence[str],
        *,
        size: int | None = None,
        keeper: Keeper | None = None,
        tally: Tally | None = None,
    ):
        self._clip, self._members, self._size, self._keeper = clip_id, members, size, keeper
        self._names = tuple(n for n in names if n in members)
        self._tally = tally if tally is not None else Tally()
        self._decoded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._decoded:
            data = self.raw(name)
            self._tally.members += 1
            self._decoded[name] = self._told(name, lambda: decode_field(name, data))
        return self._decoded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def raw(self, name: str) -> bytes:
        """A member's bytes as they are stored. Raises KeyError for a name that is not allowed or not there."""
        if name not in self._names:
            raise KeyError(name)
        data = self._told(name, lambda: self._members[name])
        self._tally.read += len(data)
        return data

    def pictures(self, field: str, frames: Sequence[int], size: int | None) -> np.ndarray:
        """See `talkie.shards.pictures`."""
        return self._seen(field, frames, size or self._size, pictures_at)

    def planes(self, field: str, frames: Sequence[int], size: int | None) -> np.ndarray:
        """See `talkie.shards.planes`."""
        return self._seen(field, frames, size or self._size, _planes_of(field))

    def _seen(self, field: str, frames: Sequence[int], size: int | None, decode: Callable[..., Any]) -> np.ndarray:
        keeper, tally, name = self._keeper, self._tally, (self._clip, field, size)
        tally.pictures += len(frames)
        found = {} if keeper is None else {n: p for n in frames if (p := keeper.get((*name, n))) is not None}
        missing = sorted(set(frames) - found.keys())
        tally.kept += len(frames) - len(missing)
        if missing:
            data, stats = self.raw(field), DecodeStats()
            # Where memory lasts, what is decoded on the way is worth keeping: the next window will ask for it.
            roomy = keeper is not None and size is not None and keeper.has_room(3 * size * size * (missing[-1] + 1))
            passed = (lambda n, p: keeper.offer((*name, n), p)) if roomy and keeper is not None else None
            fresh = self._told(field, lambda: decode(data, missing, size, stats=stats, passed=passed))
            tally.decoded += stats.decoded
            for number, picture in zip(missing, fresh, strict=True):
                found[number] = picture
                if keeper is not None:
                    keeper.offer((*name, number), picture)
        return np.stack([found[number] for number in frames])

    def _told(self, name: str, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except (CorruptShard, UnreadableMedia) as error:
            place = f"{error.where}: " if error.where and error.where != name else ""
            raise CorruptShard(f"{name}: {place}{error.message}", where=self._clip, cure=error.cure) from error


def pictures(clip: Clip, frames: Sequence[int], size: int | None = None, field: str = "mp4") -> np.ndarray:
    """Frames of a clip by number, in the order asked for: (N, size, size, 3) uint8 RGB.

    Only the groups of pictures that hold them are decoded. size: side in pixels, None takes the phase's
    `Sampling.size`, or the stored one. field: "mp4" or a "viewNN.mp4". Raises MissingField, CorruptShard, BadInput."""
    if isinstance(clip.fields, LazyFields) and field in clip.fields:
        return clip.fields.pictures(field, frames, size)
    return pictures_at(_bytes_of(clip, field), frames, size)


def planes(clip: Clip, frames: Sequence[int], size: int | None = None, field: str = "mask.mp4") -> np.ndarray:
    """Planes of a clip by number: (N, size, size) uint8 of "mask.mp4" (region ids: the nearest pixel) or "matte.mp4"
    (means). Raises as `pictures` does."""
    if isinstance(clip.fields, LazyFields) and field in clip.fields:
        return clip.fields.planes(field, frames, size)
    if field not in clip.fields:
        raise _missing(clip, field)
    whole = clip.fields[field]
    return np.stack([reduced_plane(whole[n], size, smooth=field == _SMOOTH) for n in frames])


def speech(clip: Clip, window: range, field: str = "flac") -> np.ndarray:
    """The sound under the frames of a window, from the first to the last: (n * 640,) float32 at 16 kHz in [-1, 1].
    field: "flac" or "clean.flac". Raises MissingField, CorruptShard."""
    if isinstance(clip.fields, LazyFields) and field in clip.fields:
        fields = clip.fields
        return fields._told(field, lambda: sound_at(fields.raw(field), window))
    return sound_at(_bytes_of(clip, field), window)


def _planes_of(field: str) -> Callable[..., np.ndarray]:
    def decode(*args: Any, **options: Any) -> np.ndarray:
        return planes_at(*args, smooth=field == _SMOOTH, **options)

    return decode


def _bytes_of(clip: Clip, field: str) -> bytes:
    if field not in clip.fields:
        raise _missing(clip, field)
    return cast(bytes, clip.fields[field])


def _missing(clip: Clip, field: str) -> MissingField:
    return MissingField(f"clip {clip.id} has no {field}", cure="name it among what the system needs or wants")
