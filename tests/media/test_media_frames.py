"""A folder of numbered pictures is a film: the same grid, holes and damage as in a file, at the declared rate."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from talkie.errors import EmptyFile, NotMedia, TruncatedMedia, UnreadableMedia
from talkie.media import DecodeStats, piece_bounds, probe_frames, read_video

SIZE = 32


def save(folder, numbers, suffix=".png", pattern="{}"):
    """Grey pictures whose brightness is twice their number."""
    folder.mkdir(exist_ok=True)
    for number in numbers:
        picture = np.full((SIZE, SIZE + 8, 3), 2 * number, np.uint8)
        cv2.imwrite(str(folder / f"{pattern.format(number)}{suffix}"), picture)
    return folder


def numbers_of(frames):
    return [(index, round(float(picture.mean()) / 2)) for index, _, picture in frames]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tiff"])
def test_pictures_come_in_the_order_of_their_numbers_at_the_declared_rate(tmp_path, suffix):
    folder = save(tmp_path / "shot", range(8, 13), suffix)
    (folder / "sound.wav").write_bytes(b"no picture")
    (folder / ".hidden.png").write_bytes(b"no picture")
    info = probe_frames(folder, 25.0)
    assert (info.video.width, info.video.height, info.video.frames, info.duration_s) == (SIZE + 8, SIZE, 5, 0.2)
    assert info.audio is None
    assert numbers_of(read_video(folder, info=info.video)) == [(k, 8 + k) for k in range(5)]


def test_another_rate_is_resampled_as_a_film_is(tmp_path):
    folder = save(tmp_path / "shot", range(12))
    info = probe_frames(folder, 50.0)
    # The picture nearest to index / 25 s: every second one.
    assert numbers_of(read_video(folder, info=info.video)) == [(k, 2 * k) for k in range(6)]


def test_a_piece_has_the_pictures_of_the_whole_and_no_others_are_decoded(tmp_path):
    folder = save(tmp_path / "shot", range(30))
    info = probe_frames(folder, 25.0).video
    whole = numbers_of(read_video(folder, info=info))
    stats, parts = DecodeStats(), []
    bounds = piece_bounds(folder, 0.4, info=info)
    assert bounds == [(0.0, 0.4), (0.4, 0.8), (0.8, None)]
    for start_s, end_s in bounds:
        parts += numbers_of(read_video(folder, info=info, start_s=start_s, end_s=end_s, stats=stats))
    assert parts == whole
    assert stats.decoded <= 30 + 2 * len(bounds)


def test_a_hole_in_the_numbers_is_filled_by_its_neighbours(tmp_path):
    folder = save(tmp_path / "shot", [1, 2, 5, 6], pattern="frame_{:04d}")
    info = probe_frames(folder, 25.0)
    assert (
        numbers_of(read_video(folder, info=info.video))
        == [(0, 1), (1, 2), (2, 2), (3, 5), (4, 5), (5, 6)][: info.video.frames + 2]
    )


def test_a_glob_gathers_pictures_that_lie_in_many_folders(tmp_path):
    for number in (2, 10, 9):
        save(tmp_path / f"frame_{number}", [number], pattern="camera-7")
    place = tmp_path / "frame_*" / "camera-7.png"
    info = probe_frames(place, 25.0)
    assert numbers_of(read_video(place, info=info.video)) == [(0, 2), (1, 9), (2, 10)]


def test_a_picture_that_does_not_decode_is_told_and_its_neighbours_fill_in(tmp_path):
    folder = save(tmp_path / "shot", range(5), pattern="{:02d}")
    (folder / "02.png").write_bytes((folder / "02.png").read_bytes()[:40])
    info, damage = probe_frames(folder, 25.0), []
    seen = numbers_of(read_video(folder, info=info.video, on_damage=lambda at, cause: damage.append((at, cause))))
    assert [index for index, _ in seen] == list(range(5))
    assert {value for _, value in seen} == {0, 1, 3, 4}
    assert damage == [(0.08, "unreadable_media")]


@pytest.mark.parametrize(
    ("content", "error"), [(b"", EmptyFile), (b"text", NotMedia), (b"\x89PNG text", UnreadableMedia)]
)
def test_a_first_picture_that_is_none_is_one_typed_error(tmp_path, content, error):
    (tmp_path / "1.png").write_bytes(content)
    with pytest.raises(error, match=r"1\.png"):
        probe_frames(tmp_path, 25.0)


def test_a_folder_without_a_picture_says_what_to_do(tmp_path):
    with pytest.raises(TruncatedMedia, match="numbered pictures"):
        probe_frames(tmp_path, 25.0)
