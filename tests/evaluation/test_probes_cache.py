"""Trained probes are found again by what they were made from; a damaged store is said and made anew; nobody trains
what another process is training."""

import json
import threading

import pytest
from safetensors import safe_open
from tests.evaluation.probe_views import people
from tests.tone_clips import tone_dataset

from talkie.errors import BadInput, MissingField
from talkie.evaluation.networks.marks import mark_of
from talkie.evaluation.probes import cache, load_probe
from talkie.evaluation.probes.cache import locked
from talkie.evaluation.probes.shooting import TRAINING_SHOOT, shoot_digest


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tone_dataset(tmp_path_factory.mktemp("tones") / "shards", train=2, test=1, frames=15)


@pytest.fixture
def views(monkeypatch):
    """Drawn views in the place of the shards' clips; counts how often they are looked at."""
    looked = []

    def drawn(data, fields, most, split):
        looked.append(split)
        return people("ab", 2, "train") if split == "train" else people("xy", 2, "test") if split == "test" else []

    monkeypatch.setattr(cache, "view_dataset", drawn)
    return looked


def load(data, folder, said=None, **more):
    return load_probe("identity", data, folder, steps=2, say=(said if said is not None else []).append, **more)


def stored(folder):
    (found,) = [p for p in folder.iterdir() if p.is_dir()]
    return found


def test_a_probe_is_trained_once_and_then_read(data, tmp_path, views):
    said, again = [], []
    first = load(data, tmp_path, said)
    looked = len(views)
    second = load(data, tmp_path, again)
    assert len(views) == looked
    assert not again
    assert second.digest == first.digest
    assert second.held_out == first.held_out
    assert "training the identity probe" in said[0]
    assert "identity_probe_eer" in said[-1]


def test_role_seed_and_steps_have_stores_of_their_own(data, tmp_path, views):
    load(data, tmp_path)
    load(data, tmp_path, role="loss")
    load(data, tmp_path, seed=1)
    load_probe("identity", data, tmp_path, steps=3, say=lambda line: None)
    assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == 4


@pytest.mark.parametrize("damage", ["truncated", "flipped", "no record", "no json", "other recipe"])
def test_a_damaged_store_is_said_and_made_again(data, tmp_path, views, damage):
    first = load(data, tmp_path)
    weights, record = stored(tmp_path) / "weights.safetensors", stored(tmp_path) / "probe.json"
    held = weights.read_bytes()
    if damage == "truncated":
        weights.write_bytes(held[: len(held) // 2])
    elif damage == "flipped":
        weights.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))
    elif damage == "no record":
        record.unlink()
    elif damage == "no json":
        record.write_text("{")
    else:
        record.write_text(json.dumps({**json.loads(record.read_text()), "made_of": {}}))
    said = []
    assert load(data, tmp_path, said).digest == first.digest
    assert "trained again" in said[0]
    assert weights.read_bytes() == held


def test_stored_weights_say_that_they_are_a_stand_in(data, tmp_path, views):
    load(data, tmp_path)
    weights = stored(tmp_path) / "weights.safetensors"
    assert mark_of(weights) == "stage"
    with safe_open(weights, "pt") as file:
        assert list(file.keys())


def test_a_second_process_waits_for_the_first(data, tmp_path, views):
    load(data, tmp_path)
    name, said, done = stored(tmp_path).name, [], threading.Event()

    def second():
        load(data, tmp_path, said)
        done.set()

    with locked(tmp_path / f"{name}.lock", lambda line: None):
        thread = threading.Thread(target=second)
        thread.start()
        assert not done.wait(0.3)
    thread.join(20)
    assert done.is_set()
    assert said == [f"waiting for another process that holds {name}.lock"]


def test_shards_without_held_out_people_are_refused(data, tmp_path, monkeypatch):
    monkeypatch.setattr(
        cache, "view_dataset", lambda d, f, m, split: people("a", 1, "train") if split == "train" else []
    )
    with pytest.raises(BadInput, match="val or test"):
        load(data, tmp_path)


def test_shards_without_pictures_are_refused_by_name(data, tmp_path):
    with pytest.raises(MissingField, match="mp4"):
        load(data, tmp_path)


def test_a_cache_that_is_a_file_is_refused(data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        load(data, tmp_path / "file")


def test_the_default_cache_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "talkie" / "probes"


def test_the_training_shoot_is_part_of_the_store_s_name():
    other = TRAINING_SHOOT.model_copy(update={"seed": 1})
    assert len({shoot_digest(TRAINING_SHOOT, 8), shoot_digest(other, 8), shoot_digest(TRAINING_SHOOT, 9)}) == 3
