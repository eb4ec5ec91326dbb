"""Which of several sound tracks of a file is the one to listen to; decoding it is `sound`'s business."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.stream import Disposition

from talkie.media.container import audio_stream

LISTEN_S = 20.0
"""Of each track that are heard to tell a silent one."""

SILENCE = 10 ** (-60 / 20)
"""Peak below which a track counts as silent: -60 dB of full scale, the noise of an open input without a microphone."""

_TWO_LETTERS = dict(
    pair.split(":")
    for line in (
        "ara:ar bul:bg cat:ca ces:cs cze:cs chi:zh zho:zh cmn:zh dan:da deu:de ger:de dut:nl nld:nl ell:el",
        "gre:el eng:en est:et fas:fa per:fa fin:fi fra:fr fre:fr heb:he hin:hi hrv:hr hun:hu ind:id ita:it",
        "jpn:ja kor:ko lav:lv lit:lt may:ms msa:ms nor:no nob:no pol:pl por:pt ron:ro rum:ro rus:ru slk:sk",
        "slo:sk slv:sl spa:es srp:sr swe:sv tha:th tur:tr ukr:uk urd:ur vie:vi",
    )
    for pair in line.split()
)
"""ISO 639-2 (both kinds of code) to ISO 639-1 for the languages of the large corpora."""

_BESIDE = (
    Disposition.comment
    | Disposition.visual_impaired
    | Disposition.hearing_impaired
    | Disposition.clean_effects
    | Disposition.dub
    | Disposition.karaoke
    | Disposition.lyrics
)
"""Marks of a track that is not the sound of the scene."""


@dataclass(frozen=True)
class Choice:
    """The stream index of the track taken, why it was ("only", "not silent", "language", "default", "first"), and how
    many there were."""

    index: int
    reason: str
    of: int


def choose_track(container: InputContainer, language: str | None = None) -> Choice | None:
    """The track that has sound, then speaks `language` (ISO 639, two or three letters), then is the scene's own and
    the default one, then comes first. None without sound; the container is left anywhere.

    Raises UnreadableMedia where no track can be decoded."""
    tracks = [s for s in container.streams.audio if s.codec_context is not None]
    if len(tracks) < 2:
        found = audio_stream(container) if not tracks else tracks[0]
        return None if found is None else Choice(found.index, "only", 1)
    heard = _peaks(container, tracks)
    merits = {
        track.index: {
            "not silent": heard[track.index] > SILENCE,
            "language": _speaks(track, language),
            "default": not track.disposition & _BESIDE and bool(track.disposition & Disposition.default),
            "first": -position,
        }
        for position, track in enumerate(tracks)
    }
    best, second = sorted(merits, key=lambda index: tuple(merits[index].values()), reverse=True)[:2]
    reason = next(name for name, value in merits[best].items() if value != merits[second][name])
    return Choice(best, reason, len(tracks))


def _speaks(track: Any, language: str | None) -> bool:
    return language is not None and _short(track.language or "") == _short(language) != ""


def _short(language: str) -> str:
    """The two-letter code of a language where there is one ("eng", "en-GB" and "en" are one), else what was given."""
    name = language.lower().replace("_", "-").split("-")[0]
    return _TWO_LETTERS.get(name, name)


def _peaks(container: InputContainer, tracks: Iterable[Any]) -> dict[int, float]:
    """The greatest sample of each track's first seconds, as a share of full scale; 0 where nothing decodes."""
    peaks = {track.index: 0.0 for track in tracks}
    open_ones = set(peaks)
    packets = container.demux(*tracks)
    while open_ones:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            if packet.stream_index not in open_ones:
                continue
            for frame in packet.decode():
                peaks[packet.stream_index] = max(peaks[packet.stream_index], _peak(frame))
                if frame.time is not None and frame.time > LISTEN_S:
                    open_ones.discard(packet.stream_index)
        except av.error.InvalidDataError:
            continue
        except av.error.FFmpegError:
            break
    return peaks


def _peak(frame: Any) -> float:
    # Packed, because PyAV reads beyond its planes where there are more than eight of them.
    packed = av.AudioResampler(format="flt").resample(frame)
    return max((float(np.abs(part.to_ndarray()).max(initial=0.0)) for part in packed), default=0.0)
