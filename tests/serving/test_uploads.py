"""Sound out of files of every kind, and the limits that stop a hostile one before it costs anything."""

import io
import struct
import time

import numpy as np
import pytest
from serving_inputs import babble, wav_bytes

from talkie.errors import BadInput, EmptyFile, NotMedia, TooLong, TooShort, UnreadableMedia
from talkie.media import encode_flac, encode_mp4
from talkie.serving.uploads import load_speech, read_upload


def read(data: bytes, max_seconds: float = 5.0) -> np.ndarray:
    return read_upload(io.BytesIO(data), "audio", max_seconds)


def header_of_wav(data_bytes: int, rate: int = 16_000, channels: int = 1) -> bytes:
    """A RIFF/WAVE header (Microsoft and IBM, 1991) that announces `data_bytes` of 16 bit samples."""
    frame = 2 * channels
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * frame, frame, 16)
    riff = struct.pack("<4sI4s4sI", b"RIFF", (data_bytes + 36) & 0xFFFFFFFF, b"WAVE", b"fmt ", len(form))
    return riff + form + struct.pack("<4sI", b"data", data_bytes & 0xFFFFFFFF)


def without_length(flac: bytes) -> bytes:
    """A FLAC file whose STREAMINFO says 0 samples, which RFC 9639, 8.2, defines as unknown."""
    at = 8 + 13  # after the magic, a block header and 13 bytes: 4 bits of length, then 32 more
    return flac[:at] + bytes([flac[at] & 0xF0]) + bytes(4) + flac[at + 5 :]


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_sound_of_any_usual_rate_becomes_16_khz_mono_of_the_same_length(rate):
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32) * 0.5
    audio = read(wav_bytes(tone, rate))
    assert audio.dtype == np.float32
    assert abs(len(audio) - 16_000) < 32  # the resampler's delay, under 2 ms
    peak = np.argmax(np.abs(np.fft.rfft(audio))) * 16_000 / len(audio)
    assert peak == pytest.approx(440, abs=2)


def test_a_path_and_an_upload_give_the_same_samples(tmp_path):
    data = wav_bytes(babble(1))
    (tmp_path / 'so \'n "Name" ü.wav').write_bytes(data)
    np.testing.assert_array_equal(load_speech(tmp_path / 'so \'n "Name" ü.wav', 5), read(data))


def test_ten_hours_of_sound_are_refused_at_once(tmp_path):
    path = tmp_path / "ten hours.wav"
    with path.open("wb") as file:
        file.write(header_of_wav(10 * 3600 * 32_000))
        file.truncate(44 + 10 * 3600 * 32_000)  # sparse: 1.2 GB that take no room
    start = time.perf_counter()
    with pytest.raises(TooLong, match="longer than 5 s"):
        load_speech(path, 5)
    assert time.perf_counter() - start < 1


def test_a_header_that_announces_more_than_there_is_gets_what_there_is():
    assert len(read(header_of_wav(10 * 3600 * 32_000) + bytes(32_000))) == 16_000


def test_sound_that_hides_its_length_is_cut_off_while_it_is_decoded():
    with pytest.raises(TooLong):
        read(without_length(encode_flac(np.zeros(60 * 16_000, np.float32))))


def test_a_file_that_would_grow_in_resampling_is_refused_by_its_header():
    # One second of sound that claims 1 Hz stands for four and a half hours; max_seconds is no help against one block.
    with pytest.raises(BadInput, match="samples a second"):
        read(header_of_wav(32_000, rate=1) + bytes(32_000), max_seconds=1e6)


def test_too_many_channels_are_refused():
    with pytest.raises(BadInput, match="32 channels"):
        read(header_of_wav(64_000, channels=32) + bytes(64_000))


def test_a_moving_picture_is_no_sound_file():
    film = encode_mp4([np.zeros((64, 64, 3), np.uint8)] * 10, audio=babble(0.4))
    with pytest.raises(NotMedia, match="moving picture"):
        read(film)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EmptyFile),
        (b"this is not sound at all, " * 100, NotMedia),
        (b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:1/a.ts\n", UnreadableMedia),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", UnreadableMedia),
        (b"RIFF\x10\0\0\0WAVE", UnreadableMedia),
        (b"fLaC" + bytes(50), UnreadableMedia),
        (wav_bytes(babble(0.02)), TooShort),
        (wav_bytes(np.zeros(0, np.float32)), UnreadableMedia),
    ],
    ids=["empty", "text", "playlist", "concat", "cut header", "broken flac", "under a frame", "no samples"],
)
def test_what_holds_no_usable_sound_is_named(data, error):
    with pytest.raises(error) as raised:
        read(data)
    assert str(raised.value).startswith("audio: ")


def test_samples_that_are_no_numbers_never_reach_a_model():
    samples = np.full(16_000, np.nan, "<f4").tobytes()
    form = struct.pack("<HHIIHH", 3, 1, 16_000, 64_000, 4, 32)
    riff = struct.pack("<4sI4s4sI", b"RIFF", len(samples) + 36, b"WAVE", b"fmt ", 16)
    with pytest.raises(BadInput, match="no numbers"):
        read(riff + form + struct.pack("<4sI", b"data", len(samples)) + samples)
