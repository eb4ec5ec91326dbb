"""A source at hand: probed, refused where it is of no use, its words placed in its sound. No frame is looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from talkie.curation.config import CurateConfig
from talkie.curation.hearing import Words, words_of
from talkie.curation.sources import Source
from talkie.errors import NoVideo, TooLong, at_step
from talkie.media import MediaInfo, probe, probe_frames


@dataclass(frozen=True)
class Opened:
    """source: local. info, sound: of the file with its picture and of that with its sound, often the same. words: where
    the words of each record lie, by its number. damage: causes of packets that did not decode."""

    source: Source
    info: MediaInfo
    sound: MediaInfo
    words: dict[int, Words]
    damage: list[str] = field(default_factory=list)

    @property
    def sha256(self) -> str:
        assert self.source.sha256 is not None, "a source that is local has been read"
        return self.source.sha256

    def note_damage(self, reached_s: float, cause: str) -> None:
        self.damage.append(cause)


def open_source(source: Source, config: CurateConfig, folder: Path, words: dict[int, Words] | None = None) -> Opened:
    """Look at a source whose files are local; where `words` does not tell, find its words. `folder` takes temporary
    files. Raises what is wrong with it: UnreadableMedia, NoVideo, TooLong, and what its discovery noted."""
    with at_step("probe"):
        opened = _probed(source, config, words or {})
    if words is None:
        sound, network = opened.sound, config.models.get("whisper")
        whisper = None if network is None else network.path
        with at_step("listen"):
            opened.words.update(
                words_of(sound.path, source.records, folder, config.max_source_s, sound, opened.note_damage, whisper)
            )
    return opened


def _probed(source: Source, config: CurateConfig, words: dict[int, Words]) -> Opened:
    refusal = source.refusal()
    if refusal is not None:
        raise refusal
    info = _info_of(source)
    if info.video is None:
        raise NoVideo("holds sound only", where=source.name, cure="put it beside a video of the same name")
    if info.duration_s > config.max_source_s + 1:
        raise TooLong(
            f"longer than {config.max_source_s:g} s", where=source.name, cure="cut it or raise the limit (--max-source)"
        )
    beside = source.audio
    return Opened(source, info, info if beside is None else probe(beside), words)


def _info_of(source: Source) -> MediaInfo:
    if source.kind != "frames":
        return probe(source.path)
    fps = source.records[0].fps
    assert fps is not None, "a record of frames says their rate"
    return probe_frames(source.path, fps)
