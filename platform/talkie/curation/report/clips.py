"""The parts of the report with pictures: the contact sheet, and a few clips with overlay, player and timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from talkie.clip import FPS, ClipRecord
from talkie.curation.report.markup import Safe, data_block, data_uri, join, name_of, tag
from talkie.curation.report.pictures import OUTLINES, Shown, paths
from talkie.curation.report.tally import Corpus
from talkie.curation.report.timeline import timeline

MAX_SOUND_BYTES = 600_000
MAX_OUTLINE_FRAMES = 400


@dataclass(frozen=True)
class Still:
    """One picture of the contact sheet: JPEG."""

    record: ClipRecord
    jpeg: bytes


def contact_sheet(stills: Sequence[Still], corpus: Corpus) -> Safe:
    """The middle frame of each, under it who and how long; the rest in the tooltip."""
    figures = []
    for one in stills:
        record = one.record
        said = f"{record.id}\n{record.source.name}, {record.source.start_s:.2f} to {record.source.end_s:.2f} s"
        image = tag("img", src=data_uri("image/jpeg", one.jpeg), alt=f"clip {record.id}", loading="lazy")
        caption = tag("figcaption", name_of(record.identity), tag("br"), f"{record.seconds:.1f} s · {record.split}")
        figures.append(tag("figure", image, caption, title=said))
    what = f"The middle frame of {len(stills)} of {corpus.clips:,} clips: everybody once before anybody twice."
    return _section("sheet", "Contact sheet", what, tag("div", *figures, class_="sheet") if figures else _none())


def at_length(clips: Sequence[Safe]) -> Safe:
    what = "As training sees them: crop with landmarks; below, sound, words and phones, coloured by viseme."
    return _section("clips", "Sample clips", what, join(clips) if clips else _none())


def clip(shown: Shown) -> Safe:
    """A clip with its player, facts, strip and timeline. Without a script it still shows strip, poster and timeline."""
    record = shown.raw.record
    view = f"0 0 {shown.size} {shown.size}"
    overlay = data = None
    if shown.outlines is not None and shown.frames <= MAX_OUTLINE_FRAMES:
        overlay = tag("svg", *(tag("path", d=d, class_=name) for name, d in paths(shown.outlines[0])), view_box=view)
        frames = shown.outlines.reshape(len(shown.outlines), -1).tolist()
        data = data_block(f"d{record.id}", {"lengths": [len(line) for line in OUTLINES.values()], "frames": frames})
    first = data_uri("image/jpeg", shown.strip[0])
    picture = (
        tag("video", src=data_uri("video/mp4", shown.video), poster=first, muted=True, playsinline=True, preload="auto")
        if shown.video
        else tag("img", src=first, alt="first frame")
    )
    return tag(
        "div",
        tag("h3", name_of(record.identity), " · ", name_of(record.source.name)),
        tag(
            "div",
            tag("div", tag("div", picture, overlay, class_="player"), data),
            tag("div", _facts(record), _sound(shown), *_controls(shown, overlay)),
            class_="top",
        ),
        tag("div", *(tag("img", src=data_uri("image/jpeg", s), alt="") for s in shown.strip), class_="strip"),
        timeline(shown.raw),
        class_="clip",
        data_seconds=record.seconds,
        data_fps=FPS,
    )


def _controls(shown: Shown, overlay: Safe | None) -> list[Safe]:
    button = [tag("button", "Play", type="button", hidden=True)] if shown.video else []
    box = [tag("label", tag("input", type="checkbox", checked=True), " landmarks")] if overlay and shown.video else []
    return button + box


def _sound(shown: Shown) -> Safe | None:
    sound = shown.raw.members.get("flac")
    if sound is None or len(sound) > MAX_SOUND_BYTES:
        return None
    return tag("audio", src=data_uri("audio/flac", sound), preload="auto")


def _facts(record: ClipRecord) -> Safe:
    rows: list[tuple[str, object]] = [
        ("clip", tag("code", record.id)),
        ("from", f"{record.source.start_s:.2f} to {record.source.end_s:.2f} s, {record.frames} frames"),
        ("split", record.split),
        ("language", record.language),
        ("licence", f"{record.licence}, consent {record.consent}"),
    ]
    if record.sync is not None:
        sync = f"{1000 * record.sync.offset_s:+.0f} ms (positive: sound late), confidence {record.sync.confidence:.2f}"
        rows.append(("audio offset", f"{sync}, {1000 * record.sync.applied_s:+.0f} ms applied"))
    if record.labels:
        rows.append(("labels", ", ".join(f"{name}={value}" for name, value in sorted(record.labels.items()))))
    if record.scores:
        rows.append(("scores", ", ".join(f"{name} {value:.3g}" for name, value in sorted(record.scores.items()))))
    return tag("dl", *(part for name, value in rows for part in (tag("dt", name), tag("dd", value))), class_="facts")


def _section(identifier: str, title: str, what: str, *parts: object) -> Safe:
    return tag("section", tag("h2", title), tag("p", what, class_="dim"), *parts, id=identifier)


def _none() -> Safe:
    return tag("p", "There are none.")
