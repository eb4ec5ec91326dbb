"""One stretch of a source from frames to clips of the whole picture: shots, cuts by length, one encode a clip.

Nobody is looked for, and no picture becomes RGB; clips that follow a face are made in `piece`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from talkie.clip import FPS, SAMPLES_PER_FRAME, ClipRecord, Source, clip_id, split_of
from talkie.curation.config import CurateConfig
from talkie.curation.facts import Known, known_of
from talkie.curation.hearing import Hearing, Words, hear, part
from talkie.curation.judgement.filters import Filter
from talkie.curation.opened import Opened
from talkie.curation.outcome import Outcome
from talkie.curation.scenes import Coverage, scenes
from talkie.curation.shots import WIDE, shots
from talkie.curation.windows import Window, windows
from talkie.curation.work import Entry, Work, explain, judge
from talkie.media import DecodeStats, Mp4Encoder, encode_flac, read_video
from talkie.media.yuv import YuvDeveloper, thumbnail
from talkie.shards import RawClip, encode_field

MEANINGS = {
    "audio_padded_s": "seconds of silence appended because the sound ends before the picture",
    "damaged_packets": "packets of the source that could not be decoded",
    "text_confidence": "of the transcript: 1 where a person wrote it, else the recogniser's",
}
"""Of the scores of a clip."""

_PHONES = {"phones.json": "BSD-2-Clause"}


class WholeMaker:
    """Makes the clips of stretches, the whole picture in each."""

    def __init__(self, config: CurateConfig, filters: Sequence[Filter], tools: dict[str, str]) -> None:
        self._config, self._filters, self._tools = config, tuple(filters), tools

    def make(self, opened: Opened, entry: Entry, start_s: float = 0.0, end_s: float | None = None) -> Outcome:
        """The outcome of [start_s, end_s) seconds, without a closing line."""
        work, config = Work(opened, entry), self._config
        stats, coverage = DecodeStats(), Coverage()
        found = windows(opened.source.records)
        hearing = self._hear(work, start_s, end_s)
        frames = self._frames(work, found, start_s, end_s, stats)
        stream = shots(frames, config.shots, partial(thumbnail, size=WIDE))
        for window, scene in scenes(stream, found, config.max_frames, coverage):
            self._film(scene, window, work, hearing)
        explain(coverage, work)
        # Whoever is in the picture, every frame of a shot is of use.
        return Outcome(work.clips, work.in_order(), coverage.frames / FPS, 0, stats.decoded, stats.needed, work.encodes)

    def _frames(
        self, work: Work, found: Sequence[Window], start_s: float, end_s: float | None, stats: DecodeStats
    ) -> Iterator[tuple[int, float, Any]]:
        """The pictures from the first window's beginning to the last one's end, as far as they lie in the piece."""
        ends = [end for end in (end_s, None if found[-1].last is None else found[-1].last / FPS) if end is not None]
        info = work.opened.info.video
        assert info is not None
        return read_video(
            work.opened.source.path,
            start_s=max(start_s, found[0].first / FPS),
            end_s=min(ends, default=None),
            info=info,
            max_seconds=self._config.max_source_s,
            on_damage=work.note_damage,
            stats=stats,
            developer=YuvDeveloper(info.stored, info.orientation, self._config.crop.size),
        )

    def _hear(self, work: Work, start_s: float, end_s: float | None) -> Hearing:
        opened = work.opened
        return hear(
            opened.sound.path,
            start_s,
            end_s,
            margin_s=0.0,
            origin="own" if opened.sound is opened.info else "sidecar",
            words=opened.words,
            info=opened.sound,
            max_seconds=self._config.max_source_s,
            on_damage=work.note_damage,
        )

    def _film(self, scene: Iterator[tuple[int, Any]], window: Window, work: Work, hearing: Hearing) -> None:
        """The clip of a scene, or why there is none. Nothing is encoded before it is long enough."""
        least, waiting, first, last = self._config.min_frames, list[Any](), -1, -1
        with Mp4Encoder(fps=FPS) as encoder:
            for last, picture in scene:
                first = last if first < 0 else first
                waiting.append(picture)
                if last - first + 1 >= least:
                    for frame in waiting:
                        encoder.add_picture(frame)
                    waiting.clear()
            if not encoder.frames:
                if waiting:
                    message = f"{len(waiting) / FPS:.2f} s between two cuts, a clip needs {self._config.min_clip_s:g} s"
                    work.drop(first, last + 1, "short_stretch", message, "shots")
                return
            frames, mp4 = encoder.frames, encoder.finish()
        work.encodes += 1
        judge(self._clip(first, frames, mp4, window, work, hearing), self._filters, work)

    def _clip(self, first: int, frames: int, mp4: bytes, window: Window, work: Work, hearing: Hearing) -> RawClip:
        known, words = self._known(window, work)
        members, scores = {"mp4": mp4}, {"damaged_packets": float(work.damaged)}
        origins: dict[str, str] = {}
        if hearing.audio is not None:
            audio = hearing.samples(first * SAMPLES_PER_FRAME, frames * SAMPLES_PER_FRAME)
            members["flac"] = encode_flac(audio)
            scores["audio_padded_s"] = round(hearing.missing(first, frames), 6)
        if hearing.audio is not None and words.transcription is not None:
            heard = part(hearing, first, frames, _speaking(window, work)[0])
            assert heard.transcription is not None
            members["phones.json"] = encode_field("phones.json", heard.transcription)
            origins["phones_origin"] = heard.transcription.origin
            if heard.text is not None:
                members["txt"] = encode_field("txt", heard.text)
                origins["transcript_origin"] = words.text_origin or "none"
        if words.text_confidence is not None:
            scores["text_confidence"] = words.text_confidence
        source, sha256 = work.opened.source, work.opened.sha256
        start_s, end_s = first / FPS, (first + frames) / FPS
        return RawClip(
            ClipRecord(
                id=clip_id(sha256, start_s, end_s),
                source=Source(uri=source.uri, name=source.name, sha256=sha256, start_s=start_s, end_s=end_s),
                frames=frames,
                identity=known.identity,
                identity_origin="given" if known.vouched else "alone",
                dataset=known.dataset,
                group=known.group,
                language=words.language,
                licence=known.licence,
                consent=known.consent,
                split=known.split or split_of(known.group or known.identity),
                split_origin="given" if known.split else "derived",
                labels={"shows": "frame", **({"audio": hearing.origin} if hearing.origin else {}), **known.labels},
                scores=dict(sorted(scores.items())),
                score_meaning={name: MEANINGS[name] for name in sorted(scores)},
                tools=self._tools,
                tool_licences=_PHONES if "phones.json" in members else {},
                **origins,
            ),
            members,
        )

    def _known(self, window: Window, work: Work) -> tuple[Known, Words]:
        number, meant = _speaking(window, work)
        known = known_of(work.opened.source.records[number], work.opened.sha256, 0, meant=meant)
        return known, work.opened.words.get(number, Words(language=known.language))


def _speaking(window: Window, work: Work) -> tuple[int, bool]:
    """The number of the record that speaks of the whole picture, and whether it does: one with a box around a person
    says of the rest only what holds for the file."""
    records = work.opened.source.records
    whole = next((number for number in window.records if records[number].box is None), None)
    return (window.records[0], False) if whole is None else (whole, True)
