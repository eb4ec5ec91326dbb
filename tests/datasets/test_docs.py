"""docs/datasets.md is true: its tables are generated, and its example adapter runs as a stranger's package would."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from fake_media import write
from test_adapters import ADAPTERS

from talkie.errors import BadConfig, BadInput
from talkie_datasets import Skipped, dataset_names, load_dataset
from talkie_datasets.catalog import reasons, table

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "datasets.md").read_text()


@pytest.fixture
def choir(tmp_path, monkeypatch) -> Path:
    """The page's example, installed: a module and the metadata of a distribution. The root of its fake tree."""
    site = tmp_path / "site"
    code = next(block for block in re.findall(r"```python\n(.*?)```", PAGE, re.S) if "class Choir" in block)
    write(site / "your_package" / "choir.py", code)
    points = re.search(r"```toml\n(.*?)```", PAGE, re.S)
    assert points is not None
    info = site / "stranger-1.0.dist-info"
    write(info / "METADATA", "Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    named = points[1].replace('[project.entry-points."talkie.datasets"]', "[talkie.datasets]").replace('"', "")
    write(info / "entry_points.txt", named)
    monkeypatch.syspath_prepend(site)
    yield tmp_path / "choir"
    for name in [name for name in sys.modules if name.startswith("your_package")]:
        del sys.modules[name]


def test_the_tables_of_the_page_are_those_of_the_code():
    assert table(ADAPTERS[slug] for slug in sorted(ADAPTERS)) in PAGE
    assert reasons() in PAGE


def test_the_example_adapter_keeps_the_promises(choir, media):
    write(choir / "voices.csv", "singer, voice\nanna, alto\n")
    media.put("clip.mp4", choir / "anna" / "agnus.dei.mp4")
    media.put("silent.mp4", choir / "anna" / "kyrie.mp4")
    media.put("clip.mp4", choir / "bert" / "kyrie.mp4")
    record, silent, unnamed = load_dataset("choir").records(choir)
    assert (record.key, record.identity, record.language) == ("anna__agnus_dei", "choir:anna", "la")
    assert record.labels == {"voice": "alto"}
    assert isinstance(silent, Skipped)
    assert [silent.reason, unnamed.reason] == ["no_audio", "bad_row"]


def test_a_strangers_adapter_is_found_by_name(choir):
    assert "choir" in dataset_names()


def test_an_unknown_name_is_one_line_that_lists_those_known(choir):
    with pytest.raises(BadInput) as refused:
        load_dataset("choirs")
    text = str(refused.value)
    assert "\n" not in text
    assert "no data set is called 'choirs'" in text
    assert "did you mean 'choir'?" in text


def test_an_unknown_choice_names_those_offered(choir):
    with pytest.raises(BadConfig, match="choir has no choice 'fold'; it offers none"):
        load_dataset("choir", fold=1)
