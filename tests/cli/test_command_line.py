"""The command line as a user meets it: help with examples, one-line errors with exit code 2, JSON on stdout."""

import json
import subprocess
import sys

import pytest

from talkie.cli import main
from talkie.cli.main import app
from talkie.clip import ClipRecord, Source
from talkie.shards import Ledger, LedgerEntry, RawClip, commit, open_dataset


def run(capfd, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command in this process."""
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    out, err = capfd.readouterr()
    return stopped.value.code, out, err


def fails_in_one_line(capfd, *words: str) -> str:
    code, _, err = run(capfd, *words)
    lines = [line for line in err.splitlines() if line.strip()]
    assert code == 2, err
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.fixture
def shards(tmp_path):
    record = ClipRecord(
        id="0" * 16,
        source=Source(uri="file:///a b.mp4", name="a b.mp4", sha256="1" * 64, start_s=0, end_s=2),
        frames=50,
        identity="somebody",
        split="train",
        scores={"sharpness": 0.5},
    )
    folder = tmp_path / "shards"
    commit(folder, [RawClip(record, {"mp4": b"x" * 100, "txt": b"hello"})], settings={})
    Ledger(folder).append(
        LedgerEntry(sha256="2" * 64, name="bad.mp4", uri="bad.mp4", status="dead", cause="empty_file", message="empty")
    )
    return folder


@pytest.mark.parametrize(
    "command",
    [
        *("record", "curate", "inspect", "verify", "subset", "merge", "export"),
        *("zoo", "train", "evaluate", "generate", "serve", "demo"),
    ],
)
def test_every_command_explains_itself_with_an_example(command, capfd):
    code, out, _ = run(capfd, command, "--help")
    assert code == 0
    assert f"talkie {command}" in out.split("Example")[1]


def test_the_help_of_the_whole_lists_every_command(capfd):
    _, out, _ = run(capfd, "--help")
    assert all(c.callback.__name__ in out for c in app.registered_commands)


def test_inspect_lists_clips_with_their_fields_and_dead_letters_with_their_cause(shards, capfd):
    code, out, _ = run(capfd, "inspect", str(shards), "--json")
    report = json.loads(out)
    assert code == 0
    (clip,) = report["clips"]
    assert (clip["source"], clip["seconds"], clip["frames"], clip["identity"]) == ("a b.mp4", 2.0, 50, "somebody")
    assert clip["fields"] == ["mp4", "txt"]
    assert clip["scores"] == {"sharpness": 0.5}
    assert [(d["name"], d["cause"]) for d in report["dead"]] == [("bad.mp4", "empty_file")]


def test_a_part_is_taken_put_together_again_and_exported(shards, tmp_path, capfd):
    whole = open_dataset(shards)
    part, both, files = tmp_path / "part", tmp_path / "both", tmp_path / "files"
    code, out, _ = run(capfd, "subset", str(shards), "--identity", "somebody", "--out", str(part), "--json")
    assert code == 0
    assert json.loads(out)["clips"] == 1
    assert run(capfd, "merge", str(shards), str(part), "--out", str(both))[0] == 0
    assert open_dataset(both).ids() == whole.ids()
    assert run(capfd, "export", str(both), "--out", str(files), "--field", "txt")[0] == 0
    assert (files / f"{'0' * 16}.txt").read_text() == "hello"


def test_a_part_for_commercial_use_leaves_out_what_nobody_has_licensed(shards, tmp_path, capfd):
    line = fails_in_one_line(capfd, "subset", str(shards), "--commercial", "--out", str(tmp_path / "part"))
    assert "no clip is left" in line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--split", "dev"], "train, val or test"),
        (["--label", "happy"], "--label name=value"),
        (["--licence", "CC-BY-9"], "no licence 'CC-BY-9'"),
        (["--field", "smell"], "no field 'smell'"),
    ],
)
def test_a_part_that_cannot_be_meant_is_one_line(words, says, shards, tmp_path, capfd):
    assert says in fails_in_one_line(capfd, "subset", str(shards), "--out", str(tmp_path / "part"), *words)


def test_verify_reads_every_byte(shards, capfd):
    (path,) = shards.glob("*.tar")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # in the padding: no member is touched, the file is
    path.write_bytes(data)
    assert run(capfd, "inspect", str(shards))[0] == 0
    assert path.name in fails_in_one_line(capfd, "verify", str(shards))


def test_a_folder_that_is_no_dataset_is_named_with_the_cure(tmp_path, capfd):
    line = fails_in_one_line(capfd, "inspect", str(tmp_path))
    assert str(tmp_path) in line
    assert "talkie record" in line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["trian"], "train"),
        (["train", "unitalke", "--data", "nowhere"], "unitalker"),
        (["train", "unitalker", "--data", "nowhere"], "nowhere"),
        (["train", "unitalker", "--data", "nowhere", "--set", "steps"], "NAME=VALUE"),
        (["train", "unitalker", "--data", "nowhere", "--set", "step=3"], "steps"),
        (["train", "unitalker", "--data", "nowhere", "--batch-size", "0"], "batch-size"),
        (["train", "unitalker"], "--data"),
        (["evaluate", "nobody", "--data", "nowhere", "--home", "{tmp}"], "nobody"),
        (["generate", "nobody", "--audio", "nowhere.wav", "--out", "{tmp}/x.mp4", "--home", "{tmp}"], "nowhere.wav"),
        (["generate", "nobody", "--audio", "a.wav", "--out", "{tmp}/x.avi", "--home", "{tmp}"], ".mp4"),
        (["generate", "nobody", "--audio", "a.wav", "--out", "{tmp}/x.mp4", "--size", "9999"], "--size"),
        (["serve", "nobody", "--home", "{tmp}"], "nobody"),
        (["serve", "nobody", "--no-auth", "--host", "0.0.0.0"], "token"),
        (["curate", "{tmp}/nothing", "--out", "{tmp}/out"], "nothing"),
        (["curate", "{tmp}", "--out", "{tmp}/out", "--min-clip", "100"], "least_s"),
        (["record", "{tmp}/out", "--size", "63"], "rig.size"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_what_the_user_got_wrong_is_one_line_and_exit_code_2(words, says, tmp_path, capfd):
    words = [word.replace("{tmp}", str(tmp_path)) for word in words]
    assert says in fails_in_one_line(capfd, *words)


def test_debug_lets_the_traceback_through(tmp_path):
    from talkie.errors import NotADataset

    with pytest.raises(NotADataset):
        main(["inspect", str(tmp_path), "--debug"])


def test_help_is_quick_because_nothing_heavy_is_imported():
    code = "import sys, talkie.cli; sys.exit(any(m in sys.modules for m in ('torch', 'ray', 'mlflow', 'mediapipe')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_zoo_lists_every_system_with_its_task(tmp_path, capfd):
    code, out, _ = run(capfd, "zoo", "--home", str(tmp_path), "--json")
    systems = {s["slug"]: s["task"] for s in json.loads(out)["systems"]}
    assert code == 0
    assert systems["unitalker"] == "speech_to_motion"


def test_one_card_of_the_zoo_shows_its_presets(capfd):
    code, out, _ = run(capfd, "zoo", "unitalker", "--json")
    card = json.loads(out)
    assert code == 0
    assert {"tiny", "paper"} <= card["presets"].keys()
    assert card["needs"] == ["flac", "head.npz"]
