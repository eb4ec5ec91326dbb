"""Frames and samples come at their time, on one clock."""

import struct
import time

import numpy as np
import pytest
from media_files import grey, write_video, write_wav

from talkie.errors import NoVideo, TooLong
from talkie.media import encode_flac, encode_mp4, fit_audio, probe, read_audio, read_video


def levels(path, **options) -> list[int]:
    return [round(float(frame.mean())) for _, _, frame in read_video(path, **options)]


def test_frames_are_chosen_by_timestamp_not_by_position(tmp_path):
    stamps = [0, 30, 100, 110, 125, 300, 333, 366, 400]
    shades = [20 + 25 * i for i in range(len(stamps))]
    path = write_video(tmp_path / "vfr.mkv", list(zip(stamps, map(grey, shades), strict=True)))
    grid = 40 * np.arange(11)
    nearest = [shades[int(np.argmin(np.abs(np.array(stamps) - at)))] for at in grid]
    found = levels(path)
    assert len(found) in (10, 11)
    assert np.abs(np.array(found) - nearest[: len(found)]).max() <= 2


def test_thirty_frames_a_second_become_twenty_five(tmp_path):
    path = write_video(tmp_path / "30.mkv", [(round(i * 1000 / 30), grey(i * 4)) for i in range(60)])
    frames = list(read_video(path))
    assert len(frames) == 50
    assert [index for index, _, _ in frames] == list(range(50))
    expected = [4 * round(k * 30 / 25) for k in range(50)]
    assert np.abs(np.array(levels(path)) - expected).max() <= 4 + 2  # one source frame, and the codec


def test_twenty_five_frames_a_second_stay_as_they_are(tmp_path):
    path = tmp_path / "25.mp4"
    path.write_bytes(encode_mp4([grey(5 * i) for i in range(50)]))
    assert np.abs(np.array(levels(path)) - 5 * np.arange(50)).max() <= 2


def test_rotation_metadata_is_applied(tmp_path):
    image = np.zeros((32, 64, 3), np.uint8)
    image[:16, :32] = 255  # top left of what is stored
    data = bytearray(encode_mp4([image] * 3))
    matrix = data.index(b"tkhd") + 44
    # ISO/IEC 14496-12, 6.2.2: x' = -y, y' = x, a quarter turn clockwise.
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path = tmp_path / "phone.mp4"
    path.write_bytes(data)
    _, _, frame = next(iter(read_video(path)))
    assert frame.shape == (64, 32, 3)
    assert frame[:30, 18:].mean() > 240
    assert frame[:30, :14].mean() < 15
    video = probe(path).video
    assert video is not None
    assert (video.width, video.height) == (32, 64)


@pytest.mark.parametrize("start_ms", [0, 200, 480])
def test_sound_that_starts_later_than_the_picture_is_led_in_by_silence(tmp_path, start_ms):
    click = np.zeros((1, 16000))
    click[0, 4000] = 0.9
    path = write_video(
        tmp_path / "late.mkv", [(40 * i, grey(100)) for i in range(40)], audio=click, audio_start_ms=start_ms
    )
    audio = read_audio(path)
    assert audio is not None
    assert abs(int(np.abs(audio).argmax()) - (4000 + 16 * start_ms)) <= 16  # Matroska counts milliseconds


def test_sound_that_starts_earlier_than_the_picture_is_cut(tmp_path):
    click = np.zeros((1, 16000))
    click[0, 8000] = 0.9
    path = write_video(tmp_path / "early.mkv", [(100 + 40 * i, grey(100)) for i in range(20)], audio=click)
    audio = read_audio(path)
    assert audio is not None
    assert abs(int(np.abs(audio).argmax()) - (8000 - 1600)) <= 16


def test_stereo_becomes_the_mean_of_its_channels_at_the_new_rate(tmp_path):
    t = np.arange(44100) / 44100
    tone = np.stack([0.8 * np.sin(2 * np.pi * 440 * t), 0.2 * np.sin(2 * np.pi * 440 * t)])
    path = write_video(tmp_path / "stereo.mkv", [(40 * i, grey(9)) for i in range(25)], audio=tone, rate=44100)
    audio = read_audio(path)
    assert audio is not None
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert len(audio) == pytest.approx(16000, abs=2)
    assert np.abs(audio[200:15800] - expected[200:15800]).max() < 0.01


def test_a_file_without_sound_has_none_and_one_without_picture_says_so(tmp_path):
    (tmp_path / "mute.mp4").write_bytes(encode_mp4([grey(1)]))
    (tmp_path / "blind.flac").write_bytes(encode_flac(np.zeros(1600, np.float32)))
    assert read_audio(tmp_path / "mute.mp4") is None
    with pytest.raises(NoVideo):
        next(read_video(tmp_path / "blind.flac"))


def test_ten_hours_of_sound_are_refused_before_they_are_read(tmp_path):
    path = write_wav(tmp_path / "night.wav", np.zeros(16), claimed=10 * 3600 * 16000)
    begin = time.perf_counter()
    with pytest.raises(TooLong, match=r"night\.wav"):
        read_audio(path, max_seconds=600)
    assert time.perf_counter() - begin < 1


def test_a_film_beyond_the_limit_is_refused(tmp_path):
    path = tmp_path / "long.mp4"
    path.write_bytes(encode_mp4(grey(7) for _ in range(100)))
    with pytest.raises(TooLong):
        list(read_video(path, max_seconds=2))


def test_damage_is_reported_and_the_rest_is_read(tmp_path):
    rng = np.random.default_rng(1)
    data = bytearray(encode_mp4([rng.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(20)]))
    start = data.index(b"mdat") + 4
    for at in range(start + len(data[start:]) // 2, start + len(data[start:]) // 2 + 3000):
        data[at] = 255
    path = tmp_path / "scratched.mp4"
    path.write_bytes(data)
    damage: list[tuple[float, str]] = []
    frames = list(read_video(path, on_damage=lambda at, cause: damage.append((at, cause))))
    assert damage
    assert len(frames) >= 10


def test_fitted_sound_has_the_length_of_the_picture_and_the_change_is_told():
    audio = np.ones(16000, np.float32)
    longer, added = fit_audio(audio, 26)
    assert (len(longer), added) == (16640, pytest.approx(0.04))
    shorter, added = fit_audio(audio, 24)
    assert (len(shorter), added) == (15360, pytest.approx(-0.04))
    assert not longer[16000:].any()


@pytest.mark.clips
@pytest.mark.parametrize("name", ["interview_vfr.mp4", "interview_30fps.mp4", "weekly_address_a.mp4"])
def test_picture_and_sound_of_real_clips_have_one_length(clips, name):
    frames = sum(1 for _ in read_video(clips / name))
    audio = read_audio(clips / name)
    assert audio is not None
    assert len(fit_audio(audio, frames)[0]) == frames * 640
    assert abs(len(audio) / 16000 - frames / 25) < 0.08  # the files themselves differ by up to two frames
