"""Pictures, planes and sound by frame number: what a full decode has there, decoded as sparingly as possible."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from loading_system import Noting, clip, phase

from talkie.clip import SAMPLES_PER_FRAME, Clip
from talkie.errors import BadInput, CorruptShard, MissingField
from talkie.media import DecodeStats, Mp4Encoder, decode_mp4, encode_flac, encode_mp4, encode_plane
from talkie.media.partial import pictures_at
from talkie.shards import LazyFields, Tally, commit, pictures, planes, speech
from talkie.training.loading import Corpus, LoadConfig, Loader
from talkie.training.loading.keeper import Keeper

FRAMES, SIDE = 300, 64


@pytest.fixture(scope="module")
def film():
    """A grey picture that drifts, over two groups of pictures (x264's are 250 frames long). Grey, because OpenCV
    converts colours by BT.601 whatever a film says."""
    rng = np.random.default_rng(3)
    large = cv2.resize(rng.integers(0, 256, (30, 30)).astype(np.uint8), (480, 480), interpolation=cv2.INTER_CUBIC)
    large = np.repeat(large[..., None], 3, 2)
    frames = [np.ascontiguousarray(large[n : n + SIDE, n // 2 : n // 2 + SIDE]) for n in range(FRAMES)]
    return encode_mp4(frames)


@pytest.fixture(scope="module")
def whole(film, tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    path.write_bytes(film)
    capture, found = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        found.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    assert len(found) == FRAMES
    return np.stack(found)


def lazy(members, keeper=None, size=None):
    tally = Tally()
    record = clip(0).record
    return Clip(record, LazyFields(record.id, members, list(members), size=size, keeper=keeper, tally=tally)), tally


@pytest.mark.parametrize("asked", [[0], [299], [7, 8, 9], range(240, 262, 3), [260, 3, 3, 251, 249, 250]])
def test_pictures_are_those_of_an_independent_full_decode(film, whole, asked):
    for taken in (lazy({"mp4": film})[0], Clip(clip(0).record, {"mp4": film})):
        found = pictures(taken, asked)
        assert found.dtype == np.uint8
        assert np.array_equal(found, decode_mp4(film)[list(asked)])
        # OpenCV rounds otherwise.
        assert np.abs(found.astype(int) - whole[list(asked)]).max() <= 3


def test_reduced_pictures_are_area_means(film, whole):
    found = pictures(lazy({"mp4": film}, size=16)[0], [5, 290])
    means = whole[[5, 290]].reshape(2, 16, 4, 16, 4, 3).mean((2, 4))
    assert found.shape == (2, 16, 16, 3)
    assert np.abs(found - means).mean() < 4


def test_only_the_group_of_pictures_is_decoded_and_not_all_of_it(film):
    stats = DecodeStats()
    pictures_at(film, [255], stats=stats)
    assert stats.decoded <= 6
    late = DecodeStats()
    pictures_at(film, [200], stats=late)
    assert late.decoded < 150  # frames that no other needs are passed over


def test_what_was_decoded_is_kept_within_the_bound(film):
    keeper = Keeper(10 * 2**20)
    taken, tally = lazy({"mp4": film}, keeper, size=16)
    first = pictures(taken, range(100, 110))
    decoded = tally.decoded
    assert np.array_equal(pictures(taken, range(100, 110)), first)
    pictures(taken, range(20, 60))  # passed on the way
    assert (tally.decoded, tally.kept, tally.pictures) == (decoded, 50, 60)
    small = Keeper(3000)
    taken, _ = lazy({"mp4": film}, small, size=16)
    assert np.array_equal(pictures(taken, range(100, 110)), first)
    assert 0 < small.used <= 3000


def test_a_frame_that_is_not_there_is_an_error(film):
    with pytest.raises(CorruptShard, match="mp4: a clip's member holds no frame 300"):
        pictures(lazy({"mp4": film})[0], [3, 300])
    with pytest.raises(BadInput, match="counted from 0"):
        pictures(Clip(clip(0).record, {"mp4": film}), [-1])
    with pytest.raises(MissingField, match=r"has no view01.mp4; name it among what the system needs"):
        pictures(lazy({"mp4": film})[0], [0], field="view01.mp4")


def test_planes_come_back_exactly_and_reduced_by_their_kind():
    regions = np.random.default_rng(0).integers(0, 12, (40, 32, 32)).astype(np.uint8)
    matte = np.repeat(np.repeat(regions[:, ::4, ::4] * 20, 4, 1), 4, 2)
    members = {"mask.mp4": encode_plane(regions), "matte.mp4": encode_plane(matte)}
    for taken in (lazy(members)[0], Clip(clip(0).record, {"mask.mp4": regions, "matte.mp4": matte})):
        assert np.array_equal(planes(taken, [39, 0, 17]), regions[[39, 0, 17]])
        assert np.array_equal(planes(taken, [5], 8, "matte.mp4"), matte[[5], ::4, ::4])
        assert set(np.unique(planes(taken, [5], 16))) <= set(range(12))


def test_sound_is_that_under_the_frames():
    samples = np.random.default_rng(1).normal(0, 0.2, 50 * SAMPLES_PER_FRAME).clip(-1, 1).astype(np.float32)
    stored = np.round(samples * 32768).clip(-32768, 32767) / 32768
    taken, tally = lazy({"flac": encode_flac(samples)})
    found = speech(taken, range(10, 20, 3))
    assert np.array_equal(found, stored[10 * SAMPLES_PER_FRAME : 20 * SAMPLES_PER_FRAME].astype(np.float32))
    assert not speech(taken, range(48, 53))[2 * SAMPLES_PER_FRAME :].any()
    assert tally.members == 0


def test_members_are_decoded_when_asked_for_and_once():
    reads = Counter()

    class Members(dict):
        def __getitem__(self, name):
            reads[name] += 1
            return super().__getitem__(name)

    members = Members({"txt": b"hello", "captions.json": b'{"a": 1}', "flac": b"f"})
    taken, tally = lazy(members)
    assert not reads
    assert "txt" in taken.fields
    assert taken.fields["txt"] == taken.fields["txt"] == "hello"
    assert (reads, tally.members, tally.read) == ({"txt": 1}, 1, 5)
    assert taken.fields.get("mp4") is None


def test_memory_stays_flat_over_three_epochs(tmp_path):
    """Windows of film with a small memory for pictures: what the process holds does not grow with the epochs."""

    def resident_kb():
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    frames = [np.full((SIDE, SIDE, 3), 3 * n, np.uint8) for n in range(60)]
    with Mp4Encoder() as encoder:
        for frame in frames:
            encoder.add(frame)
        data = encoder.finish()
    commit(
        tmp_path, [clip(n, frames=60, members={"mp4": data, "txt": bytes([65 + n])}) for n in range(12)], settings={}
    )

    class Seeing(Noting):
        card = Noting.card.model_copy(update={"needs": ("mp4", "txt")})

    seeing, made = Seeing(lambda c, d: pictures(c, d.window)), phase(frames=8, windows=3, size=32)
    with Loader([Corpus(tmp_path)], seeing, made, LoadConfig(loaders=2, cache_mb=1), seed=0, batch_size=6) as reading:
        resident = []
        for epoch in range(4):
            for step in range(6 * epoch, 6 * epoch + 6):
                assert reading.batch(step)["seen"][0].shape == (8, 32, 32, 3)
            resident.append(resident_kb())
    assert resident[3] - resident[0] < 6000
