"""The bench's table: what counts over seeds, how rows of several runs come together, and its pages."""

import base64
import json
import re

import numpy as np
import pytest

from talkie.evaluation.bench import BenchTable, _summary, read_table
from talkie.evaluation.bench_pages import HTML, JSON, MARKDOWN, STILLS, corpus_of, write_pages
from talkie.evaluation.evaluate import ClaimResult, EvaluationReport, Row
from talkie.media import encode_mp4
from talkie.systems import Bar, Measurement
from talkie.training import TrainResult


def measured(value):
    return Measurement(name="lve", value=value, unit="m^2", items=1, item="frame", protocol={})


def report(model, baseline, control, claim=True, share=1.0):
    rows = [
        Row(subject=subject, measurements={name: measured(value) for name in ("lve", "fdd", "mve")})
        for subject, value in (("model", model), ("mean motion", baseline), ("shuffled audio", control))
    ]
    held = ClaimResult(
        name="pivot", statement="strangers <do> fine", measured=measured(0.5), floor=0.0, ceiling=None, holds=claim,
        share=share,
    )  # fmt: skip
    return EvaluationReport(
        model="unitalker/1", digest="d", system="unitalker", data="x", split="test", clips=4, identities=2, seed=0,
        metric="lve", rows=rows, gains={}, claims=[held],
    )  # fmt: skip


def trained(seconds):
    return TrainResult(
        model="m", digest="d", steps=1, seconds=seconds, samples="s", data="x", losses={}, memory_gb=seconds / 10
    )


def row_of(*reports, bar=Bar(over_baseline=0.3, over_control=0.0)):  # noqa: B008 - frozen
    runs = [trained(10.0 * (n + 1)) for n in range(len(reports))]
    return _summary("unitalker", "tiny", "lve", bar, list(reports), runs)


def test_the_least_gain_over_the_seeds_decides():
    row = row_of(report(1.0, 4.0, 2.0), report(3.0, 4.0, 4.0), report(2.0, 4.0, 8.0))
    assert row.value == 2.0
    assert row.spread == (1.0, 3.0)
    assert row.margin == pytest.approx((0.25, 0.25))
    assert not row.works
    assert row_of(report(1.0, 4.0, 2.0), report(2.0, 4.0, 4.0)).works
    assert (row.seconds, row.memory_gb) == (20.0, pytest.approx(3.0))


def test_a_claim_holds_where_it_held_in_every_seed():
    row = row_of(report(1.0, 4.0, 2.0), report(1.0, 4.0, 2.0, claim=False))
    assert [claim.holds for claim in row.claims] == [False]
    assert not row.works


@pytest.mark.parametrize(("holding", "wanted"), [((True, True, False), True), ((True, False, False), False)])
def test_a_claim_about_two_of_three_seeds_holds_where_it_held_in_two(holding, wanted):
    row = row_of(*(report(1.0, 4.0, 2.0, claim, share=2 / 3) for claim in holding))
    assert [claim.holds for claim in row.claims] == [wanted]
    assert row.works == wanted


def test_pages_keep_the_rows_of_other_systems_and_tell_everything(tmp_path):
    failed = row_of(report(1.0, 4.0, 2.0)).model_copy(
        update={"system": "broken", "value": None, "failed": "no clip has imu.npz"}
    )
    write_pages(BenchTable(systems=[failed]), tmp_path)
    whole = write_pages(BenchTable(systems=[row_of(report(1.0, 4.0, 2.0))]), tmp_path)
    assert [row.system for row in whole.systems] == ["broken", "unitalker"]
    assert read_table(tmp_path / JSON) == whole
    stored = json.loads((tmp_path / JSON).read_text())["systems"][1]
    wanted = {"system", "task", "preset", "metric", "value", "baseline", "control", "margin", "claims", "works",
              "seconds", "memory_gb", "seeds"}  # fmt: skip
    assert wanted <= stored.keys()
    for page in (MARKDOWN, HTML):
        text = (tmp_path / page).read_text()
        assert "no clip has imu.npz" in text
        assert "unitalker" in text
    assert "strangers &lt;do&gt; fine" in (tmp_path / HTML).read_text()


def test_the_page_stands_alone_with_a_dot_a_seed_and_its_film(tmp_path):
    row = row_of(report(1.0, 4.0, 2.0), report(3.0, 4.0, 4.0))
    film = encode_mp4([np.zeros((32, 96, 3), np.uint8)] * 3)
    write_pages(BenchTable(systems=[row]), tmp_path, {("unitalker", "tiny"): film})
    page = (tmp_path / HTML).read_text()
    assert (tmp_path / STILLS / "unitalker-tiny.jpg").is_file()
    assert page.count("<circle") == 3 * 2 + 2
    assert base64.b64encode(film).decode() in page
    assert "at least 0" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    # The film of a system stays when another's row is written.
    write_pages(BenchTable(systems=[row.model_copy(update={"system": "other"})]), tmp_path)
    assert base64.b64encode(film).decode() in (tmp_path / HTML).read_text()


def test_a_row_and_its_pages_say_how_its_clips_can_be_made_again(tmp_path):
    shoot = {"tool": "record", "name": "speech", "seed": 80, "cast": {"people": 20}}
    made = {"settings": shoot, "corpus_clips": 160}
    row = row_of(report(1.0, 4.0, 2.0).model_copy(update=made))
    assert (row.settings, row.corpus_clips) == (shoot, 160)
    write_pages(BenchTable(systems=[row]), tmp_path)
    for page in (MARKDOWN, HTML):
        text = (tmp_path / page).read_text()
        assert "160 clips of 20 people, recorded as `speech` with seed 80" in text
    curated = row.model_copy(update={"settings": {"tool": "curate"}, "data": "0123456789abcdef"})
    assert corpus_of(curated) == "160 clips of `curate`, 0123456789ab"
    assert corpus_of(row_of(report(1.0, 4.0, 2.0))) == ""


def test_a_row_tells_every_subjects_metrics_values_by_seed_and_its_models():
    row = row_of(report(1.0, 4.0, 2.0), report(3.0, 5.0, 4.0))
    assert row.per_seed == {"model": [1.0, 3.0], "mean motion": [4.0, 5.0], "shuffled audio": [2.0, 4.0]}
    assert row.beside["mean motion"]["mve"] == 4.5
    assert row.digests == ["d", "d"]


def test_rows_of_before_are_still_drawn(tmp_path):
    """Tables that were written before values by seed were kept."""
    row = row_of(report(1.0, 4.0, 2.0)).model_copy(update={"per_seed": {}, "beside": {}})
    write_pages(BenchTable(systems=[row]), tmp_path)
    assert (tmp_path / HTML).read_text().count("<circle") == 4


def test_a_table_that_is_not_there_is_empty(tmp_path):
    assert read_table(tmp_path / JSON).systems == []
