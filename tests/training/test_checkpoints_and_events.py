"""Committed checkpoints, events and settings: everything of training that needs no Ray."""

import json

import pytest
from pydantic import ValidationError

from talkie.errors import NonFiniteLoss
from talkie.training import TrainConfig, TrainEvent, checkpoint
from talkie.training.events import append_event, error_event, followed, raise_error
from talkie.training.phase_run import extend_digest


def test_the_digest_of_the_sequence_tells_orders_apart():
    one, other = extend_digest("", ["a", "b"]), extend_digest("", ["b", "a"])
    assert one != other
    assert extend_digest(one, ["c"]) == extend_digest(extend_digest("", ["a", "b"]), ["c"])


def write(root, step, keep=2):
    folder = checkpoint.begin(root, step)
    (folder / "weights.safetensors").write_bytes(b"w%d" % step)
    return checkpoint.commit(root, step, keep)


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    for step in (5, 10, 15):
        write(tmp_path, step)
    assert checkpoint.committed(tmp_path) == [10, 15]
    assert checkpoint.newest(tmp_path)[0].name == "step-00000015"


def test_a_half_written_checkpoint_is_ignored(tmp_path):
    write(tmp_path, 5)
    (checkpoint.begin(tmp_path, 10) / "weights.safetensors").write_bytes(b"half")
    (tmp_path / "step-00000020").mkdir()
    assert checkpoint.newest(tmp_path)[0].name == "step-00000005"
    checkpoint.clear_pending(tmp_path)
    assert not list(tmp_path.glob(".pending-*"))


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(tmp_path, damage):
    write(tmp_path, 5)
    path = write(tmp_path, 10) / "weights.safetensors"
    path.write_bytes(b"w11") if damage == "changed" else path.unlink()
    folder, complaints = checkpoint.newest(tmp_path)
    assert folder.name == "step-00000005"
    assert len(complaints) == 1
    assert "weights.safetensors" in complaints[0]


def test_a_commit_record_holds_the_digest_of_every_file(tmp_path):
    record = json.loads((write(tmp_path, 5) / checkpoint.COMMIT).read_text())
    assert list(record["files"]) == ["weights.safetensors"]


def test_events_reach_the_driver_in_order_and_errors_keep_their_type(tmp_path):
    log, seen = tmp_path / "events.jsonl", []
    append_event(log, TrainEvent(kind="start", step=0, steps=2))
    with followed(log, seen.append):
        append_event(log, TrainEvent(kind="step", step=1, steps=2, losses={"a": 1.0, "b": 0.5}))
        append_event(log, error_event(NonFiniteLoss("loss a is nan", cure="look"), 2, 2))
    assert [e.step for e in seen] == [1, 2]
    assert seen[0].loss == 1.5
    with pytest.raises(NonFiniteLoss, match="loss a is nan; look"):
        raise_error(seen[1])


def test_a_listener_that_fails_is_heard(tmp_path):
    log = tmp_path / "events.jsonl"

    def listen(event):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), followed(log, listen):
        append_event(log, TrainEvent(kind="start", step=0, steps=1))


@pytest.mark.parametrize(
    "wrong", [{"batch": 3}, {"zero_stage": 4}, {"batch_size": 3, "workers": 2}, {"threads": 0}, {"offload": "cpu"}]
)
def test_unknown_and_impossible_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        TrainConfig(system="any", **wrong)
