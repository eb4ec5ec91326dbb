"""Recipes load whole or are refused with one line that names the field."""

import json

import pytest

from talkie.curation.judgement.filters import FILTERS
from talkie.curation.judgement.recipes import load_recipe, parse_recipe, recipe_names
from talkie.errors import BadConfig, BadInput


def test_the_fields_recipes_are_there():
    assert recipe_names() == ("frames", "hallo", "hdtf", "latentsync", "permissive", "voxceleb")


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_loads_and_its_settings_are_plain_data(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    settings = recipe.settings()
    assert json.loads(json.dumps(settings)) == settings
    again = parse_recipe({**settings, "about": recipe.about}, "again")
    assert again.judges() == recipe.judges()


@pytest.mark.parametrize("name", recipe_names())
def test_what_its_filters_need_is_annotated(name):
    recipe = load_recipe(name)
    made = {score for annotator in recipe.annotators() for score in annotator.scores}
    others = {"in_frame", "face_found", "sync_offset_frames", "sync_confidence", "speaking", "snr_db", "clipped_share"}
    assert {need for judge in recipe.judges() for need in judge.needs} <= made | others


def test_a_file_may_begin_with_a_recipe_and_change_it(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "recipe: hallo\nname: mine\nclip: {least_s: 4}\n"
        "filters: {yaw: {most_deg: 10}, noise: null, pitch: {unknown: keep}}"
    )
    (tmp_path / "theirs.yaml").write_text("recipe: mine.yaml\nname: theirs\nfilters: {licence: {allowed: [MIT]}}")
    recipe, base = load_recipe(tmp_path / "theirs.yaml"), load_recipe("hallo")
    assert (recipe.name, recipe.clip.least_s, recipe.clip.most_s) == ("theirs", 4, base.clip.most_s)
    judges = {judge.name: judge for judge in recipe.judges()}
    assert judges["yaw"].most_deg == 10
    assert judges["pitch"].unknown == "keep"
    assert judges["licence"].allowed == ("MIT",)
    assert set(judges) == set(base.filters) - {"noise"} | {"licence"}
    assert list(judges) == [name for name in FILTERS if name in judges]


@pytest.mark.parametrize(
    ("tree", "field"),
    [
        ({"filters": {"blr": {}}}, "'blr'"),
        ({"filters": {"blur": {"lest": 3}}}, "blur.lest"),
        ({"filters": {"blur": {"least": "much"}}}, "blur.least"),
        ({"filters": {"blur": {"unknown": "maybe"}}}, "blur.unknown"),
        ({"filters": ["blur"]}, "filters"),
        ({"scores": ["beauty"]}, "'beauty'"),
        ({"clip": {"least_s": 40}}, "clip"),
        ({"crop": {"margn": 2}}, "crop.margn"),
        ({"flters": {}}, "flters"),
        ({"labels": ["gaze"]}, "'gaze'"),
    ],
)
def test_what_is_unknown_or_out_of_range_is_refused_in_one_line(tree, field):
    with pytest.raises(BadConfig) as caught:
        parse_recipe({"name": "mine", **tree}, "mine.yaml", known_labels={"matte"})
    assert field in str(caught.value)
    assert "mine.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_recipe_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no recipe 'celebs'"):
        load_recipe("celebs")
    with pytest.raises(BadInput, match="cannot be read"):
        load_recipe(tmp_path / "none.yaml")
    for text, message in (
        ("- a", "mapping"),
        ("a: [", "no YAML"),
        ("recipe: loop.yaml\nname: x", "begins with itself"),
    ):
        (tmp_path / "loop.yaml").write_text(text)
        with pytest.raises(BadConfig, match=message):
            load_recipe(tmp_path / "loop.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadConfig, match="UTF-8"):
        load_recipe(tmp_path / "bytes.yaml")
