"""Where the gate before an alias finds a measurement: in a table of the bench, its run's own row, an evaluation."""

import json

import pytest
import torch

from talkie.errors import BadInput, PromotionRefused
from talkie.experiments import resolve_model
from talkie.experiments.corpora import log_corpus
from talkie.experiments.promotion import BENCH_RECORD, promote
from talkie.experiments.tracking import log_json, register_model, start_run
from talkie.shards import RawClip, commit
from talkie.systems import load_system, make_config, save_system
from tone_clips import tone_clip


@pytest.fixture
def measured(tmp_path, new_home):
    """A registered model on fit data that nobody has measured yet: its home, run and digest."""
    raws = [
        tone_clip(n, who, split) for n, who, split in ((1, "ann", "train"), (2, "bea", "train"), (3, "dan", "test"))
    ]
    terms = {"licence": "CC-BY-4.0", "consent": "given"}
    dataset = commit(
        tmp_path / "shards", [RawClip(r.record.model_copy(update=terms), r.members) for r in raws], settings={}
    )
    cls = load_system("unitalker")
    torch.manual_seed(0)
    system = cls(make_config(cls, "micro", {}))
    system.prepare([raw.decode(("flac", "head.npz")) for raw in raws[:2]])
    digest = save_system(system, tmp_path / "model")
    home = new_home(tmp_path / "home")
    run_id = start_run(home, "speech_to_motion", "run", {}, {})
    log_corpus(home, run_id, dataset)
    register_model(home, run_id, tmp_path / "model", "unitalker", digest)
    return home, run_id, digest


def row(*digests, value=1.0):
    return {"system": "unitalker", "preset": "tiny", "digests": list(digests), "value": value}


def test_a_row_of_a_table_counts_and_is_named(measured, tmp_path):
    home, _, digest = measured
    table = tmp_path / "zoo.json"
    table.write_text(json.dumps({"systems": [row("other"), row("another", digest)]}))
    done = promote("unitalker", "champion", home, table=table)
    assert done.bench == f"{table}: unitalker, tiny"
    assert resolve_model("unitalker@champion", home).version == 1


@pytest.mark.parametrize("rows", [[row("other")], []], ids=["of other weights", "empty"])
def test_a_table_without_these_weights_is_no_measurement(measured, tmp_path, rows):
    home, _, _ = measured
    table = tmp_path / "zoo.json"
    table.write_text(json.dumps({"systems": rows}))
    with pytest.raises(PromotionRefused, match="no measurement"):
        promote("unitalker", "champion", home, table=table)


def test_a_row_without_figures_is_no_measurement(measured):
    home, run_id, digest = measured
    log_json(home, run_id, row(digest, value=None), BENCH_RECORD)
    with pytest.raises(PromotionRefused, match="no measurement"):
        promote("unitalker", "champion", home)


def test_the_benchs_row_in_the_run_counts_before_an_evaluation(measured):
    home, run_id, digest = measured
    log_json(home, run_id, {"digest": digest, "split": "test", "rows": [1]}, "evaluation-1.json")
    assert promote("unitalker", "champion", home).bench == "evaluation-1.json"
    log_json(home, run_id, row(digest), BENCH_RECORD)
    assert promote("unitalker", "champion", home).bench == BENCH_RECORD


def test_a_file_that_is_no_table_is_named(measured, tmp_path):
    home, _, _ = measured
    (tmp_path / "zoo.json").write_text("[]")
    with pytest.raises(BadInput, match=r"zoo\.json"):
        promote("unitalker", "champion", home, table=tmp_path / "zoo.json")
