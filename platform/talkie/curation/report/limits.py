"""Where filters draw their lines, as the report's charts want to know it. What a filter does is not known here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from talkie.curation.report.charts import Limit


def limits_of_filters(filters: Iterable[Any]) -> dict[str, Limit]:
    """The limits of filters that are dataclasses with `needs` (names of scores) and fields `least...` or `most...`.

    A field belongs to the filter's only score, or, of several, to the one whose name holds the field's word
    (`most_clipped` to `skin_clipped`); a field that fits none draws no line."""
    found: dict[str, Limit] = {}
    for one in filters:
        for field in dataclasses.fields(one):
            side, _, word = field.name.partition("_")
            value = getattr(one, field.name)
            if side not in ("least", "most") or not isinstance(value, int | float):
                continue
            fits = one.needs if len(one.needs) == 1 else [need for need in one.needs if word and word in need]
            if len(fits) == 1:
                known = found.get(fits[0], Limit())
                found[fits[0]] = dataclasses.replace(known, **{side: float(value)})
    return found
