"""espeak-ng behind a narrow door: text to samples with events, and words to phoneme mnemonics, through ctypes.
What the events mean for phones and words is `synthesis`'s business."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import espeakng_loader
import numpy as np

from talkie.errors import BadConfig

SAMPLE_RATE = 22_050
"""Samples per second of everything espeak-ng speaks."""

# speak_lib.h of espeak-ng 1.52
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_PHONEME_EVENTS = 0x0001
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_IPA = 2
_RATE, _PITCH, _RANGE = 1, 3, 4
_EVENT_KINDS: dict[int, Literal["word", "phone", "end"]] = {1: "word", 5: "end", 7: "phone"}
_VARIANTS = "voices/!v"

_lock = threading.Lock()


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Event:
    """A word, a phone or the end of a clause begins at `sample` (of SAMPLE_RATE).

    name: espeak-ng's mnemonic of a phone, stress mark included. position: of a word, its first character in the
    text, from 0. `audio_position` (milliseconds) is left out: `sample` is the same instant, exactly.
    """

    kind: Literal["word", "phone", "end"]
    sample: int
    name: str
    position: int


def synthesise(
    text: str, voice: str, *, variant: str, pitch: int, rate_wpm: int, pitch_range: int
) -> tuple[np.ndarray, list[Event]]:
    """Speak a text: (N,) int16 samples at SAMPLE_RATE and the events in order. Thread-safe and deterministic.

    voice: a language that espeak-ng has. variant: the text of a voice variant's file, see `variants`.
    Raises BadConfig for a voice that espeak-ng does not have.
    """
    pieces: list[np.ndarray] = []
    events: list[Event] = []

    def collect(samples: Any, count: int, found: Any) -> int:
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        events.extend(_read_events(found))
        return 0

    callback = _Callback(collect)  # held here: ctypes keeps no reference of its own
    with _fresh_library() as library, _variant_file(variant) as name:
        library.espeak_SetSynthCallback(callback)
        _set_voice(library, f"{voice}+{name}")
        for parameter, value in ((_RATE, rate_wpm), (_PITCH, pitch), (_RANGE, pitch_range)):
            library.espeak_SetParameter(parameter, value, 0)
        data = text.encode()
        library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
    return np.concatenate([np.zeros(0, np.int16), *pieces]), events


def phonemise(words: list[str], voice: str = "en-us", *, ipa: bool = False) -> list[list[str]]:
    """The phoneme mnemonics of each word by itself, stress marks included; what is no sound gives an empty list.

    ipa: espeak-ng's own idea of each phoneme in IPA instead."""
    mode = (ord("_") << 8) | (_IPA if ipa else 0)
    with _fresh_library() as library:
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        _set_voice(library, voice)
        result = []
        for word in words:
            rest = ctypes.c_char_p(word.encode())
            mnemonics: list[str] = []
            while rest:
                clause = library.espeak_TextToPhonemes(ctypes.byref(rest), _CHARS_UTF8, mode)
                mnemonics += [m for m in clause.decode().replace(" ", "_").split("_") if m]
            result.append(mnemonics)
    return result


def _read_events(found: Any) -> Iterator[Event]:
    index = 0
    while found[index].type:
        event = found[index]
        kind = _EVENT_KINDS.get(event.type)
        if kind is not None:
            name = event.id.string.decode() if kind == "phone" else ""
            yield Event(kind, event.sample, name, event.text_position - 1)
        index += 1


@contextmanager
def _fresh_library() -> Iterator[ctypes.CDLL]:
    """The library as newly loaded, for one caller at a time.

    espeak-ng keeps the phase of its pitch flutter, of its roughness and of its noise in static variables that no call
    resets, so that an utterance would depend on those before it. Unloading resets them, and costs 3 ms.
    """
    with _lock:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        try:
            flags = _INITIALIZE_PHONEME_EVENTS | _INITIALIZE_DONT_EXIT
            rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, os.fsencode(_data_path()), flags)
            if rate != SAMPLE_RATE:
                raise BadConfig(f"espeak-ng does not start ({rate})", cure="reinstall espeakng-loader")
            # It has just seeded the generator that breath takes its noise from with the time of day.
            library.espeak_ng_SetRandSeed(ctypes.c_long(1))
            yield library
            library.espeak_Terminate()
        finally:
            close = ctypes.CDLL(None).dlclose
            close.argtypes = [ctypes.c_void_p]
            close(library._handle)


def _set_voice(library: ctypes.CDLL, voice: str) -> None:
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise BadConfig(f"espeak-ng has no voice {voice!r}")


def installed_variant(name: str) -> str:
    """The text of a voice variant's file that comes with espeak-ng."""
    return (Path(espeakng_loader.get_data_path()) / _VARIANTS / name).read_text(errors="replace")


@contextmanager
def _variant_file(text: str) -> Iterator[str]:
    """The variant's name while its file lies where espeak-ng looks for it. A forked process has another name."""
    path = Path(_data_path()) / _VARIANTS / f"talkie{os.getpid()}"
    path.write_text(text)
    try:
        yield path.name
    finally:
        path.unlink(missing_ok=True)


@cache
def _data_path() -> str:
    """A folder of links to espeak-ng's data, without its variants and with room for ours.

    Its path is short too: the installed one can be longer than espeak-ng's fixed buffer of 160 characters.
    """
    installed = Path(espeakng_loader.get_data_path())
    folder = Path(tempfile.mkdtemp(prefix="talkie-espeak-"))
    owner = os.getpid()
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == owner else None)
    data = folder / "espeak-ng-data"
    (data / _VARIANTS).mkdir(parents=True)
    for entry in installed.iterdir():
        if entry.name != "voices":
            (data / entry.name).symlink_to(entry)
    return str(data)
