"""Pages of systems: sizes are those of a system that was built, figures those of the bench, and the pages in docs/ are
what the cards say today."""

from pathlib import Path

import pytest

from talkie.errors import UnknownSystem
from talkie.evaluation.bench import BenchClaim, BenchRow, BenchTable, read_table
from talkie.evaluation.model_page import model_page, write_model_pages
from talkie.systems import load_system, system_names, systems
from talkie.systems.sizes import on_meta, parameter_count, training_state_bytes
from tone_clips import tone_clip

DOCS = Path(__file__).parents[2] / "docs"
CLAIM = BenchClaim(name="a", statement="the sky is blue", values=[0.25], unit="ratio", holds=False)
ROW = BenchRow(
    system="facestab",
    task="capture",
    preset="tiny",
    metric="skull_error",
    unit="m",
    value=0.125,
    spread=(0.1, 0.15),
    baseline=0.5,
    control=0.75,
    margin=(0.75, 0.8),
    asked=(0.5, 0),
    claims=[CLAIM],
    seconds=12,
    seeds=3,
)


def test_a_system_on_the_meta_device_has_the_parameters_of_a_real_one():
    cls = load_system("facestab")
    real = cls(cls.presets["tiny"])
    real.prepare([tone_clip(0, frames=4).decode(("flac", "head.npz"))])
    sized = on_meta(cls, "tiny")
    assert all(p.is_meta for p in sized.parameters())
    assert parameter_count(sized) == sum(p.numel() for p in real.parameters())
    assert parameter_count(sized, "regressor.") == sum(p.numel() for p in real.regressor.parameters())


def test_training_state_is_weights_and_three_times_what_a_phase_trains():
    sized = on_meta(load_system("facestab"), "tiny")
    assert training_state_bytes(sized) == 4 * 4 * parameter_count(sized)


def test_a_system_on_the_meta_device_leaves_the_head_model_usable():
    from talkie.heads import builtin_head

    on_meta(load_system("facestab"), "micro")
    assert not builtin_head().template.is_meta


def test_a_page_shows_what_the_bench_measured_and_which_claim_fails():
    page = model_page("facestab", BenchTable(systems=[ROW]))
    assert "**0.125 m** (0.1 to 0.15); the trivial baseline 0.5, the shuffled control 0.75" in page
    assert "It does not work yet." in page
    assert "- **fails**: the sky is blue (0.25 ratio)" in page


def test_a_page_says_that_nothing_was_measured():
    assert "Not yet: `talkie bench` has no row of it." in model_page("facestab", BenchTable(systems=[]))


def test_a_page_of_no_system_names_the_nearest():
    with pytest.raises(UnknownSystem, match="facestab"):
        model_page("facestob", BenchTable(systems=[]))


def test_pages_show_the_still_of_the_bench_from_where_they_lie(tmp_path):
    still = tmp_path / "bench" / "stills" / "facestab-tiny.jpg"
    still.parent.mkdir(parents=True)
    still.write_bytes(b"picture")
    write_model_pages(BenchTable(systems=[ROW]), tmp_path / "zoo", tmp_path / "bench")
    assert "](../bench/stills/facestab-tiny.jpg)" in (tmp_path / "zoo" / "facestab.md").read_text()
    index = (tmp_path / "zoo" / "README.md").read_text()
    assert all(f"({slug}.md)" in index for slug in system_names())


def test_the_pages_of_the_docs_are_what_cards_and_bench_say(tmp_path):
    pytest.importorskip("transformers")
    shipped = {slug for slug, cls in systems().items() if cls.__module__.startswith("talkie_zoo.")}
    table = read_table(DOCS / "bench" / "zoo.json")
    for slug in shipped:
        expected = model_page(slug, table, DOCS / "zoo", DOCS / "bench")
        here = DOCS / "zoo" / f"{slug}.md"
        assert here.read_text() == expected, f"stale: talkie zoo --pages docs/zoo writes {here.name} again"
