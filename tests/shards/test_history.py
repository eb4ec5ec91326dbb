"""The history says for ever which clips a digest stood for, whatever was committed or torn since."""

from __future__ import annotations

import pytest
from clips import make_clip

from talkie.shards import commit, open_dataset
from talkie.shards import writer as writer_module
from talkie.shards.history import HISTORY_NAME, history, states_with


def ids(*numbers):
    return [f"{i:016x}" for i in numbers]


def test_every_state_that_held_a_clip_is_found_after_it_is_gone(tmp_path):
    one = commit(tmp_path, [make_clip(1)], settings={}).digest
    two = commit(tmp_path, [make_clip(2)], settings={}).digest
    three = commit(tmp_path, [], settings={}, remove=ids(1)).digest
    four = commit(tmp_path, [make_clip(3)], settings={}).digest
    assert states_with(tmp_path, ids(1)) == {one: {*ids(1)}, two: {*ids(1)}}
    assert states_with(tmp_path, ids(2)).keys() == {two, three, four}
    assert states_with(tmp_path, ids(9)) == {}


def test_a_commit_that_changes_nothing_leaves_no_line(tmp_path):
    commit(tmp_path, [make_clip(1)], settings={})
    commit(tmp_path, [], settings={})
    assert len(list(history(tmp_path))) == 1


def test_a_folder_without_a_history_gets_one_from_what_it_holds(tmp_path):
    one = commit(tmp_path, [make_clip(1)], settings={}).digest
    (tmp_path / HISTORY_NAME).unlink()
    commit(tmp_path, [], settings={}, remove=ids(1))
    assert states_with(tmp_path, ids(1)).keys() == {one}


@pytest.mark.parametrize("torn", [False, True])
def test_a_crash_before_the_index_leaves_a_history_that_still_tells_the_truth(tmp_path, monkeypatch, torn):
    one = commit(tmp_path, [make_clip(1)], settings={}).digest
    with monkeypatch.context() as patch:

        def crash(*_):
            raise KeyboardInterrupt

        patch.setattr(writer_module, "write_index", crash)
        with pytest.raises(KeyboardInterrupt):
            commit(tmp_path, [make_clip(2)], settings={})
    if torn:
        path = tmp_path / HISTORY_NAME
        path.write_bytes(path.read_bytes()[:-9])
    three = commit(tmp_path, [make_clip(3)], settings={}, remove=ids(1)).digest
    assert open_dataset(tmp_path).ids() == ids(3)
    assert one in states_with(tmp_path, ids(1))
    assert three not in states_with(tmp_path, ids(1, 2))


def test_a_long_last_line_is_found_from_the_end(tmp_path):
    commit(tmp_path, [make_clip(i % 250, source=i) for i in range(1)], settings={})
    path = tmp_path / HISTORY_NAME
    first = open_dataset(tmp_path).digest
    many = ", ".join(f'"{i:016x}"' for i in range(5_000))
    path.write_text(f'{{"digest": "x", "parent": null}}\n{{"digest": "{first}", "parent": "x", "added": [{many}]}}\n')
    commit(tmp_path, [make_clip(7)], settings={})
    assert [line.parent for line in history(tmp_path)] == [None, "x", first]
