"""One phase on DeepSpeed in this process, world of one: against plain torch, with two roles, and its loss guard."""

from typing import ClassVar

import pytest
import torch
import torch.distributed as dist
from torch import nn

from talkie.errors import BadConfig, NonFiniteLoss
from talkie.systems import Card, Optimiser, Phase, Schedule, System, SystemConfig
from talkie.training import TrainConfig
from talkie.training.engine import PhaseEngine, choose_accelerator

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
def _world_of_one(tmp_path_factory):
    choose_accelerator()
    patch = pytest.MonkeyPatch()
    patch.setenv("LOCAL_RANK", "0")
    store = dist.FileStore(str(tmp_path_factory.mktemp("gloo") / "store"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()
    patch.undo()


@pytest.fixture
def batch():
    return {"ids": ["a", "b", "c", "d"], "x": torch.randn(4, 3, generator=torch.Generator().manual_seed(1))}


def duel():
    torch.manual_seed(0)
    return Duel()


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_single_role_trains_exactly_as_plain_torch_with_adam(batch, stage):
    ours, plain = duel(), duel()
    spec = Optimiser(1e-2, schedule=Schedule("cosine"))
    config = CONFIG.model_copy(update={"zero_stage": stage})
    engine = PhaseEngine(ours, Phase("all", 20, {"maker": spec}), 5, config)
    adam = torch.optim.Adam(plain.parameters(), lr=1e-2)
    for step in range(5, 25):
        engine.step(step, batch)
        adam.param_groups[0]["lr"] = spec.rate(step - 5, 20)
        adam.zero_grad()
        plain.losses(batch, "all", "maker")["maker"].backward()
        adam.step()
    engine.close()
    for name, value in plain.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name


def test_each_role_moves_its_own_parameters_only(batch):
    system = duel()
    roles = {"maker": Optimiser(1e-2, trains=("maker.",)), "judge": Optimiser(1e-2, trains=("judge.",))}
    engine = PhaseEngine(system, Phase("both", 1, roles), 0, CONFIG)
    plain = duel()
    for role, player in (("maker", plain.maker), ("judge", plain.judge)):
        adam = torch.optim.Adam(player.parameters(), lr=1e-2)
        plain.zero_grad()
        plain.losses(batch, "both", role)[role].backward()
        adam.step()
    assert set(engine.step(0, batch)) == {"maker", "judge"}
    engine.close()
    for name, value in plain.state_dict().items():
        assert torch.equal(system.state_dict()[name], value), name


def test_what_no_optimiser_selects_stays_as_it_is(batch):
    system = duel()
    before = system.judge.weight.detach().clone()
    engine = PhaseEngine(system, Phase("warm", 1, {"maker": Optimiser(1e-2, trains=("maker.",))}), 0, CONFIG)
    engine.step(0, batch)
    engine.close()
    assert torch.equal(system.judge.weight, before)


def test_a_loss_that_is_not_a_number_names_the_clips_and_leaves_the_weights(batch):
    system = duel()
    engine = PhaseEngine(system, Phase("all", 1, {"maker": Optimiser(1e-2)}), 0, CONFIG)
    before = {k: v.clone() for k, v in system.state_dict().items()}
    batch["x"][0, 0] = torch.nan
    with pytest.raises(NonFiniteLoss, match="maker is nan at step 0 on the clips a, b, c, d"):
        engine.step(0, batch)
    engine.close()
    assert all(torch.equal(before[k], v) for k, v in system.state_dict().items())


def test_optimisers_go_on_from_their_saved_state(batch, tmp_path):
    phase = Phase("all", 9, {"maker": Optimiser(1e-2)})
    straight = PhaseEngine(duel(), phase, 0, CONFIG)
    for step in range(4):
        straight.step(step, batch)
        if step == 1:
            straight.save_optimisers(tmp_path, rank=0)
            weights = straight.weights()
    system = duel()
    system.load_state_dict(weights)
    again = PhaseEngine(system, phase, 0, CONFIG)
    again.load_optimisers(tmp_path)
    for step in (2, 3):
        again.step(step, batch)
    for name, value in straight.weights().items():
        assert torch.equal(again.weights()[name], value), name


@pytest.mark.parametrize(
    ("optimisers", "stage", "says"),
    [
        ({"maker": Optimiser(1.0), "judge": Optimiser(1.0)}, 1, "several optimisers"),
        ({"maker": Optimiser(1.0, trains=("painter.",))}, 0, "trains no parameter"),
    ],
)
def test_a_phase_that_cannot_be_trained_is_refused(optimisers, stage, says):
    with pytest.raises(BadConfig, match=says):
        PhaseEngine(duel(), Phase("p", 1, optimisers), 0, CONFIG.model_copy(update={"zero_stage": stage}))
