"""What every adapter promises, on a fake tree of its set's official layout."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from fake_trees import FakeTree, builders, make_fake_tree

from talkie.curation.record import SourceRecord
from talkie.errors import BadInput
from talkie.licences import licence_of
from talkie_datasets import REASONS, Dataset, Skipped, Survey

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def adapters() -> dict[str, type[Dataset]]:
    """The adapters of this distribution, as its project file names them (an installed one may be older)."""
    points = tomllib.loads(PROJECT.read_text())["project"]["entry-points"]["talkie.datasets"]
    found = {}
    for slug, place in points.items():
        module, _, name = place.partition(":")
        found[slug] = getattr(import_module(module), name)
    return found


ADAPTERS = adapters()
each = pytest.mark.parametrize("slug", sorted(ADAPTERS))


@pytest.fixture
def tree(slug, tmp_path, media) -> tuple[Dataset, Path, FakeTree]:
    made = make_fake_tree(slug, tmp_path / "set", media)
    return ADAPTERS[slug](**made.options), tmp_path / "set", made


@each
def test_every_record_is_told_with_key_subject_split_and_labels(tree):
    adapter, root, made = tree
    records = [item for item in adapter.records(root) if isinstance(item, SourceRecord)]
    told = [(r.key, r.identity, r.split) for r in records]
    wanted = [(t.key, None if t.subject is None else f"{adapter.slug}:{t.subject}", t.split) for t in made.told]
    assert sorted(told, key=str) == sorted(wanted, key=str)
    labels = {t.key: t.labels for t in made.told}
    for record in records:
        assert labels[record.key].items() <= record.labels.items()


@each
def test_nothing_is_dropped_in_silence(tree):
    adapter, root, made = tree
    skipped = [item for item in adapter.records(root) if isinstance(item, Skipped)]
    assert sorted(s.reason for s in skipped) == sorted(made.reasons)
    assert all(s.reason in REASONS and s.message and str(root) in s.path for s in skipped)


@each
def test_the_order_is_the_same_every_time(tree):
    adapter, root, _ = tree
    assert list(adapter.records(root)) == list(adapter.records(root))


@each
def test_records_say_all_that_a_shard_needs(tree):
    adapter, root, _ = tree
    records = [item for item in adapter.records(root) if isinstance(item, SourceRecord)]
    keys = [record.key for record in records]
    assert len(set(keys)) == len(keys)
    for record in records:
        assert record.dataset == adapter.slug
        assert record.licence == adapter.licence
        assert record.key is not None
        assert "." not in record.key
        assert root.name not in record.key.split("__")
        # Labels are names: a number may only be a count, a measure or an age.
        numeric = {k for k, v in record.labels.items() if v.lstrip("-").replace(".", "", 1).isdigit()}
        assert numeric <= {"intensity", "repetition", "age", "valence", "arousal", "camera"}
        places = [record.uri, record.audio_uri, *record.annotations.values()]
        for place in filter(None, places):
            assert place.startswith(str(root))
            assert list(root.glob(str(Path(place).relative_to(root)))), place


@each
def test_a_relative_root_gives_the_same_records(tree, monkeypatch):
    adapter, root, _ = tree
    monkeypatch.chdir(root.parent)
    assert list(adapter.records(root.name)) == list(adapter.records(root))


@each
def test_a_folder_of_something_else_is_refused_with_what_is_missing_and_who_has_it(slug, tmp_path):
    adapter = ADAPTERS[slug]()
    with pytest.raises(BadInput, match=r"is no .* folder") as refused:
        adapter.records(tmp_path)
    assert adapter.gate in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(BadInput, match="no such folder"):
        adapter.records(tmp_path / "nowhere")


@each
def test_an_adapter_describes_its_set(slug):
    adapter = ADAPTERS[slug]
    assert adapter.slug == slug
    assert adapter.title
    assert adapter.yields
    assert "://" not in adapter.gate + adapter.terms
    assert licence_of(adapter.licence).name == adapter.licence
    counts = adapter.expected
    splits = [n for n in (counts.train, counts.val, counts.test) if n is not None]
    assert not splits or counts.records == sum(splits)
    assert not adapter.counts_verified or counts.known()


@each
def test_a_survey_counts_what_passes(tree):
    adapter, root, made = tree
    survey = Survey(adapter)
    assert list(survey.watch(adapter.records(root))) == list(adapter.records(root))
    report = survey.report()
    assert report["found"]["records"] == len(made.told) == 3
    assert sum(report["skipped"].values()) == len(made.reasons)
    assert set(report["examples"]) == set(made.reasons)
    assert report["expected"] == adapter.expected.known()


def test_every_adapter_has_a_fake_tree():
    assert set(ADAPTERS) == set(builders())
