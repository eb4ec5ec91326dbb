"""What a probe is: a small network with its own inputs, its way of learning them and its own held-out score. The probes
are in the files beside this one; where trained ones are kept is the business of `cache`."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from talkie.errors import BadInput
from talkie.evaluation.networks.identity import NetworkIdentity
from talkie.evaluation.probes.views import View
from talkie.systems import Measurement

Role = Literal["evaluation", "loss"]
"""What a probe is for. A network that a system was trained against must not judge it: the two roles differ in seed and,
where a probe says so, in architecture and input."""
ROLES: tuple[Role, ...] = ("evaluation", "loss")
STAND_IN = "stage"
WEIGHT_DECAY, CLIP_NORM = 1e-2, 1.0
_BATCH = 128


class Probe(ABC):
    """kind: the published network whose place it takes. version: raised with every change of network, inputs or
    training, because stored weights are found by it. fields: clip members it needs to learn. rate: greatest learning
    rate; steps: how many updates it takes."""

    name: ClassVar[str]
    kind: ClassVar[str]
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("mp4", "landmarks.npy")
    steps: ClassVar[int] = 800
    rate: ClassVar[float] = 2e-3

    def __init__(self, role: Role = "evaluation", seed: int = 0) -> None:
        if role not in ROLES:
            raise BadInput(f"no role {role!r}", where=self.name, cure=f"there are {', '.join(ROLES)}")
        self.role, self.seed = role, seed
        self.held_out: tuple[Measurement, ...] = ()
        with repeatable(self._draw):
            # Of a class of each probe's own.
            self.network: Any = self.build().eval()

    @property
    def _draw(self) -> int:
        """The seed of weights and order of data: another for each probe, version, role and seed."""
        words = f"{self.name}/{self.version}/{self.role}/{self.seed}"
        return int.from_bytes(hashlib.sha256(words.encode()).digest()[:6], "big")

    @abstractmethod
    def build(self) -> nn.Module:
        """The untrained network; everything learned is in its state, constants of the data among it as buffers."""

    @abstractmethod
    def learn(self, views: Sequence[View], steps: int) -> None:
        """Trains the network on views of the train split, by `descend`. Raises BadInput for views without what it
        needs."""

    @abstractmethod
    def score(self, views: Sequence[View]) -> tuple[Measurement, ...]:
        """Its own score on people that it has not seen, the most telling figure first."""

    def train(self, train: Sequence[View], held_out: Sequence[View], steps: int | None = None) -> None:
        """Learns and is scored: the same views and seed give the same weights and figures, whatever torch's threads."""
        with repeatable(self._draw):
            # Anew: damaged weights may have been brought in.
            self.network = self.build()
            self.learn(train, self.steps if steps is None else steps)
            self.network.eval()
            self.held_out = self.score(held_out)

    @property
    def identity(self) -> NetworkIdentity:
        title = f"{self.name} probe {self.version}, {self.role}, seed {self.seed}"
        return NetworkIdentity(self.kind, title, self.digest, STAND_IN)

    @property
    def digest(self) -> str:
        """SHA-256 over names, shapes and values of the weights."""
        found = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            found.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
            found.update(tensor.detach().contiguous().numpy().tobytes())
        return found.hexdigest()

    def descend(self, parts: Sequence[nn.Module], loss_of: Callable[[np.random.Generator], Tensor], steps: int) -> None:
        """AdamW on the parts' weights for so many steps, the rate rising over the first tenth and falling as a cosine.
        loss_of draws a batch from the generator. Raises BadInput where the loss is no number."""
        draw = np.random.default_rng(self._draw)
        weights = [p for part in parts for p in part.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(weights, lr=self.rate, weight_decay=WEIGHT_DECAY)
        rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, self.rate, total_steps=max(2, steps), pct_start=0.1)
        for part in parts:
            part.train()
        for step in range(steps):
            loss = loss_of(draw)
            if not torch.isfinite(loss):
                raise BadInput(f"its loss is no number at step {step}", where=self.name, cure="look at the clips")
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(weights, CLIP_NORM)
            optimiser.step()
            rates.step()
        for part in parts:
            part.eval()

    def figure(
        self, name: str, value: float, items: int, item: str, views: Sequence[View], unit: str = "1"
    ) -> Measurement:
        """A held-out score of this probe, named after it."""
        people = {view.known.identity for view in views}
        said = {
            "probe": f"{self.name} {self.version}, {self.role}, seed {self.seed}",
            "held out": f"{len(people)} people in {len(views)} clips that training has not seen",
        }
        return Measurement(
            name=f"{self.name}_probe_{name}", value=float(value), unit=unit, items=items, item=item, protocol=said
        )


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """One thread and a seed of torch's own draws inside: sums over several threads come out otherwise."""
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(state)


@torch.inference_mode()
def in_batches(network: Callable[[Tensor], Tensor], items: Tensor) -> Tensor:
    """Answers to many items, a few in work at a time."""
    return torch.cat([network(items[i : i + _BATCH]) for i in range(0, len(items), _BATCH)])


def pixels(crops: np.ndarray, draw: np.random.Generator | None = None) -> Tensor:
    """Face crops (N, S, S, 3) uint8 -> (N, 3, S, S) float32 about 0. With `draw`, each is moved by up to 3 px, and its
    light and contrast are changed by up to a fifth: what differs between shoots and trackers must not tell anything."""
    found = torch.from_numpy(np.ascontiguousarray(crops.transpose(0, 3, 1, 2))).float() / 127.5 - 1
    return found if draw is None else _shaken(found, draw)


def grey(crops: np.ndarray, draw: np.random.Generator | None = None) -> Tensor:
    """Mouth crops (N, T, S, S) uint8 -> float32 with each item's mean taken away, over its deviation; with `draw` moved
    and lit as `pixels`, alike in all of an item's frames."""
    found = torch.from_numpy(np.ascontiguousarray(crops)).float()
    mean, deviation = found.mean((1, 2, 3), keepdim=True), found.std((1, 2, 3), keepdim=True)
    found = (found - mean) / deviation.clamp(min=1.0)
    return found if draw is None else _shaken(found, draw, 2)


def _shaken(found: Tensor, draw: np.random.Generator, most: int = 3) -> Tensor:
    count, size = len(found), found.shape[-1]
    padded = torch.nn.functional.pad(found, (most,) * 4, mode="replicate")
    corners = draw.integers(0, 2 * most + 1, (count, 2))
    moved = torch.stack([padded[i, :, y : y + size, x : x + size] for i, (y, x) in enumerate(corners)])
    gain = torch.from_numpy(draw.uniform(0.8, 1.25, (count, 1, 1, 1)).astype(np.float32))
    bias = torch.from_numpy(draw.uniform(-0.2, 0.2, (count, 1, 1, 1)).astype(np.float32))
    return moved * gain + bias


def stacked(views: Sequence[View], name: Literal["faces", "mouths"]) -> np.ndarray:
    """All frames of the views, one after the other. Raises BadInput for no views."""
    if not views:
        raise BadInput("no clips", where="a probe", cure="give shards with clips in the train split and held-out ones")
    return np.concatenate([getattr(view, name) for view in views])


def convolutions(inputs: int, widths: Sequence[int]) -> nn.Sequential:
    """3 x 3 convolutions of stride 2, each with a normalisation over groups of 8 channels and a ReLU."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Conv2d(inputs, width, 3, stride=2, padding=1), nn.GroupNorm(width // 8, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers)
