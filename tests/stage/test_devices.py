"""Cameras tell nothing about who stands before them, and clips say how they were presented in the words of the sets."""

from collections import Counter

import numpy as np
import pytest

from talkie.errors import BadConfig
from talkie.stage.devices import DEVICES, device, seen_by
from talkie.stage.film import presentation_labels
from talkie.stage.shoot import load_shoot
from talkie.stage.spoof import DISPLAYS, PRINTERS, _bent, present

GREY = np.full((6, 48, 48, 3), 128, np.uint8)


@pytest.mark.parametrize("name", DEVICES)
def test_a_camera_adds_its_noise_and_its_white_to_whatever_it_sees(name):
    seen = seen_by(name, GREY, np.random.default_rng(0)).astype(float)
    again = seen_by(name, GREY, np.random.default_rng(0))
    np.testing.assert_array_equal(seen, again)
    made = device(name)
    light = (128 / 255) ** 2.2
    # To first order: the noise of linear light through the slope of the gamma curve at that light, and the contrast.
    slope = 255 * made.contrast / 2.2 * light ** (1 / 2.2 - 1)
    wanted = slope * np.sqrt(made.shot**2 * light + made.read**2)
    assert seen[..., 1].std() == pytest.approx(wanted, rel=0.1)
    means = seen.mean((0, 1, 2))
    assert np.argsort(means).tolist() == np.argsort(made.white).tolist() or len(set(made.white)) == 1


def test_cameras_have_instruments_of_their_own_that_do_what_they_are_asked():
    for name in DEVICES:
        assert device(name).instrument("print") in PRINTERS
        assert device(name).instrument("replay") in DISPLAYS
    frames = np.full((2, 32, 32, 3), 99, np.uint8)
    one, other = (present("print", frames, np.random.default_rng(0), name).frames for name in PRINTERS)
    assert np.abs(one.astype(int) - other).mean() > 1
    with pytest.raises(BadConfig, match="makes no print"):
        present("print", frames, np.random.default_rng(0), "display_1")


def test_bent_paper_stays_put_at_its_upright_edges_and_grows_between_them():
    v, u = np.meshgrid(np.linspace(0.01, 0.99, 9), np.array([1e-9, 0.5, 1 - 1e-9]))
    uv = np.stack([u, v], -1)
    bent = _bent(uv, 0.05)
    np.testing.assert_allclose(bent[[0, 2]], uv[[0, 2]], atol=1e-6)
    # The middle lies nearer by a twentieth: as much less of the sheet is seen there.
    np.testing.assert_allclose(bent[1, :, 1] - 0.5, 0.95 * (uv[1, :, 1] - 0.5), atol=1e-9)


def test_every_camera_films_every_presentation_as_often_and_nobody_twice_in_the_same_way():
    shoot = load_shoot("spoof")
    dealt = [presentation_labels(shoot, number) for number in range(shoot.clips)]
    people = [number % shoot.cast.people for number in range(shoot.clips)]
    kinds = {(who, d["device"], d.get("attack", "")) for who, d in zip(people, dealt, strict=True)}
    assert len(kinds) == shoot.clips
    counts = Counter((camera, attack) for _, camera, attack in kinds)
    assert len(counts) == 3 * 3
    assert max(counts.values()) - min(counts.values()) <= 3  # a round of takes may break off
    assert {(d["spoof"], "attack" in d, "instrument" in d) for d in dealt} == {
        ("genuine", False, False),
        ("attack", True, True),
    }
    assert presentation_labels(load_shoot("speech"), 0) == {}
