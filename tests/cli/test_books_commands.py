"""drops, takedown and report as a user meets them."""

import json

import pytest

from talkie.cli import main
from talkie.clip import ClipRecord, Source
from talkie.experiments import Home
from talkie.experiments.tracking import client, end_run, log_dataset, register_model, start_run
from talkie.shards import Ledger, LedgerEntry, RawClip, commit, open_dataset, subset


def run(capfd, *words):
    """Exit code, stdout and stderr of one command in this process."""
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    out, err = capfd.readouterr()
    return stopped.value.code, out, err


def clip(i):
    source = Source(uri=f"/in/{i}.mp4", name=f"{i}.mp4", sha256=f"{i:064x}", start_s=0, end_s=2)
    record = ClipRecord(id=f"{i:016x}", source=source, frames=50, identity=f"person {i}", split="train")
    return RawClip(record, {"mp4": b"x" * 100})


@pytest.fixture
def shards(tmp_path):
    folder = tmp_path / "shards"
    commit(folder, [clip(1), clip(2)], settings={})
    plain = {"uri": "/in/[red]3.mp4", "name": "[red]3.mp4", "versions": {"talkie": "0.1"}, "settings": "s"}
    Ledger(folder).append(
        LedgerEntry(sha256="3", status="drop", cause="no_face", start_s=1.0, end_s=2.5, step="track", **plain),
        LedgerEntry(sha256="3", status="dead", cause="not_media", message="is text", step="probe", **plain),
    )
    return folder


def test_drops_tells_cause_place_step_and_how_to_try_again(shards, capfd):
    code, out, _ = run(capfd, "drops", shards, "--json")
    report = json.loads(out)
    assert code == 0
    assert report["counts"] == [
        {"status": "dead", "cause": "not_media", "count": 1},
        {"status": "drop", "cause": "no_face", "count": 1},
    ]
    drop, dead = report["entries"]
    assert (drop["start_s"], drop["end_s"], drop["step"], drop["replay"]) == (1.0, 2.5, "track", None)
    assert dead["replay"] == f"talkie curate '/in/[red]3.mp4' --out {shards} --replay"
    assert dead["versions"] == {"talkie": "0.1"}
    _, out, _ = run(capfd, "drops", shards, "--reason", "no_face")
    assert "[red]3.mp4" in out
    assert "is text" not in out


def test_drops_says_what_there_is_when_asked_for_something_else(shards, capfd, tmp_path):
    code, _, err = run(capfd, "drops", shards, "--reason", "blur")
    assert code == 2
    assert "there are: no_face, not_media" in err
    assert run(capfd, "drops", tmp_path)[0] == 2


@pytest.fixture
def home(shards, tmp_path):
    """A model trained on the shards, one on a part of them elsewhere, one on something else."""
    home, model = Home.at(tmp_path / "home"), tmp_path / "model"
    model.mkdir()
    (model / "weights").write_bytes(b"w")
    part = subset(open_dataset(shards), tmp_path / "part", lambda i, entry: i == f"{1:016x}")
    for name, data in (("whole", open_dataset(shards)), ("part", part)):
        run_id = start_run(home, "speech_to_motion", name, {}, {})
        log_dataset(home, run_id, data.folder, data.digest, len(data), "training")
        register_model(home, run_id, model, "unitalker", name)
        end_run(home, run_id)
    run_id = start_run(home, "speech_to_motion", "other", {}, {})
    log_dataset(home, run_id, tmp_path / "elsewhere", "9" * 64, 1, "training")
    client(home).set_registered_model_alias("unitalker", "champion", "2")
    return home


def test_takedown_lists_what_was_trained_on_it_here_and_on_parts_of_it(shards, home, capfd):
    words = ("takedown", shards, "person 1", "--home", home.path, "--json")
    code, out, _ = run(capfd, *words, "--dry-run")
    assert code == 0
    plan = json.loads(out)
    assert [use["name"] for use in plan["trained"]] == ["part", "whole"]
    assert plan["trained"][0]["aliases"] == {"unitalker/2": ["champion"]}
    assert len(open_dataset(shards)) == 2
    done = json.loads(run(capfd, *words)[1])
    assert done["found"] == plan["found"]
    assert [use["models"] for use in done["trained"]] == [["unitalker/2"], ["unitalker/1"]]
    assert open_dataset(shards).ids() == [f"{2:016x}"]
    # person 2 is in the whole alone.
    other = json.loads(run(capfd, "takedown", shards, "person 2", "--home", home.path, "--json", "--dry-run")[1])
    assert [use["name"] for use in other["trained"]] == ["whole"]


def test_takedown_asks_a_service_what_it_serves(shards, home, capfd):
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Models(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"models": [{"name": "unitalker", "version": "2"}, {"name": "x", "version": "1"}]}')

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Models)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        words = ("takedown", shards, "person 1", "--home", home.path, "--service", url, "--dry-run")
        assert json.loads(run(capfd, *words, "--json")[1])["deployments"] == [{"service": url, "model": "unitalker/2"}]
        assert "serving now" in run(capfd, *words)[2]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    code, _, err = run(capfd, *words)
    assert code == 2
    assert "does not say what it serves" in err


def test_takedown_in_words(shards, tmp_path, capfd):
    code, out, err = run(capfd, "takedown", shards, "1.mp4", "--home", tmp_path / "none", "--reason", "asked")
    assert code == 0
    assert "1 clips" in out
    assert "no run that is recorded here was trained on it" in err
    assert "taken down before" in run(capfd, "takedown", shards, "1.mp4")[2]
    assert run(capfd, "takedown", shards, "nobody")[0] == 2
    assert run(capfd, "takedown", shards, "2.mp4", "--as", "person")[0] == 2


def test_report_writes_one_file_and_says_what_could_not_be_shown(shards, tmp_path, capfd):
    code, out, _ = run(capfd, "report", shards, "--out", tmp_path / "r.html", "--json")
    assert code == 0
    assert json.loads(out)["clips"] == 2
    assert len(json.loads(out)["unreadable"]) == 2
    assert (tmp_path / "r.html").read_bytes().startswith(b"<!doctype html>")


@pytest.mark.parametrize("command", ["drops", "takedown", "report"])
def test_every_command_of_the_books_explains_itself_with_an_example(command, capfd):
    code, out, _ = run(capfd, command, "--help")
    assert code == 0
    assert f"talkie {command}" in out.split("Example")[1]
