"""What is heard in a clip as one drawing: waveform, words, phones coloured by viseme, who speaks."""

from __future__ import annotations

from typing import Any

import numpy as np

from talkie.clip import FPS, Transcription
from talkie.curation.report.markup import Safe, join, tag
from talkie.errors import CorruptShard, UnreadableMedia
from talkie.media import decode_flac
from talkie.shards import RawClip, decode_field

WIDTH = 1000.0
_COLUMNS = 400
MAX_BOXES = 1_000


def timeline(raw: RawClip) -> Safe:
    """Waveform, words, phones and speaking over the length of the clip, each where the clip has it."""
    seconds = raw.record.frames / FPS
    rows: list[Safe] = []
    top = 0.0
    for draw in (_wave, _words, _phones, _speaking):
        row, height = draw(raw, seconds, top)
        rows.append(row)
        top += height
    ticks = [
        tag("text", f"{t:g} s", x=WIDTH * t / seconds, y=top + 12, class_="tick")
        for t in np.arange(0, seconds, _tick_s(seconds))
    ]
    head = tag("line", x1=0, x2=0, y1=0, y2=top, class_="playhead")
    box = f"0 0 {WIDTH:g} {top + 16:g}"
    return tag("svg", *rows, *ticks, head, view_box=box, class_="timeline", role="img", aria_label="timeline of sound")


def _tick_s(seconds: float) -> float:
    return next(step for step in (0.5, 1, 2, 5, 10, 30, 60, 1e9) if seconds / step <= 12)


def _wave(raw: RawClip, seconds: float, top: float) -> tuple[Safe, float]:
    if "flac" not in raw.members:
        return tag("text", "no sound", x=0, y=top + 14, class_="tick"), 22.0
    half = 26.0
    try:
        audio = decode_flac(raw.members["flac"])
    except UnreadableMedia:
        return tag("text", "the sound cannot be read", x=0, y=top + 14, class_="tick"), 22.0
    edges = np.linspace(0, len(audio), min(_COLUMNS, max(len(audio), 1)) + 1).astype(int)
    peaks = np.maximum.reduceat(np.abs(audio), edges[:-1]) if len(audio) else np.zeros(1)
    # The loudest moment fills the row: this shows where sound is, not how loud the clip is.
    peaks = peaks / max(float(peaks.max()), 1e-4) * half
    xs = np.linspace(0, WIDTH, len(peaks))
    upper = [f"{x:.0f} {top + half - y:.1f}" for x, y in zip(xs, peaks, strict=True)]
    lower = [f"{x:.0f} {top + half + y:.1f}" for x, y in zip(xs[::-1], peaks[::-1], strict=True)]
    return tag("path", d="M" + "L".join(upper + lower) + "Z", class_="wave"), 2 * half + 6


def _words(raw: RawClip, seconds: float, top: float) -> tuple[Safe, float]:
    spoken = _spoken(raw)
    if spoken is None or not spoken.words:
        return Safe(), 0.0
    boxes = [
        _box(w.text, w.start_s, w.end_s, seconds, top, "word", f"{w.text}, {w.confidence:.2f}")
        for w in spoken.words[:MAX_BOXES]
    ]
    return join(boxes), 22.0


def _phones(raw: RawClip, seconds: float, top: float) -> tuple[Safe, float]:
    spoken = _spoken(raw)
    if spoken is None or not spoken.phones:
        return Safe(), 0.0
    boxes = []
    for phone in spoken.phones[:MAX_BOXES]:
        said = f"{phone.label} ({phone.viseme}) {phone.start_s:.2f} to {phone.end_s:.2f} s, {phone.confidence:.2f}"
        kind = f"phone v-{''.join(c for c in phone.viseme if c.isalnum())}"
        boxes.append(_box(phone.label, phone.start_s, phone.end_s, seconds, top, kind, said))
    return join(boxes), 24.0


def _speaking(raw: RawClip, seconds: float, top: float) -> tuple[Safe, float]:
    """The band of `speaking.npz`: its first array of a value a frame."""
    if "speaking.npz" not in raw.members:
        return Safe(), 0.0
    try:
        arrays: dict[str, Any] = decode_field("speaking.npz", raw.members["speaking.npz"])
    except CorruptShard:
        return Safe(), 0.0
    flags = next((np.asarray(a) for _, a in sorted(arrays.items()) if np.shape(a) == (raw.record.frames,)), None)
    if flags is None:
        return Safe(), 0.0
    on = np.concatenate([[0], (flags > 0.5).astype(int), [0]])
    starts, ends = np.flatnonzero(np.diff(on) == 1) / FPS, np.flatnonzero(np.diff(on) == -1) / FPS
    spans = [
        _box("", s, e, seconds, top, "speaking", f"speaks {s:.2f} to {e:.2f} s", 8)
        for s, e in zip(starts, ends, strict=True)
    ]
    return join(spans), 12.0


def _box(
    text: str, start_s: float, end_s: float, seconds: float, top: float, kind: str, said: str, height: float = 18
) -> Safe:
    x, width = WIDTH * start_s / seconds, max(WIDTH * (end_s - start_s) / seconds - 1, 0.5)
    parts = [tag("rect", x=x, y=top, width=width, height=height, rx=2)]
    if text and width > 7 * len(text):
        parts.append(tag("text", text, x=x + width / 2, y=top + 13))
    return tag("g", tag("title", said), *parts, class_=kind)


def _spoken(raw: RawClip) -> Transcription | None:
    return decode_field("phones.json", raw.members["phones.json"]) if "phones.json" in raw.members else None
