"""ICT-FaceKit's loader: on a folder of its layout made of the built-in head, and on the scan where it is at hand."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from ict_folder import SHAPES, layout, write_ict_folder

from talkie.errors import BadInput
from talkie.heads import ARKIT_NAMES, HeadModel, builtin_head, landmarks_68, load_ict
from talkie.heads.builtin.expression import JAW_OPEN_RAD
from talkie.heads.ict_layout import IctLayout, arkit_sources
from talkie.heads.ict_rig import jaw_hinge, neck_share, skin_weights
from talkie.heads.obj import read_obj
from talkie.heads.rigid import rigid_motion_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("ict")
    write_ict_folder(path)
    return path


@pytest.fixture(scope="module")
def head(folder):  # type: ignore[no-untyped-def]
    return load_ict(folder, layout=layout())


@pytest.fixture(scope="module")
def scan(scanned_head):  # type: ignore[no-untyped-def]
    return load_ict(scanned_head)


def test_the_folder_comes_back_in_metres_in_the_head_frame(head) -> None:  # type: ignore[no-untyped-def]
    """Truth is the built-in head; the files are in centimetres, turned and shifted. Its shape
    comes back exactly; its place as far as the landmark vertices are the built-in's points, to half an edge."""
    own = builtin_head()
    kept = np.flatnonzero(~np.isin(np.arange(own.vertex_count), layout().index("transparent")))
    assert isinstance(head, HeadModel)
    ours, theirs = own.template.double().numpy()[kept], head.template.double().numpy()
    turn, shift = rigid_motion_of(theirs, ours)
    assert np.abs(theirs @ turn.T + shift - ours).max() < 1e-6
    assert np.linalg.norm(theirs - ours, axis=1)[own.regions["face"]].max() < 1e-3
    truth = own.identity_basis[:2].numpy()[:, kept]
    assert np.abs(head.identity_basis.numpy() - truth).max() < 1e-4


def test_polygons_become_the_same_triangles(head) -> None:  # type: ignore[no-untyped-def]
    own = builtin_head()
    kept = np.setdiff1d(np.arange(own.vertex_count), layout().index("transparent"))
    whole = own.faces.numpy()[np.isin(own.faces.numpy(), kept).all(1)]

    def canonical(faces: np.ndarray) -> set[tuple[int, ...]]:
        return {tuple(np.roll(face, -int(face.argmin()))) for face in faces}

    assert canonical(kept[head.faces.numpy()]) == canonical(whole)
    np.testing.assert_allclose(head.uv[..., 0], kept[head.faces.numpy()] / own.vertex_count, atol=1e-5)
    np.testing.assert_allclose(head.uv[..., 1], 0.75, atol=1e-6)


def test_shapes_take_arkits_names_halves_are_added_and_extras_follow(head) -> None:  # type: ignore[no-untyped-def]
    own = builtin_head()
    assert head.expression_names == (*ARKIT_NAMES, "cheekRaiser_L")
    kept = np.setdiff1d(np.arange(own.vertex_count), layout().index("transparent"))
    for name in ("mouthSmileLeft", "browInnerUp", "jawOpen"):
        truth = own.expression_basis[ARKIT_NAMES.index(name)].numpy()[kept]
        got = head.expression_basis[ARKIT_NAMES.index(name)].numpy()
        assert np.abs(got - truth).max() < 3e-4, name
    assert not head.expression_basis[ARKIT_NAMES.index("tongueOut")].any()
    names, sources = arkit_sources(tuple(SHAPES))
    given = list(SHAPES)
    assert sources[names.index("browInnerUp")] == (given.index("browInnerUp_L"), given.index("browInnerUp_R"))
    assert sources[-1] == (given.index("cheekRaiser_L"),)


def test_the_jaw_hidden_in_jaw_open_is_the_bone_that_made_it() -> None:
    own = builtin_head()
    rest, shape = own.template.double().numpy(), own.expression_basis[ARKIT_NAMES.index("jawOpen")].double().numpy()
    hinge = jaw_hinge(rest, shape, own.regions["lower_teeth"], own.part == 0)
    np.testing.assert_allclose(hinge.rotation, [JAW_OPEN_RAD, 0, 0], atol=1e-5)
    np.testing.assert_allclose(hinge.joint, own.joints(torch.zeros(1, len(own.identity_names)))[0, 0], atol=2e-5)
    # The cheeks' corrective is part of the shape and no part of the bone: a tenth of a millimetre of the skin.
    np.testing.assert_allclose(hinge.share, own.jaw_share, atol=5e-3)
    assert hinge.rigid_mm < 0.01
    assert hinge.skin_rms_mm < 0.3


def test_jaw_and_eyes_turn_as_those_of_the_built_in_head(head) -> None:  # type: ignore[no-untyped-def]
    own = builtin_head()
    kept = np.setdiff1d(np.arange(own.vertex_count), layout().index("transparent"))
    pose = {"jaw": torch.tensor([[0.2, 0.05, 0.0]]), "left_eye": torch.tensor([[0.1, 0.3, 0.0]])}
    for name, turn in pose.items():
        ours = (own.vertices(**{name: turn}) - own.vertices())[0].numpy()[kept]
        theirs = (head.vertices(**{name: turn}) - head.vertices())[0].numpy()
        assert np.abs(ours - theirs).max() < 1.2e-3, name


def test_landmarks_and_regions_are_found_again(head) -> None:  # type: ignore[no-untyped-def]
    own = builtin_head()
    kept = np.setdiff1d(np.arange(own.vertex_count), layout().index("transparent"))
    missed = (head.landmarks(head.vertices()) - own.landmarks(own.vertices()))[0].norm(dim=1).numpy()
    assert np.median(missed) < 1e-3
    assert missed.max() < 5e-3
    for name in ("face", "lips", "upper_face", "neck"):
        ours = np.isin(kept, own.regions[name])
        theirs = np.isin(np.arange(len(kept)), head.regions[name])
        assert (ours & theirs).sum() > 0.9 * (ours | theirs).sum(), name
    assert set(head.part_names) >= {"skin", "mouth_bag", "upper_gum", "lower_gum", "tongue", "left_eyeball"}
    assert np.array_equal(head.regions["upper_teeth"], np.flatnonzero(np.isin(kept, own.regions["upper_teeth"])))
    upper = np.isin(kept, own.regions["upper_gum"])
    assert np.array_equal(head.part == head.part_names.index("upper_gum"), upper)


def test_skin_weights_sum_to_the_necks_share() -> None:
    rng = np.random.default_rng(0)
    points, jaw = rng.normal(0, 0.1, (50, 3)), rng.random(50)
    neck = neck_share(points)
    weights = skin_weights(neck, jaw, (np.arange(3), np.arange(3, 6)))
    np.testing.assert_allclose(weights[6:].sum(1), neck[6:])
    np.testing.assert_array_equal(weights[:6, 2:], np.repeat(np.eye(2), 3, axis=0))
    assert neck_share(np.array([[0, 0.1, 0.1], [0, -0.3, 0]])).tolist() == [1.0, 0.0]


def test_broken_folders_are_refused_by_name(folder, tmp_path) -> None:  # type: ignore[no-untyped-def]
    model = folder / "FaceXModel"
    copy = tmp_path / "FaceXModel"
    copy.mkdir()
    for file in model.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    with pytest.raises(BadInput, match="expected 26719"):
        load_ict(tmp_path)
    (copy / "jawOpen.obj").write_text("v 0 0 0\n")
    with pytest.raises(BadInput, match=r"jawOpen\.obj: 1 vertices, the neutral mesh has"):
        load_ict(tmp_path, layout=layout())
    (copy / "jawOpen.obj").write_text("v 0 zero 0\n")
    with pytest.raises(BadInput, match=r"jawOpen\.obj: a vertex is not 3 numbers"):
        load_ict(tmp_path, layout=layout())
    (copy / "jawOpen.obj").unlink()
    with pytest.raises(BadInput, match="no shape jawOpen"):
        load_ict(tmp_path, layout=layout())
    (copy / "vertex_indices.json").unlink()
    with pytest.raises(BadInput, match=r"vertex_indices\.json: no list of landmark vertices"):
        load_ict(tmp_path, layout=layout())


def test_objs_with_other_polygons_or_indices_are_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "mesh.obj"
    corners = "".join(f"v {k} 0 0\n" for k in range(5))
    for faces, message in (("f 1 2 3 4 5\n", "triangles and quads"), ("f 1 2 9\n", "outside the vertices")):
        path.write_text(corners + faces)
        with pytest.raises(BadInput, match=message):
            read_obj(path)
    path.write_text(corners + "f 1//7 2//7 3//7\r\nf 1 2 3 4\n")
    np.testing.assert_array_equal(read_obj(path).quads, [[0, 1, 2, -1], [0, 1, 2, 3]])


def test_the_scan_lies_where_the_built_in_head_lies(scan) -> None:  # type: ignore[no-untyped-def]
    own = builtin_head()
    assert scan.expression_names[:52] == ARKIT_NAMES
    assert set(scan.expression_names[52:]) == {"PupilDilate_L", "PupilDilate_R", "cheekRaiser_L", "cheekRaiser_R"}
    still = torch.zeros(1, len(own.identity_names))
    jaw, _, left, right = own.joints(still)[0]
    ours = torch.stack([jaw, left, right])
    assert (torch.tensor(scan.arrays.joints[1:]) - ours).norm(dim=1).max() < 0.004
    missed = (scan.landmarks(scan.vertices()) - own.landmarks(own.vertices()))[0].norm(dim=1)
    assert missed.median() < 0.003
    assert scan.vertex_count == 26719 - (26719 - 24591) - 1600


def test_the_scans_landmarks_follow_its_lips_and_lids(scan) -> None:  # type: ignore[no-untyped-def]
    """The embedding must not take one lip for the other: opened, they part; closed lids meet."""
    rest = scan.landmarks(scan.vertices())[0]
    opened = scan.landmarks(scan.vertices(jaw=torch.tensor([[0.3, 0.0, 0.0]])))[0]
    assert (rest[13] - rest[14]).norm() < 0.002
    assert opened[13, 1] - opened[14, 1] > 0.02
    weights = torch.zeros(1, len(scan.expression_names))
    weights[0, ARKIT_NAMES.index("eyeBlinkLeft")] = 1
    shut = landmarks_68(scan.landmarks(scan.vertices(expression=weights))[0])
    open_eye = landmarks_68(rest)
    assert open_eye[43, 1] - open_eye[47, 1] > 0.006
    assert abs(shut[43, 1] - shut[47, 1]) < 0.002
    assert (shut[37, 1] - shut[41, 1]) > 0.006, "the right eye stays open"


def test_the_scans_jaw_is_its_jaw_open_on_the_teeth(scan) -> None:  # type: ignore[no-untyped-def]
    weights = torch.zeros(1, len(scan.expression_names))
    weights[0, ARKIT_NAMES.index("jawOpen")] = 1
    by_shape = scan.vertices(expression=weights)[0]
    by_bone = scan.vertices(jaw=torch.tensor([[0.442, 0.0, 0.0]]))[0]
    off = (by_shape - by_bone).norm(dim=1)
    assert off[scan.regions["lower_teeth"]].max() < 5e-4
    assert (off[scan.regions["skin"]] ** 2).mean().sqrt() < 0.003
    assert off[scan.regions["upper_teeth"]].max() == 0


def test_the_scan_without_its_pieces_loads_in_seconds(scanned_head) -> None:  # type: ignore[no-untyped-def]
    started = time.process_time()
    whole = load_ict(scanned_head, identities=3, transparent=True)
    assert time.process_time() - started < 20
    assert whole.vertex_count == IctLayout().vertices
    assert len(whole.identity_names) == 3
