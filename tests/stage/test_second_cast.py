"""A second cast: a shoot with the scanned head records end to end, and its labels are those of that head; a head in
FLAME's form is dressed by the same means."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from talkie.faces import FaceTracker, interocular
from talkie.heads import ARKIT_NAMES, frontal_camera, load_flame, load_head, pose_vertices, project_landmarks
from talkie.media import decode_mp4
from talkie.render import HeadRenderer, dressed_head, look_from_seed
from talkie.shards import open_dataset
from talkie.stage import load_shoot, record
from talkie.stage.film import who_says_what
from talkie.stage.sensors.regions import CLASSES

FIELDS = ("mp4", "landmarks.npy", "head.npz", "mask.mp4", "gaze.npz")
LIPS = [61, 291, 0, 17, 37, 267, 84, 314]
SKIN = [4, 50, 280, 205, 425, 6]
"""Tip and root of the nose, and cheeks: never under hair or lids."""
IRISES = {"right_eye": 468, "left_eye": 473}


@pytest.fixture(scope="module")
def shoot(scanned_head):
    changes = {"cast.head": str(scanned_head), "cast.people": 2, "script.texts": ["Hello."]}
    changes["sensors"] = ["mask", "gaze"]
    return load_shoot("speech", seed=3, **changes)


@pytest.fixture(scope="module")
def clip(shoot, tmp_path_factory):
    folder = tmp_path_factory.mktemp("second")
    record(folder, 1, shoot, workers=1)
    return next(open_dataset(folder).clips(FIELDS))


@pytest.fixture(scope="module")
def model(shoot):
    return load_head(shoot.cast.head)


def test_the_track_names_its_head_and_its_landmarks_are_that_heads(clip, model):
    track = clip.fields["head.npz"]
    assert track.model == model.name == clip.record.tools["head"]
    assert track.expression.shape == (clip.record.frames, len(model.expression_names))
    np.testing.assert_allclose(clip.fields["landmarks.npy"], project_landmarks(model, track), atol=1e-3)


def test_expressions_keep_their_names_across_topologies(clip, model):
    """jawOpen, found by its name, is what opens the mouth; the lids' shapes shut the eyes."""
    track = clip.fields["head.npz"]
    weights = dict(zip(model.expression_names, track.expression.T, strict=True))
    assert set(ARKIT_NAMES) <= set(weights)
    points = model.landmarks(torch.as_tensor(pose_vertices(model, track))).numpy()
    gap = np.linalg.norm(points[:, 13] - points[:, 14], axis=1)
    assert np.corrcoef(weights["jawOpen"], gap)[0, 1] > 0.7
    opening = np.linalg.norm(points[:, 386] - points[:, 374], axis=1)
    blink = weights["eyeBlinkLeft"]
    if blink.max() - blink.min() > 0.5:
        assert opening[blink.argmax()] < 0.5 * opening[blink.argmin()]


def test_landmarks_lie_where_the_mask_says(clip):
    mask, points = clip.fields["mask.mp4"], clip.fields["landmarks.npy"][..., :2].astype(int)

    def share(index, *names):
        there = np.stack([m[p[index, 1], p[index, 0]] for m, p in zip(mask, points, strict=True)])
        return float(np.isin(there, [CLASSES.index(n) for n in names]).mean())

    assert share(LIPS, "lips", "skin") > 0.99
    assert share(LIPS, "lips") > 0.4
    assert share(SKIN, "skin") == 1.0
    opening = clip.fields["landmarks.npy"]
    wide = np.linalg.norm(opening[:, 386, :2] - opening[:, 374, :2], axis=1) > 3.0
    for name, iris in IRISES.items():
        at = points[wide, iris]
        assert (mask[wide, at[:, 1], at[:, 0]] == CLASSES.index(name)).mean() > 0.95


def test_the_person_wears_what_the_look_says(clip, shoot, model):
    """Hair above the brow unless the look is bald, no hair over the eyes, cloth below the chin."""
    person, _ = who_says_what(shoot, 1, 0)
    mask = clip.fields["mask.mp4"]
    points = clip.fields["landmarks.npy"][0]
    rows = np.arange(mask.shape[1])[:, None]
    hair = mask[0] == CLASSES.index("hair")
    if person.look.hair_style not in ("bald", "shaved"):
        assert hair[rows[:, 0] < points[10, 1]].sum() > 500
        # Its middle is the head's.
        columns = np.flatnonzero(hair.any(0))
        assert abs(columns.mean() - points[:, 0].mean()) < 0.25 * np.ptp(points[:, 0])
    brow, chin = int(points[[105, 334], 1].min()), int(points[152, 1])
    left, right = int(points[33, 0]), int(points[263, 0])
    assert hair[brow:chin, left:right].mean() < 0.02
    assert (mask[0, chin:] == CLASSES.index("cloth")).sum() > 500


@pytest.mark.parametrize("style", ["short", "bob"])
def test_hair_stands_outside_of_the_scan(model, style):
    """Seen from the skull's middle, strands lie beyond the points of the scalp that hold them."""
    costume = dressed_head(model, replace(look_from_seed(2), hair_style=style))
    rest = model.template.numpy().astype(float)
    centre, first = rest[model.regions["scalp"]].mean(0), costume.vertex_count
    hair = np.unique(costume.faces[costume.part == costume.part_names.index("hair")])
    for binding in costume.bindings:
        own = np.arange(first, first + len(binding.anchors))
        first += len(own)
        if own[0] not in hair:
            continue
        points, normals, tangents = (np.zeros((len(own), 3)) for _ in range(3))
        binding.place(rest, points, normals, tangents)
        roots = (rest[binding.anchors] * binding.weights[..., None]).sum(1)
        lifted = np.linalg.norm(points - centre, axis=1) - np.linalg.norm(roots - centre, axis=1)
        assert (lifted > -0.003).mean() > 0.95
        return
    pytest.fail("no hair was bound")


def test_mediapipe_finds_the_second_cast_where_its_labels_say(clip):
    truth = clip.fields["landmarks.npy"][..., :2]
    with FaceTracker() as tracker:
        found = [tracker.track(picture) for picture in decode_mp4(clip.fields["mp4"])]
    assert all(points is not None for points in found)
    error = np.linalg.norm(np.stack(found)[..., :2] - truth, axis=2) / interocular(truth)[:, None]
    assert error.mean() < 0.055
    assert error[:, 468:].mean() < 0.04


def test_a_head_in_flames_form_is_dressed_and_found(tmp_path):
    """It has neither teeth nor ears nor names for its shapes; skin, eyes, hair and cloth it wears as any other."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "heads"))
    from flame_file import IDENTITIES, flame_arrays, write_mediapipe_landmarks

    content = flame_arrays()
    np.savez(tmp_path / "flame.npz", **content)
    write_mediapipe_landmarks(tmp_path, content)
    head = load_flame(tmp_path / "flame.npz", identities=IDENTITIES)
    camera = [a.numpy().astype(float) for a in frontal_camera(256, 1.0, 700.0)]
    world = head.template.numpy().astype(float) - np.array([0, 0, 0.02])
    frame = HeadRenderer(head, look_from_seed(1)).frame(world, *camera, size=256)
    with FaceTracker() as tracker:
        found = tracker.track(frame.rgb)
    assert found is not None
    points = head.landmarks(torch.as_tensor(world, dtype=torch.float32)[None])[0].numpy() @ camera[1].T + camera[2]
    pixels = points @ camera[0].T
    truth = pixels[:, :2] / pixels[:, 2:]
    error = np.linalg.norm(found[:, :2] - truth, axis=1) / interocular(truth[None])[0]
    assert error.mean() < 0.06
    dressed = dressed_head(head, look_from_seed(1))
    worn = {dressed.part_names[k] for k in np.unique(frame.part[frame.part >= 0])}
    assert {"hair", "cloth", "left_eyeball", "right_eyeball", "skin"} <= worn
