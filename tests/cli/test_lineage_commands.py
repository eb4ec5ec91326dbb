"""lineage, promote, models, sync and --tracking as a user meets them."""

import json
import os

import pytest

from talkie.cli import main
from talkie.clip import ClipRecord, Source
from talkie.experiments import Home
from talkie.experiments.corpora import log_corpus
from talkie.experiments.metrics import Spool
from talkie.experiments.tracking import client, end_run, log_json, register_model, start_run
from talkie.shards import RawClip, commit, open_dataset
from talkie.systems import load_system, make_config, save_system
from tone_clips import tone_dataset


def run(capfd, *words):
    """Exit code, stdout and stderr of one command in this process."""
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    out, err = capfd.readouterr()
    return stopped.value.code, out, err


def clip(i, licence):
    source = Source(uri=f"/in/[red]{i}.mp4", name=f"[red]{i}.mp4", sha256=f"{i:064x}", start_s=0, end_s=2)
    values = {"licence": licence, "consent": "given", "tools": {"head.npz": "fitter 2"}}
    values["tool_licences"] = {"head.npz": "Apache-2.0"}
    record = ClipRecord(id=f"{i:016x}", source=source, frames=50, identity=f"person {i}", split="train", **values)
    return RawClip(record, {"mp4": b"x" * 100})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A measured model of two clips, one of them for research only."""
    root = tmp_path_factory.mktemp("lineage")
    corpus = commit(root / "shards", [clip(1, "owned"), clip(2, "research-only")], settings={})
    cls = load_system("unitalker")
    system = cls(make_config(cls, "tiny", {"channels": 16, "audio_channels": 16}))
    tones = open_dataset(tone_dataset(root / "tones", train=4, test=2))
    system.prepare(tones.clips(cls.card.needs, "train"))
    digest = save_system(system, root / "model")
    home = Home.at(root / "home")
    run_id = start_run(home, "speech_to_motion", "whole", {}, {"git": "abc"})
    log_corpus(home, run_id, corpus)
    register_model(home, run_id, root / "model", "unitalker", digest)
    log_json(home, run_id, {"digest": digest, "split": "test", "rows": [1]}, "evaluation-1.json")
    end_run(home, run_id)
    return home


def test_lineage_of_a_model_for_people_and_for_machines(home, capfd):
    code, out, _ = run(capfd, "lineage", "unitalker", "--home", home.path)
    assert code == 0
    for word in ("unitalker/1", "unchanged", "owned: 1, research-only: 1", "given: 2", "fitter", "/in/[red]1.mp4"):
        assert word in out
    told = json.loads(run(capfd, "lineage", "unitalker/1", "--home", home.path, "--json")[1])
    (corpus,) = told["corpora"]
    assert (corpus["clips"], corpus["licences"]) == (2, {"owned": 1, "research-only": 1})
    assert [source["uri"] for source in corpus["sources"]] == ["/in/[red]1.mp4", "/in/[red]2.mp4"]


@pytest.mark.parametrize("words", [("--clip", f"{1:016x}"), ("--identity", "person 1"), ("--source", "/in/[red]1.mp4")])
def test_lineage_of_a_clip_a_person_or_a_source(home, capfd, words):
    code, out, _ = run(capfd, "lineage", *words, "--home", home.path)
    assert code == 0
    assert "unitalker/1" in out
    told = json.loads(run(capfd, "lineage", *words, "--home", home.path, "--json")[1])
    assert told["clips"] == 1
    assert [use["models"] for use in told["trained"]] == [["unitalker/1"]]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "one question at a time"),
        (("unitalker", "--clip", "x"), "one question at a time"),
        (("--identity", "nobody"), "no corpus that was trained on here knows the identity 'nobody'"),
        (("unitolker",), "did you mean 'unitalker'"),
    ],
)
def test_a_question_that_cannot_be_answered_is_one_line(home, capfd, words, says):
    code, _, err = run(capfd, "lineage", *words, "--home", home.path)
    assert code == 2
    assert says in " ".join(err.split())


def test_an_unknown_clip_is_said_to_be_unknown(home, capfd):
    code, out, err = run(capfd, "lineage", "--clip", "0" * 16, "--home", home.path)
    assert code == 0
    assert "no table and no history" in " ".join((out + err).split())


def test_promote_refuses_for_money_allows_for_research_and_keeps_a_reason(home, capfd):
    words = ("promote", "unitalker", "--to", "champion", "--home", home.path)
    code, _, err = run(capfd, *words, "--use", "commercial")
    assert code == 2
    assert "1 clips of" in err
    assert "'research-only', which forbids commercial use" in " ".join(err.split())
    assert run(capfd, *words)[0] == 0
    assert client(home).get_registered_model("unitalker").aliases == {"champion": 1}
    assert run(capfd, *words, "--use", "commercial", "--force")[0] == 2
    assert run(capfd, *words, "--use", "money")[0] == 2
    done = json.loads(run(capfd, *words, "--use", "commercial", "--force", "--reason", "a test", "--json")[1])
    assert [refusal["cause"] for refusal in done["overruled"]] == ["licence"]
    (row,) = json.loads(run(capfd, "models", "--home", home.path, "--json")[1])
    assert (row["aliases"], row["forced"], row["run"]) == (["champion"], "a test", "whole")
    assert "champion" in run(capfd, "models", "unitalker", "--home", home.path)[1]
    assert run(capfd, "models", "nobody", "--home", home.path)[0] == 2


def test_sync_says_what_it_sent_and_what_it_could_not(home, capfd):
    assert "nothing waits" in run(capfd, "sync", "--home", home.path)[2]
    run_id = client(home).search_registered_models()[0].latest_versions[0].run_id
    for name in ("known", "unheard"):
        folder = home.run(name)
        folder.mkdir(parents=True)
        Spool(folder / "metrics.jsonl").append([json.dumps({"t": 1, "s": 4, "m": {"late": 0.5}})])
    (home.run("known") / "mlflow.json").write_text(json.dumps({"run_id": run_id}))
    code, out, err = run(capfd, "sync", "--home", home.path)
    assert code == 0
    assert "known" in out
    assert "unheard: MLflow never heard of it" in err
    assert client(home).get_run(run_id).data.metrics["late"] == 0.5


def test_tracking_names_the_records_of_any_command(home, capfd, tmp_path, monkeypatch):
    monkeypatch.delenv("TALKIE_TRACKING", raising=False)
    words = ("models", "--home", tmp_path)
    out = run(capfd, "--tracking", home.tracking_uri, *words, "--json")[1]
    assert [row["name"] for row in json.loads(out)] == ["unitalker"]
    code, _, err = run(capfd, "--tracking", "mysql://me:secret@host/db", *words)
    assert code == 2
    assert "postgresql://USER" in err
    assert "secret" not in err
    os.environ.pop("TALKIE_TRACKING", None)
