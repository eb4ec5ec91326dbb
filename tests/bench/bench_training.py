"""Step time of the engine against a hand-written torch loop for the same model and batches, at each ZeRO stage with one
worker, and with two gloo workers against DistributedDataParallel; beside accelerate and Lightning, where a folder that
`pip install --target FOLDER --no-deps accelerate lightning` has filled is named.

    python tests/bench/bench_training.py --peers FOLDER

Prints JSON; exits with 1 where a target is missed. Times are process CPU seconds: medians of the ratios of interleaved
rounds. A peer is measured in a process of its own, round by round beside the same hand-written loop and our engine.

The engine takes torch's fused Adam, and the others what their documentation shows, `torch.optim.Adam(parameters)`. So
that this gain does not hide what the engine costs, every loop is also measured with the fused one: "fused" in its name.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.distributed as dist
import torch.multiprocessing as processes
from torch import nn

WIDTH, LAYERS, LENGTH, BATCH = 192, 3, 64, 8
TARGET, TARGET_TWO = 1.05, 1.10


def network() -> nn.Module:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.0, batch_first=True)
    return nn.Sequential(nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False), nn.Linear(WIDTH, 3))


def batches(count: int, rank: int = 0, world: int = 1) -> list[dict[str, Any]]:
    draw = torch.Generator().manual_seed(1)
    each = BATCH // world
    made = []
    for _ in range(count):
        x, y = torch.randn(BATCH, LENGTH, WIDTH, generator=draw), torch.randn(BATCH, LENGTH, 3, generator=draw)
        part = slice(rank * each, (rank + 1) * each)
        made.append({"ids": [str(i) for i in range(each)], "x": x[part], "y": y[part]})
    return made


class ByHand:
    """The loop that somebody would write without any of this."""

    def __init__(self, world: int, fused: bool | None = None):
        self.net: nn.Module = network().train()
        if world > 1:
            self.net = nn.parallel.DistributedDataParallel(self.net)
        self.adam = torch.optim.Adam(self.net.parameters(), lr=1e-3, fused=fused)

    def step(self, number: int, batch: dict[str, Any]) -> float:
        self.adam.zero_grad()
        loss = (self.net(batch["x"]) - batch["y"]).square().mean()
        loss.backward()
        self.adam.step()
        return float(loss.detach())


class Ours:
    """The same model, batches and optimiser as a system in the engine."""

    def __init__(self, world: int, stage: int, steps: int):
        from talkie.systems import Card, Optimiser, Phase, System, SystemConfig
        from talkie.training import TrainConfig
        from talkie.training.engine import PhaseEngine

        class Plain(System):
            card: ClassVar[Card] = Card(slug="plain", title="", paper="", task="", licence="", needs=())
            Config: ClassVar = SystemConfig
            presets: ClassVar = {}
            constants: ClassVar = {}

            def __init__(self) -> None:
                super().__init__(SystemConfig())
                self.net = network()

            def prepare(self, clips): ...
            def restore(self, constants): ...
            def generate(self, request): ...
            def phases(self):
                return ()

            def losses(self, batch, phase, role):
                return {"mse": (self.net(batch["x"]) - batch["y"]).square().mean()}

        config = TrainConfig(system="plain", batch_size=BATCH, workers=world, threads=1, zero_stage=stage)
        phase = Phase("all", steps, {"model": Optimiser(1e-3)})
        self.engine = PhaseEngine(Plain(), phase, config, BATCH // world)

    def step(self, number: int, batch: dict[str, Any]) -> float:
        from talkie.training.randomness import reseed

        reseed(0, number, 0)
        return self.engine.step(number, [batch]).losses["mse"]


def timed(loop: Any, made: list[dict[str, Any]], first: int) -> list[float]:
    found = []
    for number, batch in enumerate(made, first):
        began = time.process_time()
        loop.step(number, batch)
        found.append(time.process_time() - began)
    return found


def compare(rank: int, world: int, store: str, stages: list[int], rounds: int, each: int, out: str) -> None:
    """Rounds of every loop in turn, so that a busy machine slows all of them alike; rank 0 leaves the ratios."""
    from talkie.training.deepspeed_setup import choose_accelerator

    os.environ["LOCAL_RANK"] = str(rank)
    torch.set_num_threads(1)
    choose_accelerator()
    dist.init_process_group("gloo", store=dist.FileStore(store, world), rank=rank, world_size=world)
    loops: dict[str, Any] = {"by hand": ByHand(world), "by hand, fused": ByHand(world, fused=True)}
    loops |= {f"zero {stage}": Ours(world, stage, (rounds + 1) * each) for stage in stages}
    found = interleaved(loops, batches(each, rank, world), rounds)
    if rank == 0:
        Path(out).write_text(json.dumps(found))
    dist.destroy_process_group()


PEERS = {
    "accelerate": """
from accelerate import Accelerator
acc = Accelerator(cpu=True)
def made(fused):
    net = network().train()
    net, adam = acc.prepare(net, torch.optim.Adam(net.parameters(), lr=1e-3, fused=fused))
    def step(batch):
        adam.zero_grad()
        loss = (net(batch["x"]) - batch["y"]).square().mean()
        acc.backward(loss)
        adam.step()
        return float(loss.detach())
    return step
""",
    "lightning": """
import lightning as L
fabric = L.Fabric(accelerator="cpu", devices=1)
def made(fused):
    net = network().train()
    net, adam = fabric.setup(net, torch.optim.Adam(net.parameters(), lr=1e-3, fused=fused))
    def step(batch):
        adam.zero_grad()
        loss = (net(batch["x"]) - batch["y"]).square().mean()
        fabric.backward(loss)
        adam.step()
        return float(loss.detach())
    return step
""",
}
PEER_LOOP = """
import json, os, sys
import torch
sys.path.insert(0, {here!r})
from bench_training import ByHand, Ours, batches, interleaved, network, one_process
torch.set_num_threads(1)
{code}

class Peer:
    def __init__(self, fused=None):
        self._step = made(fused)

    def step(self, number, batch):
        return self._step(batch)

# The peer is made first, so that it finds no process group and trains as it does alone.
peers = {{"peer": Peer(), "peer, fused": Peer(True)}}
one_process()
loops = {{"by hand": ByHand(1), "by hand, fused": ByHand(1, True), "ours": Ours(1, 0, 10**6), **peers}}
print(json.dumps(interleaved(loops, batches({each}), {rounds})))
"""


def peer(folder: Path, name: str, rounds: int, each: int) -> dict[str, float]:
    """Steps of our engine and of a peer, over those of the hand-written loop between them."""
    here = Path(__file__).resolve().parent
    code = PEER_LOOP.format(here=str(here), code=PEERS[name], each=each, rounds=rounds)
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(folder)]))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path, "DS_ACCELERATOR": "cpu"},
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


def one_process() -> None:
    os.environ["LOCAL_RANK"] = "0"
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)


def interleaved(loops: dict[str, Any], made: list[dict[str, Any]], rounds: int) -> dict[str, float]:
    """By loop, the median over the rounds of its step over the hand-written one's in that round; of the latter, CPU
    seconds. The first round warms up; the order turns, so that nobody always follows the same neighbour."""
    names = list(loops)
    times: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            taken = statistics.median(timed(loops[name], made, number * len(made)))
            if number:
                times[name].append(taken)
    hand = times["by hand"]
    ratios = {name: [t / h for t, h in zip(values, hand, strict=True)] for name, values in times.items()}
    found = {name: statistics.median(values) for name, values in ratios.items()}
    return found | {"by hand": statistics.median(hand)}


def measure(world: int, stages: list[int], rounds: int, each: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="talkie-bench-") as folder:
        out = f"{folder}/times.json"
        arguments = (world, f"{folder}/store", stages, rounds, each, out)
        processes.start_processes(compare, args=arguments, nprocs=world, start_method="spawn")
        return json.loads(Path(out).read_text())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, help="folder that holds accelerate and lightning")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--stages", type=int, nargs="*", default=[0, 1, 2, 3])
    parser.add_argument("--worlds", type=int, nargs="*", default=[1, 2])
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    passed: dict[str, bool] = {}
    for world in options.worlds:
        ratios = measure(world, options.stages, options.rounds, options.steps)
        hand = ratios.pop("by hand")
        figures[f"{world} workers"] = {"step by hand (CPU ms)": hand * 1000, "ratios": ratios}
        if "zero 0" in ratios:
            target = TARGET if world == 1 else TARGET_TWO
            passed[f"{world} workers, zero 0"] = ratios["zero 0"] <= target
            passed[f"{world} workers, zero 0, of the fused loop"] = (
                ratios["zero 0"] <= target * ratios["by hand, fused"]
            )
    for name in PEERS if options.peers else ():
        figures[name] = beside = peer(options.peers, name, options.rounds, options.steps)
        passed[f"not above {name}"] = beside["ours"] <= beside["peer"]
        passed[f"{name} with the fused optimiser"] = beside["ours"] <= TARGET * beside["peer, fused"]
    targets = {"one worker": TARGET, "two workers": TARGET_TWO, "over a peer": 1.0, "over a fused peer": TARGET}
    print(json.dumps({"figures": figures, "targets": targets, "pass": passed}, indent=1))
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
