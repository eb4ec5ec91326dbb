"""What is drawn with a clip: partners that keep their rules, references, windows, random numbers, progress."""

from collections import Counter

import numpy as np
import pytest
from loading_system import Noting, clip, collected, corpus, loader, phase

from talkie.errors import BadConfig
from talkie.shards import commit, open_dataset
from talkie.systems import Draw, Partner
from talkie.training.loading import Corpus, LoadConfig, Loader
from talkie.training.loading.catalogue import Catalogue
from talkie.training.loading.partners import Partners

EMOTIONS = ("joy", "anger", "calm")


@pytest.fixture(scope="module")
def acted(tmp_path_factory):
    """24 clips: 4 people, 3 emotions, 2 groups (takes), clip 23 without an emotion."""
    return corpus(
        tmp_path_factory.mktemp("acted"),
        24,
        identity=lambda n: f"p{n % 4}",
        labels=lambda n: {} if n == 23 else {"emotion": EMOTIONS[n % 3], "text": f"s{n % 2}"},
        group=lambda n: f"g{n // 12}",
        frames=lambda n: 20 + n,
    )


RULES = {
    "self": Partner(same=("identity",), differs=("labels.emotion",)),
    "other": Partner(same=("labels.emotion", "group"), differs=("identity",)),
    "any": Partner(),
    "far": Partner(differs=("identity", "labels.emotion", "labels.text")),
}


def value(record, attribute):
    return record.labels.get(attribute[7:]) if attribute.startswith("labels.") else getattr(record, attribute)


def agree(rule, one, other):
    known = all(value(r, a) is not None for a in (*rule.same, *rule.differs) for r in (one, other))
    same = all(value(one, a) == value(other, a) for a in rule.same)
    return known and same and all(value(one, a) != value(other, a) for a in rule.differs) and one.id != other.id


def test_partners_keep_their_rules_and_windows_stay_inside_their_clips(acted):
    made = loader(acted, partners=RULES, frames=6, stride=2)
    assert made.left_out == {"no partner 'self'": 1}
    with made:
        batches = [made.batch(step) for step in range(30)]
    for batch in batches:
        for record, partners, windows in zip(batch["record"], batch["partners"], batch["partner_windows"], strict=True):
            assert set(partners) == set(windows) == set(RULES)
            for name, rule in RULES.items():
                assert agree(rule, record, partners[name])
                assert len(windows[name]) == 6
                assert 0 <= windows[name][0] <= windows[name][-1] < partners[name].frames


@pytest.mark.parametrize("name", RULES)
def test_partners_are_counted_as_a_plain_search_counts_them_and_all_come(acted, name):
    rule = RULES[name]
    catalogue = Catalogue([open_dataset(acted.dataset)])
    rows = np.arange(len(catalogue))
    records = [catalogue.record(row) for row in rows]
    fitting = [[r for r in rows if agree(rule, records[row], records[r])] for row in rows]
    found = Partners(catalogue, rows, rule)
    assert found.count.tolist() == [len(f) for f in fitting]
    for row in (0, 7, 22):
        drawn = Counter(found.draw(row, 5, position) for position in range(600))
        assert set(drawn) == set(fitting[row])
        assert max(drawn.values()) < 3 * 600 / len(fitting[row])


def test_a_rare_partner_is_found_where_chance_would_miss_it(tmp_path):
    people = ["ann"] * 300 + ["bea"]
    commit(tmp_path, [clip(n, identity=name) for n, name in enumerate(people)], settings={})
    catalogue = Catalogue([open_dataset(tmp_path)])
    found = Partners(catalogue, np.arange(301), Partner(differs=("identity",)))
    rare = next(row for row in range(301) if catalogue.record(row).identity == "bea")
    start = next(row for row in range(301) if row != rare)
    assert {found.draw(start, 0, position) for position in range(20)} == {rare}


def test_a_rule_that_gives_no_clip_a_partner_is_refused_before_the_start(acted, tmp_path):
    with pytest.raises(BadConfig, match=r"no clip has a partner 'twin' \(same group; differs in language\)"):
        loader(acted, partners={"twin": Partner(same=("group",), differs=("language",))})
    with pytest.raises(BadConfig, match=r"no attribute 'emotion'; use identity, group, language"):
        loader(acted, partners={"twin": Partner(same=("emotion",))})


def test_partners_come_from_the_clips_own_corpus(tmp_path):
    one, two = corpus(tmp_path / "a", 3, identity="ann"), corpus(tmp_path / "b", 3, first=9, identity="ann")
    with loader([one, two], partners={"p": Partner(same=("identity",))}) as made:
        for step in range(4):
            batch = made.batch(step)
            for record, partners in zip(batch["record"], batch["partners"], strict=True):
                assert (int(record.id, 16) < 9) == (int(partners["p"].id, 16) < 9)


def test_references_lie_anywhere_in_the_clip(acted):
    made = loader(acted, frames=4, references=3)
    drawn = collected(made, range(40), "references")
    assert all(len(r) == 3 and min(r) >= 0 for r in drawn)
    assert max(max(r) for r in drawn) > 35


def test_random_numbers_and_progress_belong_to_the_position(acted):
    with loader(acted, frames=4) as made:
        batch, again = made.batch(3), made.batch(3)
    assert batch["random"] == again["random"]
    assert len(set(batch["random"])) == 8
    assert batch["progress"] == [3 / 1000] * 8


def test_a_whole_clip_is_drawn_as_evaluation_draws_it_and_prepared_once(acted):
    calls = []

    def look(taken, draw):
        calls.append(taken.id)
        assert draw.window == range(taken.record.frames)
        return Draw.whole(taken, seed=5).rng.random()

    with Loader([acted], Noting(look), phase(), LoadConfig(), seed=5, batch_size=8) as made:
        for step in range(9):
            batch = made.batch(step)
            assert batch["random"] == batch["seen"]
    assert len(calls) == len(set(calls)) == 24


def test_a_corpus_without_room_in_memory_is_read_again_every_epoch(acted):
    calls = []
    load = LoadConfig(cache_mb=0)
    with Loader([acted], Noting(lambda c, d: calls.append(c.id)), phase(), load, seed=0, batch_size=8) as made:
        for step in range(6):
            made.batch(step)
    assert Counter(calls) == dict.fromkeys(calls, 2)


def test_clips_of_the_split_alone_are_drawn(tmp_path):
    mixed = corpus(tmp_path, 9, split=lambda n: ("train", "val", "test")[n % 3])
    for split in ("train", "val", "test"):
        records = collected(loader(mixed, split=split, batch_size=3), range(2), "record")
        assert {r.split for r in records} == {split}
        assert len({r.id for r in records}) == 3


def test_a_loader_works_from_what_is_given_as_a_folder_too(acted):
    with loader(Corpus(str(acted.dataset))) as made:
        assert len(made.batch(0)["ids"]) == 8
