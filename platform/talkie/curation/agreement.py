"""Whether two records of one file contradict each other; who said them, and where, is the caller's to name."""

from __future__ import annotations

from talkie.curation.record import SourceRecord

SHARED = ("identity", "licence", "consent", "language")


def contradiction(first: SourceRecord, second: SourceRecord) -> tuple[str, str] | None:
    """(column, what is wrong with the second) of two records of one file, or None where both may stand.

    Records of one box that overlap in time must agree on who is in it and what may be done with it; those of the same
    stretch on words and labels too, and then the second adds nothing. Other boxes are other people."""
    if first.box != second.box or not _overlap(first, second):
        return None
    same = _span(first) == _span(second)
    for column in (*SHARED, *(("text",) if same else ())):
        mine, theirs = getattr(second, column), getattr(first, column)
        if mine != theirs:
            return column, f"{mine!r}, but {{first}} says {theirs!r} of the same footage"
    for name in sorted(second.labels.keys() & first.labels.keys()) if same else ():
        mine, theirs = second.labels[name], first.labels[name]
        if mine != theirs:
            return f"label.{name}", f"{mine!r}, but {{first}} says {theirs!r}"
    return ("uri", "{first} names the same stretch of the same file") if same else None


def _span(record: SourceRecord) -> tuple[float, float]:
    return record.start_s or 0.0, record.end_s or float("inf")


def _overlap(first: SourceRecord, second: SourceRecord) -> bool:
    (a, b), (c, d) = _span(first), _span(second)
    return c < b and a < d
