"""Label planes come back bit for bit."""

import numpy as np
import pytest

from talkie.errors import BadInput, UnreadableMedia
from talkie.media import PlaneWriter, decode_plane, encode_plane


def test_any_plane_comes_back_exactly_and_with_the_same_bytes():
    planes = np.random.default_rng(0).integers(0, 256, (6, 34, 50), dtype=np.uint8)
    data = encode_plane(planes)
    np.testing.assert_array_equal(decode_plane(data), planes)
    assert encode_plane(planes) == data


def test_planes_written_one_by_one_are_the_same_bytes_and_leave_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    planes = np.random.default_rng(1).integers(0, 256, (5, 32, 48), dtype=np.uint8)
    writer, given_up = PlaneWriter(), PlaneWriter()
    for plane in planes:
        writer.write(plane)
        given_up.write(plane)
    assert writer.finish() == encode_plane(planes)
    given_up.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "planes", [np.zeros((2, 3, 4), np.uint8), np.zeros((2, 4, 4), np.float32), np.zeros((0, 4, 4))]
)
def test_what_is_no_plane_is_refused(planes):
    with pytest.raises(BadInput):
        encode_plane(planes)


def test_a_cut_member_is_an_error():
    data = encode_plane(np.zeros((4, 16, 16), np.uint8))
    with pytest.raises(UnreadableMedia):
        decode_plane(data[: len(data) // 2])
