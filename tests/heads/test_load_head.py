"""`load_head` tells heads apart by what they hold, keeps them, and refuses the rest in one line."""

import os

import numpy as np
import pytest
import torch
from flame_file import flame_arrays, write_flame_2023, write_mediapipe_landmarks
from small_arrays import small_arrays

from talkie.errors import BadInput
from talkie.heads import LinearHead, builtin_head, load_head, save_head


def test_the_default_is_the_built_in_head() -> None:
    assert load_head() is builtin_head()
    assert load_head("builtin") is builtin_head()


def test_an_npz_is_told_by_its_arrays_and_kept_until_it_changes(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "head.npz"
    save_head(LinearHead(small_arrays()), path)
    first = load_head(path)
    assert first.name == "small"
    assert load_head(str(path)) is first
    save_head(LinearHead(small_arrays(1, name="other")), path)
    os.utime(path, ns=(1, 1))
    assert load_head(path).name == "other"


def test_a_flame_file_loads_with_its_own_number_of_shapes_refused_by_the_cure(tmp_path) -> None:  # type: ignore[no-untyped-def]
    content = flame_arrays()
    content["shapedirs"] = np.concatenate([content["shapedirs"], np.zeros((len(content["v_template"]), 3, 297))], 2)
    write_flame_2023(tmp_path / "flame2023.pkl", content)
    write_mediapipe_landmarks(tmp_path, content)
    head = load_head(tmp_path / "flame2023.pkl")
    assert head.name == "flame-flame2023"
    assert len(head.identity_names) == 300
    assert len(head.expression_names) == 2
    assert head.vertices(jaw=torch.zeros(1, 3)).shape == (1, len(content["v_template"]), 3)


def test_what_is_no_head_is_refused_in_one_line(tmp_path) -> None:  # type: ignore[no-untyped-def]
    other = tmp_path / "other.npz"
    np.savez(other, a=np.zeros(3))
    torn = tmp_path / "torn.npz"
    torn.write_bytes(b"PK\x03\x04 torn")
    for spec, message in (
        (tmp_path / "absent", "no such head"),
        (other, "not a head model"),
        (torn, "not a head model"),
        (tmp_path, "not a head model"),
        ("bultin", "no such head"),
    ):
        with pytest.raises(BadInput, match=message) as error:
            load_head(spec)
        assert "\n" not in str(error.value)
        assert "give 'builtin'" in str(error.value)
