"""FLAME's loader on files of its published form: the equations, both pickles, landmarks, and what is refused."""

import os
import pickle
import sys

import numpy as np
import pytest
import torch
from flame_file import (
    EXPRESSIONS,
    IDENTITIES,
    flame_arrays,
    write_68_landmarks,
    write_flame_2020,
    write_flame_2023,
    write_mediapipe_landmarks,
)
from scipy import sparse
from scipy.spatial.transform import Rotation

from talkie.errors import BadInput
from talkie.heads import HeadModel, builtin_head, load_flame
from talkie.heads.restricted_pickle import read_pickle


@pytest.fixture(scope="module")
def content():  # type: ignore[no-untyped-def]
    return flame_arrays()


@pytest.fixture(scope="module")
def folder(content, tmp_path_factory):  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("flame")
    write_flame_2023(path / "flame2023.pkl", content)
    write_flame_2020(path / "generic_model.pkl", content)
    np.savez(path / "flame.npz", **content)
    write_mediapipe_landmarks(path, content)
    return path


@pytest.fixture(scope="module")
def head(folder):  # type: ignore[no-untyped-def]
    return load_flame(folder / "flame2023.pkl", identities=IDENTITIES)


def _published(content, betas: np.ndarray, poses: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    """SMPL's and FLAME's forward pass with all five joints, poses (5, 3); the root's is given too."""
    shaped = content["v_template"] + content["shapedirs"] @ betas
    joints = content["J_regressor"] @ shaped
    turns = Rotation.from_rotvec(poses).as_matrix()
    feature = (turns[1:] - np.eye(3)).ravel()
    posed = shaped + content["posedirs"] @ feature
    world = [np.eye(4)] * 5
    for k, parent in enumerate([-1, 0, 1, 1, 1]):
        local = np.eye(4)
        local[:3, :3] = turns[k]
        local[:3, 3] = joints[k] - (joints[parent] if parent >= 0 else 0)
        world[k] = world[parent] @ local if parent >= 0 else local
    relative = [w @ np.block([[np.eye(3), -j[:, None]], [np.zeros((1, 3)), 1]]) for w, j in zip(world, joints)]  # noqa: B905
    blended = np.einsum("vj,jab->vab", content["weights"], np.array(relative))
    return np.einsum("vab,vb->va", blended, np.c_[posed, np.ones(len(posed))])[:, :3]


def test_vertices_are_those_of_the_published_forward_pass(content, head) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    betas, poses = rng.normal(size=IDENTITIES + EXPRESSIONS), rng.normal(0, 0.3, (5, 3))
    poses[0] = 0
    row = [torch.tensor(p, dtype=torch.float64)[None] for p in (betas[:IDENTITIES], betas[IDENTITIES:], *poses[1:])]
    names = ("identity", "expression", "neck", "jaw", "left_eye", "right_eye")
    got = head.vertices(**dict(zip(names, row, strict=True)))[0].numpy()
    assert isinstance(head, HeadModel)
    np.testing.assert_allclose(got, _published(content, betas, poses), atol=1e-6)


def test_both_pickles_and_the_npz_give_the_same_head(folder, head) -> None:  # type: ignore[no-untyped-def]
    pose = {"jaw": torch.tensor([[0.2, 0, 0.1]]), "neck": torch.tensor([[0.1, 0.2, 0.0]])}
    assert "chumpy" not in sys.modules
    for name in ("generic_model.pkl", "flame.npz"):
        other = load_flame(folder / name, identities=IDENTITIES)
        torch.testing.assert_close(other.vertices(**pose), head.vertices(**pose), rtol=0, atol=1e-6)


def test_eyes_are_parts_and_landmarks_are_where_the_files_points_lie(content, head, folder, tmp_path) -> None:  # type: ignore[no-untyped-def]
    own = builtin_head()
    truth = own.landmarks(own.vertices())[0]
    assert (head.part == 1).sum() == len(own.regions["left_eyeball"])
    missed = (head.landmarks(head.vertices())[0] - truth).norm(dim=1)
    assert missed.median() < 5e-4
    write_flame_2023(tmp_path / "flame.pkl", content)
    write_68_landmarks(tmp_path, content)
    by_68 = load_flame(tmp_path / "flame.pkl", identities=IDENTITIES)
    missed = (by_68.landmarks(by_68.vertices())[0] - truth).norm(dim=1)
    assert missed.median() < 2e-3
    assert {"face", "lips", "upper_face", "skin", "left_eyeball"} <= set(head.regions)


def test_files_that_do_not_fit_are_named_with_the_cure(content, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "flame.npz"
    np.savez(path, **content)
    with pytest.raises(BadInput, match=r"no file of FLAME's landmarks: mediapipe_landmark_embedding\.npz or"):
        load_flame(path, identities=IDENTITIES)
    with pytest.raises(BadInput, match="5 shapes, fewer than 300 identities"):
        load_flame(path)
    for key, value, message in (
        ("posedirs", content["posedirs"][..., :9], r"array posedirs has shape .*36"),
        ("weights", content["weights"] * np.nan, "array weights is not finite"),
        ("kintree_table", np.zeros((2, 5), int), "kintree_table is not FLAME's"),
    ):
        np.savez(path, **(content | {key: value}))
        with pytest.raises(BadInput, match=message):
            load_flame(path, identities=IDENTITIES)
    np.savez(path, **{k: v for k, v in content.items() if k != "J_regressor"})
    with pytest.raises(BadInput, match="J_regressor missing"):
        load_flame(path, identities=IDENTITIES)


class _Command:
    """What an attacker would send: unpickled in the ordinary way it would run a command."""

    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_with_anything_else_is_refused_by_name_and_nothing_runs(tmp_path, protocol) -> None:  # type: ignore[no-untyped-def]
    marker, path = tmp_path / "ran", tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"v_template": np.zeros(3), "f": _Command(str(marker))}, protocol=protocol))
    with pytest.raises(BadInput, match=r"model\.pkl: pickle refused: it asks for (posix|nt)\.system"):
        load_flame(path)
    assert not marker.exists()
    path.write_bytes(pickle.dumps({"a": eval}, protocol=protocol))
    with pytest.raises(BadInput, match=r"builtins?_?_?\.eval"):
        read_pickle(path)


def test_no_admitted_name_runs_code_or_builds_what_it_should_not(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Hand-made opcodes: arrays by a call, a reconstructor of another class, setting state on a stand-in."""
    path = tmp_path / "model.pkl"
    for code in (
        b"cnumpy\nndarray\n(I999999999999\ntR.",
        b"ccopy_reg\n_reconstructor\n(c__builtin__\nset\nc__builtin__\nobject\nNtR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(c__builtin__\nobject\n(I0\ntS'b'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(dS'__call__'\nI1\nsb.",
        b"c_codecs\nencode\n(S'6f73'\nS'hex'\ntR.",
        b"cos.path\njoin\n.",
        b"cnumpy.testing\n_private.utils.runstring\n.",
    ):
        path.write_bytes(code)
        with pytest.raises(BadInput, match="pickle refused"):
            read_pickle(path)


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "list"])
def test_damaged_pickles_are_one_typed_error(tmp_path, damage) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "model.pkl"
    whole = pickle.dumps({"a": np.arange(100.0)})
    noise = np.random.default_rng(0).bytes(300)
    path.write_bytes({"cut": whole[:-40], "empty": b"", "noise": noise, "list": pickle.dumps([1])}[damage])
    with pytest.raises(BadInput, match="pickle"):
        read_pickle(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_pickle(tmp_path / "absent.pkl")


@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
def test_arrays_scalars_and_sparse_matrices_come_back_as_they_were(tmp_path, protocol) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    dense = rng.random((6, 9)) * (rng.random((6, 9)) < 0.3)
    content = {
        "floats": rng.random((3, 4)),
        "order": np.asfortranarray(rng.random((3, 4))),
        "words": np.array(["a", "bc"]),
        "scalar": np.float32(1.5),
        "text": "lbs",
        "csc": sparse.csc_matrix(dense),
        "csr": sparse.csr_matrix(dense),
    }
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    got = read_pickle(path)
    for key, value in content.items():
        wanted = value.toarray() if sparse.issparse(value) else value
        np.testing.assert_array_equal(got[key], wanted)
