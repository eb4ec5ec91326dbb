"""Which clips share a shard depends on the set of clips alone, and a change touches few of them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from talkie.shards.layout import Placed, leaves

clips = st.lists(
    st.builds(Placed, st.uuids().map(str), st.integers(0, 40).map(str), st.floats(0, 100), st.integers(1, 50)),
    max_size=60,
    unique_by=lambda clip: clip.clip,
)


@given(clips, st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_in_which_clips_come_changes_nothing(placed, random):
    shuffled = list(placed)
    random.shuffle(shuffled)
    assert leaves(placed, 100) == leaves(shuffled, 100)


@given(clips)
@settings(max_examples=60, deadline=None)
def test_every_clip_has_one_place_and_every_shard_fits_or_is_one_source(placed):
    found = leaves(placed, 100)
    assert sorted(c for leaf in found for c in leaf.clips) == sorted(c.clip for c in placed)
    known = {c.clip: c for c in placed}
    for leaf in found:
        one_source = len({known[c].source for c in leaf.clips}) == 1
        assert sum(known[c].size for c in leaf.clips) <= 100 or one_source
    sources = [known[c].source for leaf in found for c in leaf.clips]
    assert sum(a != b for a, b in pairwise(sources)) == max(len(set(sources)) - 1, 0)


@given(clips)
@settings(max_examples=60, deadline=None)
def test_no_prefix_begins_another_and_neighbours_would_not_fit_together(placed):
    found = leaves(placed, 100)
    prefixes = [leaf.prefix for leaf in found]
    assert prefixes == sorted(prefixes)
    assert not any(b.startswith(a) for a, b in pairwise(prefixes))
    size = {c.clip: c.size for c in placed}
    whole = {leaf.prefix: sum(size[c] for c in leaf.clips) for leaf in found}
    for prefix in prefixes:
        parent = prefix[:-1]
        if prefix:
            assert sum(s for p, s in whole.items() if p.startswith(parent)) > 100


def test_another_source_touches_one_shard_of_many():
    placed = [Placed(str(i), str(i), 0.0, 10) for i in range(500)]
    before = {leaf.prefix: leaf.clips for leaf in leaves(placed, 100)}
    after = {leaf.prefix: leaf.clips for leaf in leaves([*placed, Placed("new", "new", 0.0, 10)], 100)}
    assert len(before) > 50
    assert len(before.items() - after.items()) == 1
