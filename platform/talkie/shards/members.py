"""Views on the members of a clip that read nothing until they are asked: some of them, or with others put in front."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


class Chosen(Mapping[str, bytes]):
    """Some of a clip's members."""

    def __init__(self, members: Mapping[str, bytes], names: Sequence[str]):
        self._members, self._names = members, [n for n in members if n in names]

    def __getitem__(self, name: str) -> bytes:
        if name not in self._names:
            raise KeyError(name)
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Overlaid(Mapping[str, bytes]):
    """A clip's members with some put in front of them; the rest is still read when asked for."""

    def __init__(self, members: Mapping[str, bytes], over: Mapping[str, bytes]):
        self._members, self._over = members, over

    def __getitem__(self, name: str) -> bytes:
        return self._over[name] if name in self._over else self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self._members), **dict.fromkeys(self._over)})

    def __len__(self) -> int:
        return len(set(self._members) | set(self._over))
