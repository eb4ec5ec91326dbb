"""Which clips may be drawn, and what is said of the others before the first step."""

import dataclasses

import numpy as np
import pytest
from loading_system import Noting, clip, corpus, loader, phase

from talkie.clip import Crop
from talkie.errors import BadConfig, BadInput, CorruptShard, MissingField, NotADataset
from talkie.shards import commit, open_dataset
from talkie.training.loading import Corpus, LoadConfig, Loader, TrainingClips

LICENCES = ("CC-BY-4.0", "CC-BY-NC-4.0", "owned", "unknown", "CC-BY-SA-4.0", "research-only")


@pytest.fixture(scope="module")
def licensed(tmp_path_factory):
    return corpus(tmp_path_factory.mktemp("licensed"), 12, licence=lambda n: LICENCES[n % 6])


@pytest.mark.parametrize(
    ("load", "left"),
    [
        ({"licences": ("commercial",)}, {0, 2, 4}),
        ({"licences": ("commercial",), "deny_licences": ("share-alike",)}, {0, 2}),
        ({"licences": ("cc by-nc 4.0", "owned")}, {1, 2}),
        ({"deny_licences": ("unknown", "research-only")}, {0, 1, 2, 4}),
        ({"licences": ("derivatives",), "deny_licences": ("attribution",)}, {2}),
    ],
)
def test_licences_are_filtered_by_name_and_by_class(licensed, load, left):
    with loader(licensed, load, batch_size=12) as made:
        found = {r.licence for r in made.batch(0)["record"]}
    assert found == {LICENCES[n] for n in left}
    assert made.left_out == {"licence": 12 - 2 * len(left)}


def test_a_misspelt_licence_is_refused_with_the_nearest_name(licensed):
    with pytest.raises(BadConfig, match=r"no licence 'CC-BI-4.0'; did you mean CC-BY-4.0"):
        loader(licensed, {"licences": ("CC-BI-4.0",)})


def test_filters_that_leave_nothing_say_what_they_left_out(licensed):
    with pytest.raises(NotADataset, match="no clip is left: 12 licence"):
        loader(licensed, {"licences": ("MIT",)})
    with pytest.raises(NotADataset, match="no clip of the val split"):
        loader(licensed, split="val")


def test_a_missing_field_is_named_before_the_start(tmp_path):
    commit(tmp_path, [clip(0), clip(1, members={}), clip(2, members={})], settings={})
    with pytest.raises(MissingField, match=r"clip 000000000000000[12] has no txt, nor have 1 others"):
        loader(Corpus(tmp_path))


def test_a_phase_that_needs_something_else_than_the_card_is_checked_for_that(tmp_path):
    commit(tmp_path, [clip(0, members={"flac": b"f"})], settings={})
    wants_flac = dataclasses.replace(phase(), needs=("flac",))
    made = Loader(
        [Corpus(tmp_path)], Noting(lambda c, d: c.fields["flac"]), wants_flac, LoadConfig(), seed=0, batch_size=1
    )
    assert made.batch(0)["seen"] == [b"f"]
    wants_head = dataclasses.replace(phase(), needs=("head.npz",))
    with pytest.raises(MissingField, match=r"has no head.npz"):
        Loader([Corpus(tmp_path)], Noting(), wants_head, LoadConfig(), seed=0, batch_size=1)


def test_fields_that_nobody_declared_are_not_handed_out(tmp_path):
    commit(tmp_path, [clip(0, members={"flac": b"f", "txt": b"t"})], settings={})
    with loader(Corpus(tmp_path), batch_size=1, look=lambda c, d: list(c.fields)) as made:
        assert made.batch(0)["seen"] == [["txt"]]


@pytest.mark.parametrize("kind", ["head model", "picture size"])
def test_mixed_conventions_are_named_before_the_start(tmp_path, kind):
    sizes, heads = ((64, 96), ("a", "a")) if kind == "picture size" else ((64, 64), ("builtin", "FLAME"))
    corpora = []
    for number in (0, 1):
        record = {"crop": Crop(size=sizes[number], boxes=[]), "tools": {"head": heads[number]}}
        commit(tmp_path / str(number), [clip(number, members={"mp4": b"m", "head.npz": b"h"}, **record)], settings={})
        corpora.append(Corpus(tmp_path / str(number)))
    needs = dataclasses.replace(phase(), needs=("mp4", "head.npz"))
    with pytest.raises(BadInput, match=rf"clips of more than one {kind}: .*\(clip 0+[01]\), .*\(clip 0+[01]\)"):
        Loader(corpora, Noting(), needs, LoadConfig(), seed=0, batch_size=1)
    if kind == "picture size":  # pictures that are reduced come out alike
        reduced = dataclasses.replace(needs, sampling=phase(size=32).sampling)
        Loader(corpora, Noting(), reduced, LoadConfig(), seed=0, batch_size=1)


def test_a_confidence_becomes_the_weight_of_its_clip(tmp_path):
    scored = corpus(tmp_path, 6, scores=lambda n: {"text_confidence": 0.3 * n, "x": 1.0})
    with loader(scored, {"confidence": "text_confidence"}, batch_size=6) as made:
        batch = made.batch(0)
    assert batch["weights"].dtype.is_floating_point
    expected = [min(1.0, r.scores["text_confidence"]) for r in batch["record"]]
    np.testing.assert_allclose(batch["weights"].numpy(), expected, rtol=1e-6)
    with loader(scored) as made:
        assert "weights" not in made.batch(0)


def test_a_confidence_that_a_clip_lacks_is_named_before_the_start(tmp_path):
    scored = corpus(tmp_path, 4, scores=lambda n: {"text_confidence": 1.0} if n != 2 else {})
    with pytest.raises(MissingField, match="clip 0000000000000002 has no score 'text_confidence'"):
        loader(scored, {"confidence": "text_confidence"})


def test_a_shard_that_is_missing_or_cut_is_named_before_the_start(tmp_path):
    made = corpus(tmp_path, 3)
    shard = next(tmp_path.glob("*.tar"))
    shard.write_bytes(shard.read_bytes()[:-512])
    with pytest.raises(CorruptShard, match=f"{shard.name}: the shard has"):
        loader(made)
    shard.unlink()
    with pytest.raises(CorruptShard, match="the shard is missing"):
        loader(made)


def test_training_clips_are_the_choice_in_stored_order_and_can_be_gone_through_again(tmp_path):
    made = corpus(tmp_path, 8, split=lambda n: "train" if n % 2 else "test", licence=lambda n: LICENCES[n % 6])
    clips = TrainingClips([made], Noting, LoadConfig(licences=("commercial", "non-commercial", "CC-BY-NC-4.0")))
    ids = [i for i in open_dataset(tmp_path).ids() if int(i, 16) in (1, 7)]
    stored = [f"clip {int(i, 16)}" for i in ids]
    assert [c.fields["txt"] for c in clips] == [c.fields["txt"] for c in clips] == stored
    assert (len(clips), clips[1].id, [c.id for c in clips[:1]]) == (2, ids[1], ids[:1])


@pytest.mark.parametrize("typo", [{"weigths": (1,)}, {"loaders": -1}, {"balance": "people"}, {"corrupt_limit": 0}])
def test_wrong_settings_are_refused(typo):
    with pytest.raises(ValueError, match="validation error"):
        LoadConfig(**typo)
