"""One phase on DeepSpeed in this process, world of one: against plain torch, with two roles, and its loss guard."""

from typing import ClassVar

import pytest
import torch
from torch import nn
from toy_system import gloo_of_one

from talkie.errors import BadConfig
from talkie.systems import Card, Optimiser, Phase, Schedule, System, SystemConfig
from talkie.training import TrainConfig
from talkie.training.engine import PhaseEngine

FUSED = None if torch.cuda.is_available() else True
CONFIG = TrainConfig(system="duel", batch_size=4, threads=1)


class Duel(System):
    """Two players with a parameter each: the maker's loss also depends on the judge's parameter, and the reverse."""

    card: ClassVar[Card] = Card(slug="duel", title="", paper="", task="", licence="", needs=())
    Config: ClassVar = SystemConfig
    presets: ClassVar = {}
    constants: ClassVar = {}

    def __init__(self):
        super().__init__(SystemConfig())
        self.maker, self.judge = nn.Linear(3, 1), nn.Linear(3, 1)

    def prepare(self, clips): ...
    def restore(self, constants): ...
    def example(self, clip, draw): ...
    def collate(self, examples): ...
    def generate(self, request): ...
    def phases(self):
        return ()

    def losses(self, batch, phase, role):
        made, judged = self.maker(batch["x"]), self.judge(batch["x"])
        sign = 1 if role == "maker" else -1
        return {role: sign * (made * judged).mean() + made.square().mean() + judged.square().mean()}


@pytest.fixture(scope="module", autouse=True)
def _world():
    with gloo_of_one():
        yield


@pytest.fixture
def batch():
    return {"ids": ["a", "b", "c", "d"], "x": torch.randn(4, 3, generator=torch.Generator().manual_seed(1))}


def duel():
    torch.manual_seed(0)
    return Duel()


def engine_of(system, optimisers, steps=20, stage=0, **changed):
    config = CONFIG.model_copy(update={"zero_stage": stage, **changed})
    return PhaseEngine(system, Phase("p", steps, optimisers), config, 4 // config.accumulate)


def plain_steps(system, optimisers, batch, count, steps=20, fused=FUSED):
    """The same training by hand: torch's optimisers, one after the other."""
    torch_s = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    made = {}
    for role, spec in optimisers.items():
        groups = [
            {"params": [p], "factor": spec.multiplier(n)} for n, p in system.named_parameters() if spec.selects(n)
        ]
        adam = {"betas": spec.betas, "eps": spec.eps, "fused": fused}
        options = {"momentum": spec.betas[0]} if spec.algorithm == "sgd" else adam
        made[role] = torch_s[spec.algorithm](groups, lr=spec.lr, weight_decay=spec.weight_decay, **options)
    for step in range(count):
        for role, spec in optimisers.items():
            if not spec.acts(step):
                continue
            for group in made[role].param_groups:
                group["lr"] = spec.rate(step, steps) * group["factor"]
            system.zero_grad()
            system.losses(batch, "p", role)[role].backward()
            parameters = [p for group in made[role].param_groups for p in group["params"]]
            if spec.clip_norm:
                torch.nn.utils.clip_grad_norm_(parameters, spec.clip_norm)
            made[role].step()
    return system.state_dict()


SPECS = {
    "adam": Optimiser(1e-2, schedule=Schedule("cosine", warm_up=3)),
    "adamw": Optimiser(1e-2, algorithm="adamw", weight_decay=0.1, betas=(0.8, 0.9), eps=1e-6),
    "sgd": Optimiser(1e-1, algorithm="sgd", schedule=Schedule("steps", final=0.5, milestones=(0.2, 0.5))),
    "groups": Optimiser(1e-2, rates={"maker.": 3.0, "maker.bias": 0.5}, weight_decay=0.01),
    "seldom": Optimiser(1e-2, every=3, begin=2, schedule=Schedule("linear")),
}


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_fused_kernel_rounds_otherwise_and_that_is_all(batch, name):
    ours, plain = (plain_steps(duel(), {"maker": SPECS[name]}, batch, 12, fused=fused) for fused in (True, None))
    for key, value in plain.items():
        # Twelve updates of 1e-2, each rounded to 2^-24 of the weight.
        assert torch.allclose(ours[key], value, rtol=0, atol=1e-6), key


@pytest.mark.parametrize("name", SPECS)
def test_a_single_role_trains_exactly_as_plain_torch(batch, name):
    system = duel()
    engine = engine_of(system, {"maker": SPECS[name]})
    for step in range(12):
        engine.step(step, [batch])
    engine.close()
    for key, value in plain_steps(duel(), {"maker": SPECS[name]}, batch, 12).items():
        assert torch.equal(system.state_dict()[key], value), key


BOTH = {
    "maker": Optimiser(1e-2, trains=("maker.",), clip_norm=0.1, rates={"maker.bias": 2.0}),
    "judge": Optimiser(1e-2, trains=("judge.",), every=2),
}


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_several_roles_train_as_plain_torch_at_every_zero_stage(batch, stage):
    engine = engine_of(duel(), BOTH, stage=stage)
    for step in range(6):
        engine.step(step, [batch])
    ours = engine.weights()
    engine.close()
    for key, value in plain_steps(duel(), BOTH, batch, 6).items():
        # ZeRO sums its norm over one flat vector, torch over tensors: the last bit may differ.
        assert torch.allclose(ours[key], value, atol=1e-6 if stage else 0, rtol=0), key


@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 3), (1, 2), (2, 0), (3, 1)])
def test_weights_and_optimisers_go_on_at_another_zero_stage(batch, before, after):
    straight = engine_of(duel(), BOTH)
    half = engine_of(duel(), BOTH, stage=before)
    for step in range(3):
        straight.step(step, [batch])
        half.step(step, [batch])
    weights, states = half.weights(), half.optimiser_tensors()
    half.close()
    system = duel()
    system.load_state_dict(weights)
    again = engine_of(system, BOTH, stage=after)
    again.load_optimisers(states)
    for step in range(3, 6):
        straight.step(step, [batch])
        again.step(step, [batch])
    ours, theirs = again.weights(), straight.weights()
    again.close()
    exact = before == after == 0
    assert all(torch.allclose(ours[key], theirs[key], atol=0 if exact else 1e-6, rtol=0) for key in theirs)


def test_what_no_optimiser_selects_stays_as_it_is(batch):
    system = duel()
    before = system.judge.weight.detach().clone()
    engine = engine_of(system, {"maker": Optimiser(1e-2, trains=("maker.",))})
    engine.step(0, [batch])
    engine.close()
    assert torch.equal(system.judge.weight, before)


@pytest.mark.parametrize("stage", [0, 1])
def test_a_loss_that_is_not_a_number_names_the_clips_and_leaves_the_weights(batch, stage):
    engine = engine_of(duel(), {"maker": Optimiser(1e-2)}, stage=stage)
    before = engine.weights()
    report = engine.step(0, [batch | {"x": batch["x"] * torch.nan}])
    assert report.skipped == "loss maker is nan"
    assert report.ids == ("a", "b", "c", "d")
    assert all(torch.equal(before[k], v) for k, v in engine.weights().items())
    engine.step(1, [batch])
    after = engine.weights()
    engine.close()
    assert all(torch.isfinite(v).all() and not torch.equal(before[k], v) for k, v in after.items())


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_a_refused_part_leaves_nothing_of_the_part_before_it(batch, stage):
    good = {"ids": ["a", "b"], "x": batch["x"][:2]}
    bad = {"ids": ["c", "d"], "x": batch["x"][2:] * torch.nan}
    spec = {"maker": Optimiser(1e-2)}
    clean, stained = (engine_of(duel(), spec, stage=stage, accumulate=2) for _ in range(2))
    report = stained.step(0, [good, bad])
    assert report.skipped == "loss maker is nan"
    assert report.ids == ("c", "d")
    for step in range(1, 4):
        assert not stained.step(step, [good, good]).skipped
        clean.step(step, [good, good])
    ours, theirs = stained.weights(), clean.weights()
    clean.close()
    stained.close()
    assert all(torch.equal(ours[key], value) for key, value in theirs.items())


def test_a_spike_is_left_out(batch):
    engine = engine_of(duel(), {"maker": Optimiser(1e-3)}, steps=40, spike_factor=5.0)
    for step in range(20):
        assert not engine.step(step, [batch]).skipped
    report = engine.step(20, [batch | {"x": batch["x"] * 100}])
    engine.close()
    assert "over 5 times its median" in report.skipped


def test_a_gradient_that_is_not_finite_is_left_out(batch):
    class Cusp(Duel):
        def losses(self, batch, phase, role):
            # The root's slope at 0 is infinite, its value is not.
            return {role: (self.maker(batch["x"]) * 0).square().sum().sqrt()}

    system = Cusp()
    engine = engine_of(system, {"maker": Optimiser(1e-2, trains=("maker.",))})
    assert engine.step(0, [batch]).skipped.startswith("the gradient of maker")
    engine.close()
    assert all(torch.isfinite(p).all() for p in system.parameters())


def test_bf16_losses_keep_fp32_weights(batch):
    system = duel()
    seen = []
    system.maker.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    engine = engine_of(system, {"maker": Optimiser(1e-2)}, precision="bf16")
    engine.step(0, [batch])
    engine.close()
    assert seen == [torch.bfloat16]
    assert {p.dtype for p in system.parameters()} == {torch.float32}


def test_the_mean_of_the_weights_is_restored_exactly(batch):
    phase = Phase("p", 9, {"maker": Optimiser(1e-2)}, ema=0.9)
    engine = PhaseEngine(duel(), phase, CONFIG, 4)
    for step in range(3):
        engine.step(step, [batch])
    weights, means = engine.weights(), engine.weights(mean=True)
    system = duel()
    system.load_state_dict(weights)
    again = PhaseEngine(system, phase, CONFIG, 4)
    again.load_means(means)
    assert all(torch.equal(again.weights(mean=True)[k], v) for k, v in means.items())
    assert all(torch.equal(again.weights()[k], v) for k, v in weights.items())
    assert not torch.equal(means["maker.weight"], weights["maker.weight"])


class Mover(Duel):
    """Row 0 of the judge's weight follows its bias, and its moments are forgotten."""

    def after_step(self, phase, step, moments):
        self.judge.weight[0, 0] = float(step)
        moments.zero_rows("judge.weight", torch.tensor([0]))


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_what_a_system_does_after_a_step_reaches_weights_and_moments(batch, stage):
    engine = engine_of(Mover(), {"judge": Optimiser(1e-2, trains=("judge.",))}, stage=stage)
    for step in range(3):
        engine.step(step, [batch])
    weights, states = engine.weights(), engine.optimiser_tensors()["judge"]
    engine.close()
    assert weights["judge.weight"][0, 0] == 2.0
    assert not states["judge.weight/exp_avg"].any()
    assert states["judge.bias/exp_avg"].any()


@pytest.mark.parametrize(
    ("optimisers", "stage", "says"),
    [
        ({"maker": Optimiser(1.0), "judge": Optimiser(1.0)}, 1, "trained by 'maker' and by 'judge'"),
        ({"maker": Optimiser(1.0, trains=("painter.",))}, 0, "trains no parameter"),
        ({"maker": Optimiser(1.0, rates={"painter.": 2.0})}, 0, "no trained parameter begins with 'painter.'"),
        (
            {"maker": Optimiser(1.0, trains=("maker.weight",)), "judge": Optimiser(1.0, trains=("judge.",))},
            3,
            "use zero_stage 0, 1 or 2",
        ),
    ],
)
def test_a_phase_that_cannot_be_trained_is_refused(optimisers, stage, says):
    with pytest.raises(BadConfig, match=says):
        engine_of(duel(), optimisers, stage=stage)
