"""Expressions are anatomy: lips meet and part, lids close over the eyeballs, nothing passes through."""

import numpy as np
import pytest
import torch

from talkie.heads import ARKIT_NAMES, builtin_head
from talkie.heads.builtin import features
from talkie.heads.builtin.expression import OPENING


@pytest.fixture(scope="module")
def head():  # type: ignore[no-untyped-def]
    torch.set_num_threads(1)
    return builtin_head()


def pose(head, identity: torch.Tensor | None = None, **weights: float) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Vertices (V, 3) under named weights; a name without a side means both."""
    expression = torch.zeros(1, 52)
    for name, weight in weights.items():
        for full in (name,) if name in ARKIT_NAMES else (f"{name}Left", f"{name}Right"):
            expression[0, ARKIT_NAMES.index(full)] = weight
    return head.vertices(identity, expression)[0].numpy()


def lip_gap_mm(head, points: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Height of the upper lip's rim over the lower's, corner to corner."""
    upper, lower = head.mesh.skin.lip_rims
    return 1e3 * (points[upper] - points[lower])[:, 1]


def lid_gap_mm(head, points: np.ndarray, side: int) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Height of the upper lid's rim over the lower's, from corner to corner (0 left, 1 right eye)."""
    rim = head.mesh.skin.lid_rims[side]
    half = len(rim) // 2
    return 1e3 * (points[rim[1:half]] - points[rim[:half:-1]])[:, 1]


def test_closed_lips_meet_exactly(head) -> None:  # type: ignore[no-untyped-def]
    assert np.abs(lip_gap_mm(head, pose(head))).max() < 1e-4


def test_no_identity_parts_or_crosses_the_lips(head) -> None:  # type: ignore[no-untyped-def]
    identity = torch.randn(8, len(head.identity_names), generator=torch.Generator().manual_seed(0))
    for points in head.vertices(identity).numpy():
        assert np.abs(lip_gap_mm(head, points)).max() < 1e-3


@pytest.mark.parametrize("name", [n for n in ARKIT_NAMES if n != "mouthClose"])
def test_no_shape_pushes_one_lip_through_the_other(head, name: str) -> None:  # type: ignore[no-untyped-def]
    """Half a millimetre is what soft lips give way. mouthClose is defined only together with jawOpen."""
    gap = lip_gap_mm(head, pose(head, **{name: 1.0}))
    assert gap.min() > -0.5
    if name.startswith("mouth") and not name.startswith(OPENING):
        assert gap.max() < 0.5


def test_the_jaw_opens_the_mouth_monotonically(head) -> None:  # type: ignore[no-untyped-def]
    gaps = [lip_gap_mm(head, pose(head, jawOpen=w)).max() for w in np.linspace(0, 1, 6)]
    assert (np.diff(gaps) > 2.0).all()
    assert 20 < gaps[-1] < 40, "a wide open mouth, Farkas: about 30 to 45 mm at the lips' most"


def test_mouth_close_shuts_the_lips_over_an_open_jaw(head) -> None:  # type: ignore[no-untyped-def]
    for opening in (0.3, 1.0):
        assert np.abs(lip_gap_mm(head, pose(head, jawOpen=opening, mouthClose=opening))).max() < 0.05
    chin = head.regions["lower_teeth"]
    assert pose(head, jawOpen=1.0, mouthClose=1.0)[chin, 1].mean() < pose(head)[chin, 1].mean() - 0.015


def test_pucker_narrows_and_stretch_and_smile_widen(head) -> None:  # type: ignore[no-untyped-def]
    def width_mm(points: np.ndarray) -> float:
        return 1e3 * float(np.ptp(points[head.mesh.skin.lip_rims[0], 0]))

    rest = width_mm(pose(head))
    assert width_mm(pose(head, mouthPucker=1.0)) < rest - 8
    assert width_mm(pose(head, mouthStretch=1.0)) > rest + 5
    assert width_mm(pose(head, mouthSmile=1.0)) > rest + 8
    corner = head.mesh.skin.lip_rims[0][-1]
    assert pose(head, mouthSmile=1.0)[corner, 1] > pose(head)[corner, 1] + 0.004
    assert pose(head, mouthFrown=1.0)[corner, 1] < pose(head)[corner, 1] - 0.002


def test_funnel_rounds_and_protrudes_the_lips(head) -> None:  # type: ignore[no-untyped-def]
    points, rest = pose(head, mouthFunnel=1.0), pose(head)
    upper, lower = (rim[len(rim) // 2] for rim in head.mesh.skin.lip_rims)
    assert lip_gap_mm(head, points).max() > 4
    assert min(points[upper, 2] - rest[upper, 2], points[lower, 2] - rest[lower, 2]) > 0.003


@pytest.mark.parametrize("side", [0, 1])
def test_a_blink_closes_the_eye(head, side: int) -> None:  # type: ignore[no-untyped-def]
    gaps = [lid_gap_mm(head, pose(head, eyeBlink=w), side).max() for w in (0, 0.25, 0.5, 0.75, 1)]
    assert gaps[0] > 7
    assert (np.diff(gaps) < 0).all()
    assert gaps[-1] < 0.3


@pytest.mark.parametrize("name", ["eyeBlink", "eyeSquint", "eyeWide", "eyeLookDown", "eyeLookUp"])
@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_lids_stay_outside_the_eyeball(head, name: str, weight: float) -> None:  # type: ignore[no-untyped-def]
    points = pose(head, **{name: weight})
    offset = head.mesh.skin.lid_offset
    lids = np.flatnonzero(np.isfinite(offset) & (head.mesh.skin.positions[:, 0] > 0))
    clear = np.linalg.norm(points[lids] - features.EYE_CENTRE, axis=1) - features.EYE_RADIUS_M
    # The cornea stands out by half a millimetre.
    assert clear.min() > 0.0005


def test_gaze_moves_the_iris_where_the_name_says(head) -> None:  # type: ignore[no-untyped-def]
    iris = head.regions["left_eyeball"][0]
    rest = pose(head)[iris]
    for name, axis, sign in (("Up", 1, 1), ("Down", 1, -1), ("In", 0, -1), ("Out", 0, 1)):
        moved = pose(head, **{f"eyeLook{name}Left": 1.0})[iris] - rest
        assert sign * moved[axis] > 0.004
    assert np.array_equal(
        pose(head, eyeLookInLeft=1.0)[head.regions["right_eyeball"]], pose(head)[head.regions["right_eyeball"]]
    )


def test_speech_leaves_the_forehead_alone(head) -> None:  # type: ignore[no-untyped-def]
    high = head.regions["face"][head.template[head.regions["face"], 1].numpy() > 0.06]
    for name in ("jawOpen", "mouthFunnel", "mouthPucker", "mouthClose", "mouthLowerDown", "mouthStretch"):
        assert np.abs(pose(head, **{name: 1.0})[high] - pose(head)[high]).max() < 2e-4, name


def test_the_tongue_comes_out_over_the_lower_teeth(head) -> None:  # type: ignore[no-untyped-def]
    points = pose(head, tongueOut=1.0, jawOpen=0.6)
    lip = head.mesh.skin.lip_rims[1][len(head.mesh.skin.lip_rims[1]) // 2]
    assert points[head.regions["tongue"], 2].max() > points[lip, 2]
