"""What a media file is found to be, and the name of what is wrong with it."""

from pathlib import Path

import numpy as np
import pytest
from media_files import grey, write_video, write_wav

from talkie.errors import BadInput, EmptyFile, NotMedia, TruncatedMedia, UnreadableMedia
from talkie.media import encode_flac, encode_mp4, probe, read_audio, read_video


def film() -> bytes:
    return encode_mp4([grey(50), grey(200)], audio=np.zeros(1280, np.float32))


def test_a_film_tells_its_size_rate_length_and_tracks(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(film())
    info = probe(path)
    assert info.video is not None
    assert info.audio is not None
    assert (info.video.width, info.video.height, info.video.fps_nominal, info.video.frames) == (32, 32, 25.0, 2)
    assert (info.audio.rate, info.audio.channels) == (16000, 1)
    assert info.duration_s == pytest.approx(0.08, abs=0.001)
    assert len(info.sha256) == 64


def test_sound_alone_is_no_error_but_has_no_video(tmp_path):
    path = tmp_path / "speech.flac"
    path.write_bytes(encode_flac(np.zeros(16000, np.float32)))
    assert probe(path).video is None


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("empty.mp4", b"", EmptyFile),
        ("note.mp4", b"this is no video at all", NotMedia),
        ("playlist.mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", NotMedia),
        ("picture.mp4", b"\x89PNG\r\n\x1a\n" + bytes(64), NotMedia),
        ("broken.wav", b"RIFF\x00", TruncatedMedia),
    ],
)
def test_what_is_no_film_ends_in_its_own_error(tmp_path, name, data, error):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(error, match=name):
        probe(path)


def test_an_mp4_that_breaks_off_before_its_index_is_truncated(tmp_path):
    data = film()
    moov = data.index(b"moov") - 4
    size = int.from_bytes(data[moov : moov + 4], "big")
    path = tmp_path / "interrupted.mp4"
    path.write_bytes(data[:moov] + data[moov + size :])
    with pytest.raises(TruncatedMedia, match="moov"):
        probe(path)


def test_a_missing_file_and_a_folder_are_the_users_mistake(tmp_path):
    for path in (tmp_path / "none.mp4", tmp_path):
        with pytest.raises(BadInput):
            probe(path)


@pytest.mark.parametrize("name", ["two words.mp4", 'it\'s "quoted".mp4', "видео 影片.mp4", "concat:a|b.mp4", "-i.mp4"])
def test_any_file_name_is_only_a_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(film())
    assert probe(name).video is not None


def test_damaged_bytes_never_end_in_an_untyped_error(tmp_path):
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, 16000).astype(np.float32)
    whole = encode_mp4([rng.integers(0, 255, (32, 32, 3), np.uint8) for _ in range(25)], audio=sound)
    path = tmp_path / "damaged.mp4"
    for _ in range(40):
        data = bytearray(whole[: rng.integers(40, len(whole))] if rng.random() < 0.3 else whole)
        for at in rng.integers(0, len(data), 8):
            data[at] = rng.integers(256)
        path.write_bytes(data)
        try:
            probe(path)
            list(read_video(path, max_seconds=60))
            read_audio(path, max_seconds=60)
        except UnreadableMedia:
            pass


def test_wav_length_is_known_without_reading_it(tmp_path):
    path = write_wav(tmp_path / "tone.wav", np.zeros(8000))
    assert probe(path).duration_s == pytest.approx(0.5)


def test_film_of_one_frame(tmp_path):
    path = write_video(tmp_path / "one.mp4", [(0, grey(90))])
    assert len(list(read_video(path))) == 1


@pytest.mark.clips
def test_the_broken_clips_each_have_their_own_error(clips):
    for name, error in (("empty", EmptyFile), ("not_a_video", NotMedia), ("truncated", TruncatedMedia)):
        with pytest.raises(UnreadableMedia) as caught:
            probe(clips / f"{name}.mp4")
        assert type(caught.value) is error
