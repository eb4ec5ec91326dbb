"""A dataset seen as one person's: whose clips, which are held out, and that it is a dataset like any other."""

import pytest

from talkie.errors import TooFewIdentities
from talkie.shards import commit, open_dataset
from talkie.shards.person import main_person, of_person
from tone_clips import tone_clip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people") / "shards"
    ann = [tone_clip(seed, "ann", frames=20) for seed in range(5)]
    commit(folder, [*ann, tone_clip(9, "bea", frames=30)], settings={})
    return open_dataset(folder)


def test_it_holds_that_persons_clips_and_no_others(dataset):
    view = of_person(dataset, "ann")
    assert len(view) == 5
    assert {clip.record.identity for clip in view.clips(("flac",))} == {"ann"}
    assert len(dataset) == 6


def test_the_last_fifth_in_time_is_held_out(dataset):
    view = of_person(dataset, "ann")
    order = sorted(view.entries.items(), key=lambda pair: (pair[1].source, pair[1].start_s))
    assert [entry.split for _, entry in order] == ["train"] * 4 + ["test"]
    assert set(view.ids("train")).isdisjoint(view.ids("test"))


def test_its_digest_is_its_own(dataset):
    assert len({dataset.digest, of_person(dataset, "ann").digest, of_person(dataset, "ann").digest}) == 2


def test_a_person_with_one_clip_is_refused_and_another_named(dataset):
    with pytest.raises(TooFewIdentities, match="'bea' has 1 clips") as raised:
        of_person(dataset, "bea")
    assert "'ann' (5 clips)" in raised.value.cure


def test_the_main_person_has_the_most_frames(dataset):
    assert main_person(dataset) == "ann"


def test_its_address_finds_it_again(dataset):
    view = of_person(dataset, "ann")
    again = open_dataset(view.address)
    assert (again.person, again.digest, again.ids("test")) == ("ann", view.digest, view.ids("test"))
    assert of_person(again, "ann") is again
