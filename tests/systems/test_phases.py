"""How training is described: schedules against closed forms, which parameters at which rate, when a role acts, and
what a draw depends on."""

import numpy as np
import pytest

from talkie.systems import Draw, Optimiser, Phase, Sampling, Schedule
from tone_clips import tone_clip


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule(), {0: 1.0, 99: 1.0}),
        (Schedule("linear", final=0.0), {0: 1.0, 25: 0.75, 100: 0.0}),
        (Schedule("exponential", final=0.01), {0: 1.0, 50: 0.1, 100: 0.01}),
        (Schedule("steps", final=0.5, milestones=(0.5, 0.75)), {49: 1.0, 50: 0.5, 80: 0.25}),
        (Schedule("cosine", warm_up=10), {0: 0.1, 4: 0.5, 9: 1.0, 10: 1.0, 55: 0.55, 100: 0.1}),
    ],
)
def test_a_schedule_follows_its_closed_form(schedule, expected):
    for step, factor in expected.items():
        assert schedule.factor(step, 100) == pytest.approx(factor)


def test_the_longest_prefix_decides_the_rate_of_a_parameter():
    spec = Optimiser(1e-3, rates={"audio.": 0.5, "audio.attention.": 5.0})
    assert [spec.multiplier(n) for n in ("audio.attention.q", "audio.conv", "face.mlp")] == [5.0, 0.5, 1.0]


def test_a_role_acts_every_so_often_from_its_beginning_on():
    spec = Optimiser(1e-3, every=3, begin=4)
    assert [step for step in range(12) if spec.acts(step)] == [4, 7, 10]


def test_a_phase_without_optimisers_is_fitted():
    assert Phase("codebook").fitted
    assert not Phase("all", 9, {"model": Optimiser(1e-3)}).fitted


def test_only_whole_clips_without_company_are_kept_from_epoch_to_epoch():
    assert Sampling().whole
    assert not Sampling(frames=16).whole
    assert not Sampling(references=1).whole


def test_the_chance_of_a_whole_clip_depends_on_the_clip_alone():
    clip, other = (tone_clip(n, frames=5).decode(("flac",)) for n in (1, 2))
    numbers = [Draw.whole(c).rng.integers(2**60) for c in (clip, clip, other)]
    assert numbers[0] == numbers[1] != numbers[2]
    assert Draw.whole(clip).window == range(5)
    assert isinstance(Draw.whole(clip).rng, np.random.Generator)
