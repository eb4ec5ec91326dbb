"""Data sets by name, from fake official layouts to sources: who, which words, which split, under which licence."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from fake_trees import make_fake_tree

from talkie.curation.sources import discover
from talkie.errors import BadInput, PassedOver

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def adapters(tmp_path_factory, monkeypatch) -> None:
    """The adapters of this tree, found as those of any installed package are: also where an older one is installed."""
    names = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["talkie.datasets"]
    info = tmp_path_factory.mktemp("site") / "talkie_of_this_tree-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: talkie-of-this-tree\nVersion: 1\n")
    lines = [f"{name} = {place}" for name, place in names.items()]
    (info / "entry_points.txt").write_text("\n".join(["[talkie.datasets]", *lines]) + "\n")
    monkeypatch.syspath_prepend(str(info.parent))


EXPECTED = {
    "voxceleb2": {"licence": "unknown", "text": None, "split": True},
    "hdtf": {"licence": "unknown", "text": None, "split": False},
    "mead": {"licence": "research-only", "text": None, "split": True},
    "grid": {"licence": "CC-BY-4.0", "text": "bin blue at f two now", "split": True},
    "lrs3": {"licence": "CC-BY-NC-ND-4.0", "text": "THANK YOU", "split": True},
}


@pytest.mark.parametrize("slug", sorted(EXPECTED))
def test_a_data_set_is_found_by_name_with_all_it_knows_and_nothing_lost(adapters, media, tmp_path, slug):
    tree = make_fake_tree(slug, tmp_path, media, 3)
    sources = discover([tmp_path], dataset=slug, options=tree.options)
    taken = [source for source in sources if source.trouble is None]
    told = {entry.key: entry for entry in tree.told}
    records = {record.key: record for source in taken for record in source.records}
    assert records.keys() == told.keys()
    for key, record in records.items():
        expected = told[key]
        assert record.identity == f"{slug}:{expected.subject}"
        assert record.split == expected.split
        assert expected.labels.items() <= record.labels.items()
        assert record.dataset == slug
        assert record.licence == EXPECTED[slug]["licence"]
        assert (record.text or None) == EXPECTED[slug]["text"] or record.text.lower() == EXPECTED[slug]["text"].lower()
    # What the adapter passed over is there with its reason.
    refused = [source for source in sources if source.trouble is not None]
    assert sorted(s.trouble.partition(":")[0] for s in refused) == sorted(tree.reasons)
    assert {type(source.refusal()) for source in refused} == {PassedOver}
    assert len({source.key for source in sources}) == len(sources)


def test_hdtfs_whole_downloads_are_one_source_with_a_span_and_box_each(adapters, media, tmp_path):
    media.put("clip.mp4", tmp_path / "_videos_raw" / "RD_Radio1.mp4")
    lists = tmp_path / "HDTF_dataset"
    lists.mkdir()
    for name, text in {
        "video_url": "Radio1 https://www.youtube.com/watch?v=-Radio_0001",
        "annotion_time": "Radio1.mp4 00:01-01:02 01:10-02:00",
        "crop_wh": "Radio1_0.mp4 320 512 100 512\nRadio1_1.mp4 300 512 90 512",
        "resolution": "Radio1.mp4 720",
    }.items():
        (lists / f"RD_{name}.txt").write_text(text + "\n")
    (source,) = discover([tmp_path], dataset="hdtf")
    assert [(r.start_s, r.end_s, r.box.left) for r in source.records] == [(1, 62, 320), (70, 120, 300)]


def test_meads_sound_lies_beside_the_picture(adapters, media, tmp_path):
    tree = make_fake_tree("mead", tmp_path, media, 1)
    source = next(s for s in discover([tmp_path], dataset="mead", options=tree.options) if s.trouble is None)
    assert source.audio == tmp_path / "M003" / "audio" / "surprised" / "level_2" / "001.m4a"


def test_an_unknown_data_set_and_a_wrong_root_say_what_to_do(adapters, tmp_path):
    with pytest.raises(BadInput, match="did you mean 'mead'"):
        discover([tmp_path], dataset="meat")
    with pytest.raises(BadInput, match="is no MEAD folder"):
        discover([tmp_path], dataset="mead")
