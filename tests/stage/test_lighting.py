"""Light rigs and backgrounds of a shoot: what the labels say is what falls on the face."""

import numpy as np
import pytest
from PIL import Image

from talkie.errors import BadConfig
from talkie.heads import builtin_head
from talkie.render import SceneRenderer, background_from_look, dressed_head, light_from_look
from talkie.render.harmonics import lambert
from talkie.stage.lighting import RIGS, _soft, lit
from talkie.stage.rig import frontal
from talkie.stage.sections import LIGHT_RIGS
from talkie.stage.shoot import load_shoot, parse_shoot


def shoot(**light):
    return load_shoot("speech", light=light)


def numbers(text):
    return np.array([float(v) for v in text.split()])


def test_the_usual_light_is_the_one_that_comes_with_the_person(people):
    look = people[0].look
    scene = lit(load_shoot("speech"), 3, look)
    assert scene.light == light_from_look(look)
    assert scene.background == background_from_look(look)
    assert scene.labels["light"] == scene.labels["background"] == "look"


def test_every_rig_of_a_shoot_is_known_and_drawn_in_its_share(people):
    assert set(RIGS) == set(LIGHT_RIGS)
    drawn = [lit(shoot(rigs=list(LIGHT_RIGS)), k, people[0].look).labels["light"] for k in range(140)]
    counts = [drawn.count(rig) for rig in LIGHT_RIGS]
    # Binomial with mean 20 and deviation 4.1: four deviations either way.
    assert min(counts) >= 4
    assert max(counts) <= 37
    again = lit(shoot(rigs=list(LIGHT_RIGS)), 7, people[0].look)
    assert again.labels == lit(shoot(rigs=list(LIGHT_RIGS)), 7, people[0].look).labels


@pytest.mark.parametrize("rig", LIGHT_RIGS)
def test_labels_are_the_light(people, rig):
    for number in range(6):
        scene = lit(shoot(rigs=[rig], strength=[0.5, 1.5]), number, people[number].look)
        light, told = scene.light, scene.labels
        np.testing.assert_allclose(
            numbers(told["light_key"]), np.array(light.key) / np.linalg.norm(light.key), atol=1e-3
        )
        power = light.key_power * np.mean(light.key_colour)
        assert float(told["light_key_power"]) == pytest.approx(power, abs=1e-3)
        assert float(told["light_fill_power"]) == pytest.approx(np.mean(light.fill_colour), abs=1e-3)
        everywhere = np.random.default_rng(0).normal(size=(4000, 3))
        returned = lambert(everywhere / np.linalg.norm(everywhere, axis=1, keepdims=True), light.coefficients())
        assert float(told["light_ambient"]) == pytest.approx(returned.mean(), rel=0.03)
        assert 0.5 <= float(told["light_strength"]) <= 1.5


def test_rigs_stand_where_their_names_say(people):
    def keys(rig):
        return np.array([lit(shoot(rigs=[rig]), k, people[0].look).light.key for k in range(20)])

    assert (keys("overhead")[:, 1] > 0.9).all()
    assert (keys("low")[:, 1] < -0.45).all()
    window = keys("window")
    assert (np.abs(window[:, 0]) > 0.75).all()
    assert {np.sign(x) for x in window[:, 0]} == {-1.0, 1.0}
    studio = [lit(shoot(rigs=["studio"]), k, people[0].look).light for k in range(10)]
    # The fill lamp is the rim: behind the person, on the other side of the key.
    assert all(s.fill[2] < -0.5 and s.fill[0] * s.key[0] < 0 for s in studio)
    dim, usual = (lit(shoot(rigs=[r]), 0, people[0].look).labels for r in ("dim", "look"))
    assert float(dim["light_key_power"]) < 0.3 * float(usual["light_key_power"])


def test_a_soft_half_of_the_surroundings_lights_what_faces_it(people):
    direction = np.array([2.0, 1.0, -2.0]) / 3
    colour = np.array([0.3, 0.2, 0.1])
    normals = np.stack([direction, -direction, np.cross(direction, [0, 1, 0]) / np.linalg.norm(direction[[0, 2]])])
    expected = np.outer([1.0, 0.0, 0.5], colour)
    np.testing.assert_allclose(lambert(normals, _soft(tuple(direction), tuple(colour))), expected, atol=1e-3)


def test_the_side_of_the_window_is_the_bright_side_of_the_face(people):
    model, look = builtin_head(), people[2].look
    rest = model.template.numpy().astype(float)
    costume, camera = dressed_head(model, look), frontal((64, 64), 1.0, 160.0, 1)
    for number in range(3):
        scene = lit(shoot(rigs=["window"], backgrounds=["plain"]), number, look)
        renderer = SceneRenderer([costume], scene.light, scene.background)
        frame = renderer.frame([rest], camera.K[0], camera.R[0], camera.t[0], 64)
        skin = (frame.part == model.part_names.index("skin")) & (np.abs(frame.normal[..., 0]) > 0.3)
        brightness = frame.rgb.mean(-1)
        # Towards the person's left, +x, normals point to the right of the picture.
        left, right = (brightness[skin & (np.sign(frame.normal[..., 0]) == s)].mean() for s in (1, -1))
        assert np.sign(left - right) == np.sign(scene.light.key[0])
        assert max(left, right) > 1.3 * min(left, right)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "walls"
    folder.mkdir()
    for name, colour in (("red.png", (200, 0, 0)), ("blue.jpg", (0, 0, 200))):
        Image.new("RGB", (40, 30), colour).save(folder / name, quality=95)
    return folder


def test_pictures_of_the_users_own_stand_behind_people_as_they_are(people, pictures):
    mine = shoot(backgrounds=["image"], images=str(pictures), rigs=["dim"])
    scenes = [lit(mine, k, people[0].look) for k in range(12)]
    assert {s.labels["background_image"] for s in scenes} == {"red.png", "blue.jpg"}
    red = next(s for s in scenes if s.labels["background_image"] == "red.png")
    wall = red.background.pixels(16, 16)
    np.testing.assert_allclose(wall[8, 8], [((200 / 255 + 0.055) / 1.055) ** 2.4, 0, 0], atol=0.01)


def test_pictures_count_by_what_they_are_and_not_by_where_they_lie(pictures, tmp_path):
    before = shoot(backgrounds=["image"], images=str(pictures)).settings()
    moved = pictures.rename(tmp_path / "elsewhere")
    assert shoot(backgrounds=["image"], images=str(moved)).settings() == before
    Image.new("RGB", (40, 30), (0, 200, 0)).save(moved / "red.png")
    assert shoot(backgrounds=["image"], images=str(moved)).settings() != before


def test_plain_walls_have_one_colour_and_dark_rooms_dark_walls(people):
    look = people[0].look
    plain, graded = (lit(shoot(backgrounds=[b]), 1, look).background.pixels(8, 8) for b in ("plain", "gradient"))
    assert np.ptp(plain.reshape(-1, 3), axis=0).max() == 0
    assert np.ptp(graded[:, 0], axis=0).max() > 0.01
    assert np.ptp(graded, axis=1).max() == 0
    dim, usual = (lit(shoot(rigs=[r]), 1, look).background.pixels(8, 8).mean() for r in ("dim", "look"))
    assert dim < 0.35 * usual


@pytest.mark.parametrize(
    ("light", "names"),
    [
        ({"rigs": ["disco"]}, r"light\.rigs\.0: .*studio"),
        ({"rigs": []}, r"light\.rigs"),
        ({"backgrounds": ["beach"]}, r"light\.backgrounds\.0: .*gradient"),
        ({"strength": [2, 1]}, "light: strength from 2 to 1"),
        ({"strength": [0, 1]}, "light: strength from 0 to 1"),
        ({"backgrounds": ["image"]}, "light: .*give both or neither"),
        ({"images": "/nowhere"}, "light: .*give both or neither"),
        ({"backgrounds": ["image"], "images": "/nowhere"}, "light: images: .*is no folder"),
        ({"lamp": 1}, r"light\.lamp: no such field"),
    ],
)
def test_light_that_cannot_be_made_is_one_line_that_names_the_field(light, names):
    with pytest.raises(BadConfig, match=names) as error:
        parse_shoot({"light": light}, "mine.yaml")
    assert "\n" not in str(error.value)


def test_a_folder_without_pictures_or_with_a_broken_one_is_refused_before_any_work(tmp_path):
    with pytest.raises(BadConfig, match="holds no picture"):
        shoot(backgrounds=["image"], images=str(tmp_path))
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(BadConfig, match=r"broken.png"):
        shoot(backgrounds=["image"], images=str(tmp_path))
