"""Pieces of a long source are the whole, cut: the same frames, the same samples, nothing decoded twice."""

from pathlib import Path

import numpy as np
import pytest
from media_files import write_video

from talkie.media import DecodeStats, audio_spool, encode_mp4, look, piece_bounds, read_audio, read_video


def picture(k: int) -> np.ndarray:
    image = np.zeros((32, 48, 3), np.uint8)
    image[:, : 1 + k % 48] = (40 + k % 200, 255 - k % 250, 90)
    return image


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pieces")
    rng = np.random.default_rng(2)
    sound = rng.normal(0, 0.1, (1, 16000 * 24)).astype(np.float32)
    plain = folder / "plain.mp4"
    plain.write_bytes(encode_mp4([picture(k) for k in range(600)], audio=sound[0]))
    thirty = [(round(k * 1000 / 30), picture(k)) for k in range(720)]
    stamps = np.cumsum(rng.integers(15, 70, 600))
    varying = [(int(at), picture(k)) for k, at in enumerate(stamps)]
    return {
        "plain": plain,
        "thirty": write_video(folder / "30.mkv", thirty, audio=sound, audio_start_ms=130),
        "varying": write_video(folder / "vfr.mp4", varying),
    }


@pytest.mark.parametrize("name", ["plain", "thirty", "varying"])
def test_pieces_put_together_are_the_whole(films, name):
    whole = list(read_video(films[name]))
    for bounds in (piece_bounds(films[name], 6.0), [(0.0, 3.33), (3.33, 9.99), (9.99, 15.0), (15.0, None)]):
        pieces = [item for a, b in bounds for item in read_video(films[name], start_s=a, end_s=b)]
        assert [(i, t) for i, t, _ in pieces] == [(i, t) for i, t, _ in whole]
        assert all(np.array_equal(a[2], b[2]) for a, b in zip(pieces, whole, strict=True))


def test_pieces_cut_at_key_frames_decode_hardly_more_than_they_show(films):
    info, stats = look(films["plain"]), DecodeStats()
    bounds = piece_bounds(films["plain"], 10.0, info=info)
    assert len(bounds) == 3
    for a, b in bounds:
        for _ in read_video(films["plain"], start_s=a, end_s=b, info=info, stats=stats):
            pass
    assert stats.emitted == stats.needed == 600
    assert stats.decoded <= 600 * 1.02


def test_a_part_of_the_sound_is_the_same_samples(films):
    whole = read_audio(films["thirty"])
    part = read_audio(films["thirty"], start_s=2.0, end_s=5.5)
    assert whole is not None
    assert part is not None
    np.testing.assert_array_equal(part, whole[32000:88000])


def test_spooled_sound_is_the_sound_to_sixteen_bits(films, tmp_path):
    whole = read_audio(films["thirty"])
    spool = audio_spool(films["thirty"], tmp_path)
    assert whole is not None
    assert spool is not None
    assert spool.length == len(whole)
    assert np.abs(spool.part(-100, len(whole) + 300)[100:-200] - whole).max() <= 0.5 / 32768 + 1e-7
    assert not spool.part(-100, 100).any()
    assert spool.path.parent == tmp_path
