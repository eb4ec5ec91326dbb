"""One writer at a time: a second process is told who is at work, and a killed one leaves nothing locked."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from talkie.errors import BadInput, StorageConflict
from talkie.shards.lock import LOCK_NAME, sole_writer

HOLD = """
import sys, time
from pathlib import Path
from talkie.shards.lock import sole_writer
with sole_writer(Path(sys.argv[1]), "curate"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_told_which_one_is_at_work(holder, tmp_path):
    who = rf"`talkie curate`, process {holder.pid} on {socket.gethostname()}"
    with pytest.raises(StorageConflict, match=who), sole_writer(tmp_path / "out", "curate"):
        pass


def test_a_killed_process_holds_nothing(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "out" / LOCK_NAME).exists()
    with sole_writer(tmp_path / "out", "curate"):
        pass
    assert not (tmp_path / "out" / LOCK_NAME).exists()


def test_a_holder_that_ends_lets_the_next_one_in(holder, tmp_path):
    holder.communicate("")
    assert not (tmp_path / "out").exists()  # nothing came of it
    with sole_writer(tmp_path / "out", "curate"):
        (tmp_path / "out" / "result").touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["result"]


def test_two_commands_of_one_process_are_two_writers(tmp_path):
    with sole_writer(tmp_path, "curate"), pytest.raises(StorageConflict), sole_writer(tmp_path, "takedown"):
        pass


def test_of_many_at_once_exactly_one_is_in_at_any_time(tmp_path):
    inside, most, entered = [], [], []

    def enter() -> None:
        for _ in range(50):
            try:
                with sole_writer(tmp_path / "out", "curate"):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
                    entered.append(1)
            except StorageConflict:
                continue

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert entered


def test_a_folder_that_cannot_be_made_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInput, match="cannot be written"), sole_writer(tmp_path / "file" / "out", "curate"):
        pass
