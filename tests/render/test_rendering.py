"""Pictures of the head: deterministic, complete, seen by the camera they were asked for."""

import dataclasses

import numpy as np
import pytest
import torch

from talkie.heads import ARKIT_NAMES, builtin_head, frontal_camera
from talkie.heads.builtin.assembly import PARTS
from talkie.render import HeadRenderer, Look, look_from_seed, render_head

SIZE = 96


@pytest.fixture(scope="module")
def camera() -> tuple[np.ndarray, ...]:
    return tuple(a.numpy() for a in frontal_camera(SIZE, 1.0, 2.6 * SIZE))


@pytest.fixture(scope="module")
def neutral() -> np.ndarray:
    return builtin_head().vertices()[0].numpy()


@pytest.fixture(scope="module")
def renderer() -> HeadRenderer:
    return HeadRenderer(builtin_head(), look_from_seed(3))


def test_a_look_is_a_pure_function_of_its_seed() -> None:
    assert look_from_seed(5) == look_from_seed(5)
    assert len({look_from_seed(k).skin for k in range(20)}) == 20
    with pytest.raises(dataclasses.FrozenInstanceError):
        look_from_seed(5).seed = 6  # type: ignore[misc]


def test_colours_are_reflectances() -> None:
    for look in (look_from_seed(k) for k in range(50)):
        for field in dataclasses.fields(Look):
            if field.name in ("skin", "lips", "iris", "hair", "cloth"):
                assert all(0 <= c <= 1 for c in getattr(look, field.name))


def test_the_same_call_gives_the_same_bytes(renderer, neutral, camera) -> None:  # type: ignore[no-untyped-def]
    first = renderer.render(neutral, *camera, size=SIZE)
    assert first.shape == (SIZE, SIZE, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, renderer.render(neutral, *camera, size=SIZE))
    assert np.array_equal(first, render_head(builtin_head(), neutral, look_from_seed(3), *camera, size=SIZE))


def test_depth_is_the_distance_to_the_camera(renderer, neutral, camera) -> None:  # type: ignore[no-untyped-def]
    frame = renderer.frame(neutral, *camera, size=SIZE)
    nose = 1.0 - neutral[builtin_head().regions["face"], 2].max()
    assert frame.depth.min() == pytest.approx(nose, abs=1e-3)
    assert np.isinf(frame.depth[frame.part < 0]).all()
    assert np.isfinite(frame.depth[frame.part >= 0]).all()


def test_closed_lips_hide_the_mouth_and_an_open_jaw_shows_it(renderer, camera) -> None:  # type: ignore[no-untyped-def]
    inside = [PARTS.index(n) for n in ("mouth_bag", "upper_teeth", "lower_teeth", "tongue")]
    weights = torch.zeros(3, 52)
    weights[1, ARKIT_NAMES.index("jawOpen")] = 0.4
    weights[2, ARKIT_NAMES.index("jawOpen")] = 0.8
    shown = [
        np.isin(renderer.frame(v, *camera, size=SIZE).part, inside).sum()
        for v in builtin_head().vertices(expression=weights).numpy()
    ]
    assert shown[0] <= 3
    assert shown[0] + 20 < shown[1] < shown[2]


def test_a_blink_hides_the_eyeballs(renderer, camera) -> None:  # type: ignore[no-untyped-def]
    weights = torch.zeros(2, 52)
    weights[1, [ARKIT_NAMES.index("eyeBlinkLeft"), ARKIT_NAMES.index("eyeBlinkRight")]] = 1.0
    balls = [PARTS.index("left_eyeball"), PARTS.index("right_eyeball")]
    open_, shut = (
        np.isin(renderer.frame(v, *camera, size=SIZE).part, balls).sum()
        for v in builtin_head().vertices(expression=weights).numpy()
    )
    assert open_ > 15
    assert shut <= 1


def test_light_from_the_left_lights_the_left_cheek(neutral, camera) -> None:  # type: ignore[no-untyped-def]
    look = dataclasses.replace(look_from_seed(3), key=(0.8, 0.2, 0.56))
    picture = HeadRenderer(builtin_head(), look).render(neutral, *camera, size=SIZE).astype(int)
    row = int(SIZE / 2 + 0.02 * 2.6 * SIZE)
    assert picture[row, SIZE // 2 + 10].sum() > picture[row, SIZE // 2 - 10].sum() + 30


def test_the_head_has_no_holes(renderer, neutral, camera) -> None:  # type: ignore[no-untyped-def]
    part = renderer.frame(neutral, *camera, size=SIZE).part
    for row in part:
        seen = np.flatnonzero(row >= 0)
        if len(seen):
            between = row[seen[0] : seen[-1] + 1]
            # Between ear and neck or cheek the background may show, nowhere in the middle.
            middle = between[len(between) // 4 : -(len(between) // 4) or None]
            assert (middle >= 0).all()
