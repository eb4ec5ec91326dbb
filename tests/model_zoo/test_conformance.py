"""What every registered system keeps, at its micro size: card, phases, gradients, learning, storage, answers.

A system inherits this file by being registered; its own claims and its resuming are measured elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talkie.errors import NotStreaming
from talkie.shards import RawClip, commit, encode_field, open_dataset
from talkie.shards.person import of_person
from talkie.systems import TASKS, load_system, load_weights, make_config, save_system, system_names
from talkie.training.loading import Corpus, LoadConfig, Loader
from tone_clips import tone_clip
from tone_pictures import filmed

PEOPLE = {"train": ("ann", "bea"), "test": ("dan",)}
OVERFIT_STEPS = 60
FALLS_TO = 0.7
"""Of the first loss: two clips by heart, in a minute's training, at a size made for nothing but this test."""


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Six talking heads with pictures, speech, motion and a label; two of them by one person, later in time."""
    clips = []
    for number, (split, who) in enumerate((s, p) for s, people in PEOPLE.items() for p in people for _ in range(2)):
        raw = tone_clip(number, who, split, frames=30)
        seen = filmed(raw.decode(("flac", "head.npz")), size=64, look=len(who))
        record = seen.record.model_copy(update={"labels": {"emotion": ("happy", "sad")[number % 2]}})
        members = {
            **raw.members,
            "mp4": seen.fields["mp4"],
            "head.npz": encode_field("head.npz", seen.fields["head.npz"]),
        }
        clips.append(RawClip(record, {**members, "txt": f"la {number}".encode()}))
    folder = tmp_path_factory.mktemp("conformance") / "shards"
    commit(folder, clips, settings={})
    return open_dataset(folder)


@pytest.fixture(scope="module", params=system_names())
def cls(request):
    return load_system(request.param)


@pytest.fixture(scope="module")
def data(cls, shards):
    return of_person(shards, "ann") if cls.card.scope == "person" else shards


def prepared(cls, data):
    torch.manual_seed(0)
    system = cls(make_config(cls, "micro", {}))
    system.prepare(data.clips(fields(cls), "train"))
    return system


def fields(cls):
    return tuple(f for f in cls.card.needs if f != "json")


def loader(system, data, phase, size=2):
    return Loader([Corpus(data)], system, phase, LoadConfig(), seed=0, batch_size=phase.batch_size or size)


def trained(cls, data):
    """The system after its fitted phases, with the phases that train by steps."""
    system = prepared(cls, data)
    for phase in system.phases():
        system.enter(phase.name)
        if phase.fitted:
            system.fit(phase.name, data.clips(fields(cls), phase.sampling.split))
    return system, [phase for phase in system.phases() if not phase.fitted]


def test_the_card_is_complete(cls):
    card = cls.card
    for name in ("slug", "title", "paper", "licence", "summary"):
        assert getattr(card, name).strip(), f"{card.slug}: the card has no {name}"
    assert card.task in TASKS
    assert cls.__module__.split(".")[-2] == card.task, "a system lies in its task's folder"
    assert {"micro", "tiny", "paper"} <= set(cls.presets)
    assert card.needs
    assert cls.bar.metric in ("", *TASKS[card.task].metrics)


def test_every_loss_is_finite_and_moves_what_its_role_trains(cls, data):
    system, phases = trained(cls, data)
    for phase in phases:
        system.enter(phase.name)
        with loader(system.eval(), data, phase) as source:
            batch = {**source.batch(0), "step": 0, "steps": phase.steps}
        system.train()
        for role, optimiser in phase.optimisers.items():
            chosen = {n: p for n, p in system.named_parameters() if optimiser.selects(n)}
            assert chosen, f"{phase.name}/{role} trains nothing"
            for name, parameter in system.named_parameters():
                parameter.requires_grad_(name in chosen)
            system.zero_grad()
            losses = system(batch, phase.name, role)
            assert losses
            for name, loss in losses.items():
                assert loss.shape == (), f"{phase.name}/{role}/{name} is no scalar"
                assert torch.isfinite(loss), f"{phase.name}/{role}/{name} is {loss}"
            torch.stack(list(losses.values())).sum().backward()
            assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in chosen.values()), f"{phase.name}/{role}"


def test_it_learns_two_clips_by_heart(cls, data):
    system, phases = trained(cls, data)
    if not phases:
        pytest.skip("this method is not trained by steps")
    phase = phases[-1]
    role, spec = next(iter(phase.optimisers.items()))
    system.enter(phase.name)
    with loader(system.eval(), data, phase) as source:
        batch = source.batch(0)
    chosen = [p for n, p in system.named_parameters() if spec.selects(n)]
    optimiser = torch.optim.Adam(chosen, lr=max(spec.lr, 3e-3), betas=spec.betas)
    totals = []
    for step in range(OVERFIT_STEPS):
        torch.manual_seed(step)
        losses = system.train()({**batch, "step": step, "steps": OVERFIT_STEPS}, phase.name, role)
        total = torch.stack(list(losses.values())).sum()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(float(total.detach()))
    assert np.mean(totals[-5:]) < FALLS_TO * np.mean(totals[:3]), totals


def test_an_example_is_a_function_of_its_draw(cls, data):
    system, phases = trained(cls, data)
    for phase in phases:
        with loader(system.eval(), data, phase) as one, loader(system, data, phase) as two:
            first, second = one.batch(3), two.batch(3)
        assert first.keys() == second.keys()
        for name, value in first.items():
            assert torch.equal(value, second[name]) if isinstance(value, torch.Tensor) else value == second[name]


def test_stored_and_loaded_it_answers_the_same(cls, data, tmp_path):
    system, _ = trained(cls, data)
    task = TASKS[cls.card.task]
    save_system(system, tmp_path / "model")
    loaded = load_weights(tmp_path / "model")
    for name, tensor in system.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    assert loaded.constants == system.constants
    (clip, *_) = data.clips(tuple({*fields(cls), *task.needs}), "test")
    answers = [made.eval().generate(task.request_of(clip)) for made in (system, loaded)]
    assert isinstance(answers[0], task.result)
    for field in vars(answers[0]):
        values = [getattr(answer, field) for answer in answers]
        if isinstance(values[0], np.ndarray):
            np.testing.assert_array_equal(*values)
            assert np.isfinite(values[0]).all()


def test_it_streams_where_its_card_says_so(cls, data):
    system, _ = trained(cls, data)
    if cls.card.streams:
        pytest.skip("its own tests feed it sound piece by piece")
    with pytest.raises(NotStreaming):
        next(iter(system.stream(None)))
