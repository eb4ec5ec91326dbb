"""What every registered system keeps, at its micro size, and a fake one that has everything a system may have. A system
inherits this file by being registered; what is checked is in conformance_checks.py, its own claims in its own tests."""

from __future__ import annotations

import os

import conformance_checks as checks
import pytest
import torch
import torch.distributed as dist
from fake_system import SLUG, Twofold, install

from conformance_clips import conformance_clips
from talkie.shards.person import of_person
from talkie.systems import load_system, system_names
from talkie.training.deepspeed_setup import choose_accelerator


@pytest.fixture(scope="module", autouse=True)
def _fake_installed():
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        yield


@pytest.fixture(scope="module")
def world():
    """A process group of this process alone. It stays: DeepSpeed holds on to the groups that it has seen first."""
    choose_accelerator()
    os.environ["LOCAL_RANK"] = "0"
    if not dist.is_initialized():
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return conformance_clips(tmp_path_factory.mktemp("conformance") / "shards")


@pytest.fixture(scope="module", params=(*system_names(), SLUG))
def cls(request):
    return load_system(request.param)


@pytest.fixture(scope="module")
def data(cls, shards):
    return of_person(shards, "ann") if cls.card.scope == "person" else shards


def test_the_card_is_complete(cls, data):
    checks.check_card(cls, data)


def test_the_labels_that_its_card_names_are_those_it_cannot_do_without(cls, data):
    checks.check_labels(cls, data)


def test_every_claim_can_fail(cls, data):
    checks.check_claims(cls, data)


def test_every_loss_is_finite_and_moves_what_its_role_trains(cls, data):
    checks.check_losses(cls, data)


def test_it_learns_two_clips_by_heart(cls, data):
    checks.check_overfits(cls, data)


def test_an_example_is_a_function_of_its_draw(cls, data):
    checks.check_draws(cls, data)


def test_its_cost_can_be_estimated(cls, data, world, monkeypatch):
    checks.check_estimate(cls, data, monkeypatch)


def test_stored_and_loaded_it_answers_the_same(cls, data, tmp_path):
    checks.check_stored(cls, data, tmp_path)


def test_killed_in_every_phase_it_ends_with_the_same_bits(cls, data, world, tmp_path, monkeypatch):
    checks.check_resumes(cls, data, tmp_path, monkeypatch)


def test_it_streams_where_its_card_says_so(cls, data):
    checks.check_streams(cls, data)


class Detached(Twofold):
    def losses(self, batch, phase, role):
        return {name: loss.detach().requires_grad_() for name, loss in super().losses(batch, phase, role).items()}


class Forgetful(Twofold):
    """Keeps in Python what a checkpoint does not hold."""

    def __init__(self, config):
        super().__init__(config)
        self.seen = 0

    def losses(self, batch, phase, role):
        self.seen += 1
        return {name: loss * (1 + self.seen) for name, loss in super().losses(batch, phase, role).items()}


class Hasty(Twofold):
    """Answers each piece by itself and drops what does not fill a frame."""

    @torch.no_grad()
    def stream(self, session):
        for piece in session.heard():
            yield self._answer(piece, max(1, len(piece) // 640))


class Erratic(Twofold):
    def example(self, clip, draw):
        return {**super().example(clip, draw), "x": torch.rand(12, 1)}


@pytest.mark.parametrize(
    ("broken", "check", "says"),
    [
        (Detached, lambda cls, data, folder, patch: checks.check_losses(cls, data), "no gradient reaches"),
        (Erratic, lambda cls, data, folder, patch: checks.check_draws(cls, data), "take chance from draw.rng"),
        (Hasty, lambda cls, data, folder, patch: checks.check_streams(cls, data), "stream: "),
        (Forgetful, checks.check_resumes, "state outside parameters"),
    ],
    ids=["detached", "erratic", "hasty", "forgetful"],
)
def test_a_broken_line_of_the_contract_is_named(broken, check, says, shards, world, tmp_path, monkeypatch):
    install(monkeypatch, broken)
    with pytest.raises(AssertionError, match=says):
        check(broken, shards, tmp_path, monkeypatch)
