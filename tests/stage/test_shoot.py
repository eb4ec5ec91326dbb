"""A shoot's description: presets, files, and one clear line for everything that cannot be filmed."""

import pytest

from talkie.errors import BadConfig, BadInput
from talkie.stage.emotion import EMOTIONS
from talkie.stage.shoot import Shoot, load_shoot, preset_names

WANTED = {"speech", "emotion", "multiview", "imu", "spoof", "recognition", "footage", "bench"}


def test_every_preset_of_the_issue_is_there_and_valid():
    assert set(preset_names()) >= WANTED
    for name in WANTED:
        assert load_shoot(name).name == name


def test_the_number_of_clips_is_no_setting_and_everything_else_is():
    shoot = load_shoot("speech")
    assert shoot.settings() == load_shoot("speech", clips=7).settings()
    for change in ({"seed": 1}, {"cast.people": 5}, {"rig.size": 128}):
        assert load_shoot("speech", **change).settings() != shoot.settings()


def test_a_file_may_begin_with_a_preset_and_change_single_fields(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("preset: emotion\nname: mine\nscript: {intensities: [3]}\n")
    shoot = load_shoot(path)
    assert shoot.script.intensities == (3,)
    assert shoot.script.emotions == EMOTIONS
    assert Shoot.model_validate(shoot.model_dump()) == shoot


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("sensors: [radar]", r"sensors\.0"),
        ("script: {emotions: [joyful]}", r"script\.emotions\.0"),
        ("script: {languages: [tlh]}", r"script\.languages\.0"),
        ("lens: 50", "lens: no such field"),
        ("rig: {views: 3, motion: pan}", "rig: .*calibrated"),
        ("rig: {distance_m: [0.1, 0.2]}", "rig: .*face's reach"),
        ("rig: {distance_m: [2, 1]}", r"rig\.distance_m"),
        ("rig: {size: 101}", r"rig\.size"),
        ("footage: {shots: [3, 2]}", "footage: .*shots"),
        ("footage: {}\nsensors: [depth]", "carries its own truth"),
        ("- a list", "mapping"),
        ("name: [unclosed", "no YAML"),
    ],
)
def test_what_cannot_be_filmed_is_one_line_that_names_the_field(tmp_path, text, field):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(BadConfig, match=field) as error:
        load_shoot(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_an_unknown_preset_names_those_there_are(tmp_path):
    with pytest.raises(BadInput, match="recognition"):
        load_shoot("opera")
    with pytest.raises(BadInput, match="cannot be read"):
        load_shoot(tmp_path / "gone.yaml")
