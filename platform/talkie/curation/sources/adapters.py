"""Adapters of public data sets by name, through entry points: a stranger's package can add one."""

from __future__ import annotations

import difflib
from dataclasses import fields
from importlib.metadata import entry_points
from typing import Any

from talkie.errors import BadConfig, BadInput

GROUP = "talkie.datasets"


def dataset_names() -> tuple[str, ...]:
    """Slugs of the installed adapters, sorted. Imports none of them."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def dataset_class(slug: str) -> type[Any]:
    """The class of an adapter. Raises BadInput that names the nearest, or those that exist."""
    for point in entry_points(group=GROUP, name=slug):
        return point.load()
    names = dataset_names()
    close = difflib.get_close_matches(slug, names, n=1)
    cure = f"did you mean {close[0]!r}? there are: " if close else "there are: "
    raise BadInput(f"no data set is called {slug!r}", cure=cure + (", ".join(names) or "none"))


def load_dataset(slug: str, **options: Any) -> Any:
    """An adapter with a user's choices, such as `load_dataset("oulu_npu", protocol=3, fold=1)`.

    Raises BadInput for an unknown name and BadConfig for a choice that the set does not offer."""
    cls = dataset_class(slug)
    known = tuple(f.name for f in fields(cls))
    unknown = sorted(set(options) - set(known))
    if unknown:
        offered = f"it offers: {', '.join(known)}" if known else "it offers none"
        raise BadConfig(f"{slug} has no choice {unknown[0]!r}", cure=offered)
    return cls(**options)
