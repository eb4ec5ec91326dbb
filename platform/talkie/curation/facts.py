"""What is held true of one person's clip: the record that speaks of it, or what the content alone can say."""

from __future__ import annotations

from dataclasses import dataclass, field

from talkie.clip import Split
from talkie.curation.record import SourceRecord

UNKNOWN = "unknown-"
"""Beginning of a name that stands for nobody yet: the last step of curation gives such clips an identity."""


@dataclass(frozen=True)
class Known:
    """identity, and whether somebody vouches for it; split as it was stated, None where the identity decides."""

    identity: str
    vouched: bool
    language: str = "und"
    licence: str = "unknown"
    consent: str = "unknown"
    split: Split | None = None
    group: str | None = None
    dataset: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


def known_of(record: SourceRecord, sha256: str, track: int, *, meant: bool) -> Known:
    """The facts of track `track` of a file.

    meant: the record speaks of this person. Of the others in the picture only what holds for the whole file is known:
    they have no identity, and labels such as an emotion are not theirs."""
    known = meant and record.identity is not None
    return Known(
        identity=record.identity if known and record.identity else f"{UNKNOWN}{sha256[:12]}-{track}",
        vouched=known,
        language=record.language if meant else "und",
        licence=record.licence,
        consent=record.consent if meant else "unknown",
        split=record.split,
        # Whoever it is, the clips of one file stay on one side of a split.
        group=record.group or (None if known else f"source-{sha256[:12]}"),
        dataset=record.dataset,
        labels=dict(record.labels) if meant else {},
    )
