"""Which clip stands where: the same for every world, number of loaders and first step; shares, balance, epochs."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from loading_system import clip, collected, corpus, loader, numbers

from talkie.errors import BadConfig
from talkie.shards import commit
from talkie.training.loading import Corpus, LoadConfig
from talkie.training.loading.chance import permutation
from talkie.training.loading.order import Order

DRAWN = {"frames": 5, "stride": 2, "references": 2}


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    return corpus(tmp_path_factory.mktemp("ten"), 10)


@pytest.fixture(scope="module")
def undisturbed(ten):
    with loader(ten, **DRAWN) as made:
        return [made.batch(step) for step in range(6)]


@pytest.mark.parametrize("world", [1, 2, 4])
@pytest.mark.parametrize("loaders", [0, 1, 2])
def test_batches_are_the_same_for_every_world_and_number_of_loaders(ten, undisturbed, world, loaders):
    made = [loader(ten, {"loaders": loaders}, rank=r, world=world, **DRAWN) for r in range(world)]
    for step, whole in enumerate(undisturbed):
        parts = [m.batch(step) for m in made]
        for name in ("ids", "window", "references", "random"):
            assert [v for part in parts for v in part[name]] == whole[name]
        assert made[0].ids(step) == [f"{i}@{w.start}" for i, w in zip(whole["ids"], whole["window"], strict=True)]
    for m in made:
        m.close()


@pytest.mark.parametrize("loaders", [0, 2])
def test_any_step_may_be_the_first_one_and_steps_may_come_in_any_sequence(ten, undisturbed, loaders):
    with loader(ten, {"loaders": loaders}, start_step=4, **DRAWN) as made:
        for step in (4, 5, 1, 3, 0, 1):
            found = made.batch(step)
            assert (found["ids"], found["window"]) == (undisturbed[step]["ids"], undisturbed[step]["window"])


def test_collating_draws_from_the_steps_own_random_state(ten, undisturbed):
    with loader(ten, {"loaders": 1}, **DRAWN) as made:
        made.batch(1)
        assert made.batch(3)["dice"] == undisturbed[3]["dice"] != undisturbed[2]["dice"]


def test_every_clip_comes_once_an_epoch_also_where_the_batch_does_not_divide_it(ten):
    seen = numbers(collected(loader(ten, batch_size=3), range(10)))
    assert [sorted(seen[k : k + 10]) for k in (0, 10, 20)] == [list(range(10))] * 3
    assert len({tuple(seen[k : k + 10]) for k in (0, 10, 20)}) == 3


def test_several_windows_of_a_clip_come_in_an_epoch(ten):
    seen = Counter(numbers(collected(loader(ten, batch_size=5, frames=3, windows=4), range(8))))
    assert set(seen.values()) == {4}


def test_seed_and_phase_change_the_order(ten):
    orders = [
        loader(ten, **options).ids(0) for options in ({}, {"seed": 1}, {"name": "other"}, {"seed": 1, "name": "other"})
    ]
    assert len({tuple(o) for o in orders}) == 4


def order_of(sizes, weights, people=1, **options):
    starts = np.cumsum([0, *sizes])
    pools = [(np.arange(a, b), np.arange(b - a) % people) for a, b in pairwise(starts)]
    return Order(pools, weights, seed=3, phase="x", **options)


def test_corpora_are_mixed_in_exact_shares_and_inside_each_every_clip_has_its_turn():
    order, weights = order_of([7, 50, 3], [0.5, 0.3, 0.2]), [0.5, 0.3, 0.2]
    rows = np.array([order.row(p) for p in range(10 * 1024)])
    corpora = np.searchsorted([7, 57], rows, side="right")
    for blocks in range(1, 11):
        counts = np.bincount(corpora[: blocks * 1024], minlength=3)
        assert np.abs(counts - np.array(weights) * blocks * 1024).max() < 2
    for number, begin, size in ((0, 0, 7), (1, 7, 50), (2, 57, 3)):
        own = rows[corpora == number] - begin
        counts = np.bincount(own[: len(own) // size * size], minlength=size)
        # Blocks are shuffled, so that an epoch may begin before the one before it has quite ended.
        assert np.abs(counts - len(own) // size).max() <= 1 + 1024 // size // 8


def test_a_corpus_is_not_tied_to_a_place_in_the_batch():
    order = order_of([100, 100], [1, 1])
    first = np.array([order.row(p) < 100 for p in range(0, 4096, 2)])
    assert 0.45 < first.mean() < 0.55


def test_people_come_equally_often_whatever_the_number_of_their_clips(tmp_path):
    many = corpus(tmp_path / "a", 12, identity=lambda n: "ann" if n < 9 else f"other-{n % 2}")
    records = collected(loader(many, {"balance": "identity"}, batch_size=9), range(12), "record")
    assert set(Counter(r.identity for r in records).values()) == {36}
    clips = Counter(r.id for r in records if r.identity == "ann")
    assert len(clips) == 9
    assert set(clips.values()) == {4}


def test_people_of_one_name_in_two_corpora_are_two(tmp_path):
    one, two = corpus(tmp_path / "a", 4, identity="ann"), corpus(tmp_path / "b", 1, first=9, identity="ann")
    seen = numbers(collected(loader([one, two], {"balance": "identity"}), range(4)))
    assert (seen == 9).sum() == 16


def test_weights_that_do_not_fit_the_corpora_are_refused(ten):
    for weights in ([1.0], [1.0, 2.0, 3.0]):
        with pytest.raises(BadConfig, match="weights for 2 corpora"):
            loader([ten, ten], {"weights": weights})
    with pytest.raises(BadConfig, match="weight all of them, or none"):
        loader([Corpus(ten.dataset, 1.0), ten])
    with pytest.raises(ValueError, match="positive"):
        LoadConfig(weights=(1.0, 0.0))


def test_a_batch_that_the_workers_cannot_share_is_refused(ten):
    with pytest.raises(BadConfig, match="a batch of 8 cannot be shared evenly by 3 workers"):
        loader(ten, world=3)


def test_a_step_of_a_huge_corpus_costs_no_more_than_one_of_a_small_one():
    order = order_of([2_000_000], None, windows=2)
    rows = [order.row(p) for p in range(3_999_990, 4_000_010)]
    assert len(set(rows)) > 15
    assert sorted(permutation(5, 1, 2)) == list(range(5))


def test_clips_shorter_than_the_window_are_left_out_and_counted(tmp_path):
    commit(tmp_path, [clip(0, frames=9), clip(1, frames=8), clip(2, frames=30)], settings={})
    with loader(Corpus(tmp_path), frames=5, stride=2) as made:
        assert made.left_out == {"shorter than the window of 9 frames": 1}
        windows = {(i, w) for step in range(20) for i, w in _drawn(made.batch(step))}
    assert {w.start for i, w in windows if i.endswith("0")} == {0}
    assert {w.start for i, w in windows if i.endswith("2")} == set(range(22))
    assert all(len(w) == 5 and w.step == 2 for _, w in windows)


def _drawn(batch):
    return zip(batch["ids"], batch["window"], strict=True)
