"""A killed run goes on with another number of workers, loaders and ZeRO stage as if nothing had been: the same clips in
the same order, and the same weights to 1e-6. All pairings are in tests/bench/bench_resume.py."""

import pytest
from toy_system import toy_config
from worlds import furthest, killed, left, whole

from tone_clips import tone_dataset

# Dropout draws for each worker by itself: without it the sum over two workers is the sum over one.
SETTINGS = {
    "overrides": {"steps": 30, "plan": ["warm", "duel"], "dropout": 0.0},
    "checkpoint_every": 3,
    "batch_size": 4,
}


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    return tone_dataset(tmp_path_factory.mktemp("data") / "tones", train=9, test=2, frames=20)


@pytest.fixture(scope="module")
def straight(tones, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "straight"
    whole(toy_config(**SETTINGS), tones, out)
    return left(out)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"workers": 1, "zero_stage": 0}, {"workers": 2, "zero_stage": 0, "load": {"loaders": 2}}),
        ({"workers": 2, "zero_stage": 2, "load": {"loaders": 2}}, {"workers": 1, "zero_stage": 2}),
        ({"workers": 1, "zero_stage": 1}, {"workers": 2, "zero_stage": 3}),
    ],
)
def test_a_killed_run_goes_on_in_another_world(tones, straight, tmp_path, before, after):
    out = tmp_path / "run"
    killed(toy_config(**SETTINGS, **before), tones, out, after=6)
    whole(toy_config(**SETTINGS, **after), tones, out, number=1)
    samples, weights = left(out)
    assert samples == straight[0]
    assert furthest(weights, straight[1]) <= 1e-6
