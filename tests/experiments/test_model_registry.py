"""Models by name, alias, version and folder, without any training."""

import pytest
import torch

from talkie.errors import CorruptModel, UnknownModel
from talkie.experiments import list_models, load_model, resolve_model, set_alias
from talkie.experiments.tracking import client, end_run, flatten, log_metrics, register_model, start_run
from talkie.shards import open_dataset
from talkie.systems import load_system, make_config, save_system
from tone_clips import tone_dataset


@pytest.fixture(scope="module")
def home(tmp_path_factory, new_home):
    """Two versions of a model in a fresh home."""
    root = tmp_path_factory.mktemp("home")
    dataset = open_dataset(tone_dataset(root / "tones", train=4, test=2))
    cls = load_system("unitalker")
    home = new_home(root / "a home")
    for seed in (0, 1):
        torch.manual_seed(seed)
        system = cls(make_config(cls, "tiny", {"channels": 16, "audio_channels": 16}))
        system.prepare(dataset.clips(cls.card.needs, "train"))
        digest = save_system(system, root / f"model{seed}")
        run_id = start_run(home, "speech_to_motion", f"run {seed}", {"seed": seed}, {})
        register_model(home, run_id, root / f"model{seed}", "unitalker", digest)
        end_run(home, run_id)
    return home


def test_a_bare_name_is_the_newest_version(home):
    handle = resolve_model("unitalker", home)
    assert str(handle) == "unitalker/2"
    assert handle.digest == resolve_model("unitalker@latest", home).digest
    assert handle.card.slug == "unitalker"


def test_a_version_and_an_alias_find_theirs(home):
    set_alias("unitalker/1", "champion", home)
    assert resolve_model("unitalker@champion", home).version == 1
    assert resolve_model("unitalker/1", home).digest != resolve_model("unitalker/2", home).digest


def test_a_folder_is_a_model_too(home):
    registered = resolve_model("unitalker/1", home)
    handle = resolve_model(str(registered.path), home)
    assert handle.version is None
    assert handle.digest == registered.digest


def test_a_registered_model_loads(home):
    assert load_model("unitalker", home).card.slug == "unitalker"
    assert [str(m) for m in list_models(home)] == ["unitalker/2"]


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        ("unitolker", "did you mean 'unitalker'"),
        ("unitalker/9", "its versions are 1, 2"),
        ("unitalker@nobody", "no alias 'nobody'"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(home, ref, says):
    with pytest.raises(UnknownModel, match=says):
        resolve_model(ref, home)


def test_an_empty_home_says_how_to_get_a_model(tmp_path):
    with pytest.raises(UnknownModel, match="talkie train"):
        resolve_model("unitalker", tmp_path)
    assert not (tmp_path / "mlflow.db").exists()
    assert list_models(tmp_path) == []


def test_the_same_model_is_registered_once_per_run(home):
    handle = resolve_model("unitalker/2", home)
    again = register_model(home, handle.run_id, handle.path, "unitalker", handle.digest)
    assert again == 2


def test_metrics_may_carry_any_name(home):
    handle = resolve_model("unitalker/1", home)
    log_metrics(home, handle.run_id, {"test/mean motion/lve": 1.5, "odd:name": 2.0})
    logged = client(home).get_run(handle.run_id).data.metrics
    assert logged == {"test/mean motion/lve": 1.5, "odd_name": 2.0}


def test_nested_settings_become_dotted_names():
    assert flatten({"a": {"b": 1, "c": {}}, "d": None}) == {"a.b": "1", "a.c": "{}", "d": "None"}


def test_an_artifact_that_changed_is_refused(home):
    path = resolve_model("unitalker/2", home).path / "weights.safetensors"
    original = path.read_bytes()
    path.write_bytes(original[:-1] + b"x")
    try:
        with pytest.raises(CorruptModel):
            resolve_model("unitalker/2", home)
    finally:
        path.write_bytes(original)
