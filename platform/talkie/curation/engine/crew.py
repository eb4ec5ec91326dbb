"""The actors of a run: how many, where, what each holds and does. Which unit goes to whom is decided elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from talkie.cluster import Cluster
from talkie.curation.engine.actor import EngineActor, Seat
from talkie.curation.engine.memory import end_tree, held
from talkie.curation.engine.unit import CPU, Factory, Resource, Unit
from talkie.errors import RunFailed, TalkieError

START_TIMEOUT_S = 300.0
"""An actor that has not begun by then never will."""

_FALSE_STARTS = 3
_COUNT_EVERY_S = 2.0


@dataclass(eq=False)
class Hand:
    """One actor. `call`: what it was asked and has not answered yet; none while idle. Bytes that it holds: `rss` last
    seen, `idle_rss` when it had nothing to do last, `settled` after its first unit, when all that it loads once is
    loaded (before that, when it began)."""

    kind: str
    actor: Any
    call: Any
    began: float
    seat: Seat | None = None
    process: psutil.Process | None = None
    rss: int = 0
    idle_rss: int = 0
    settled: int = 0
    is_warm: bool = False
    units: list[Unit] = field(default_factory=list)
    deadline: float = 0.0

    @property
    def node(self) -> str | None:
        return self.seat.node if self.seat else None

    @property
    def is_idle(self) -> bool:
        return self.call is None

    @property
    def claim(self) -> int:
        """Bytes that it holds, or will when its units are at their height."""
        return max(self.rss, self.idle_rss + sum(unit.bytes for unit in self.units))

    @property
    def excess(self) -> int:
        """Bytes over what was to be expected of it."""
        return self.rss - self.idle_rss - sum(unit.bytes for unit in self.units)


class Crew:
    """Hires, watches and ends actors on one cluster. `usual`: bytes that an actor without work has turned out to hold;
    `changes` counts comings and goings."""

    def __init__(self, cluster: Cluster, factory: Factory, kinds: Mapping[str, Resource], wanted: int | None) -> None:
        import ray

        self._cluster, self._factory, self._kinds, self._wanted = cluster, factory, kinds, wanted
        # Ray's stubs do not know the methods that it adds.
        self._actor: Any = ray.remote(max_restarts=0, max_task_retries=0)(EngineActor)
        self.hands: list[Hand] = []
        self.usual = 0
        self.changes = 0
        self._false_starts = 0
        self._counted = 0.0
        self._resources: dict[str, float] = {}
        if wanted is not None and not cluster.started:
            _ask_autoscaler(kinds, wanted)

    def room(self, kind: str) -> int:
        """Actors of this class that the cluster as it is now can hold, or those that are wanted if fewer."""
        import ray

        now = time.monotonic()
        if now - self._counted > _COUNT_EVERY_S or not self._resources:
            self._counted, self._resources = now, ray.cluster_resources()
        need = self._kinds[kind]
        # The CPU class leaves what one actor of each other class reserves: those could never begin else.
        kept = sum(other.cpus for name, other in self._kinds.items() if name != CPU) if kind == CPU else 0.0
        holds = [(self._resources.get("CPU", 0.0) - kept) / need.cpus] if need.cpus else []
        holds += [self._resources.get("GPU", 0.0) / need.gpus] if need.gpus else []
        most = max(1, int(min(holds, default=1.0)))
        return most if self._wanted is None else min(most, self._wanted)

    def of(self, kind: str) -> list[Hand]:
        return [hand for hand in self.hands if hand.kind == kind]

    def hire(self, kind: str, memory_bytes: int) -> None:
        need = self._kinds[kind]
        # Ray's records of each call would grow with the run.
        options = self._actor.options(num_cpus=need.cpus, num_gpus=need.gpus, enable_task_events=False)
        actor = options.remote(self._factory, memory_bytes)
        self.hands.append(Hand(kind, actor, actor.ready.remote(), time.monotonic()))

    def seat(self, hand: Hand, answer: Seat | TalkieError) -> None:
        """An actor has begun. Raises what its worker could not be made for."""
        if isinstance(answer, TalkieError):
            raise answer
        hand.seat, hand.call = answer, None
        hand.rss = hand.idle_rss = hand.settled = answer.rss
        self._false_starts = 0
        self.changes += 1
        self.usual = max(self.usual, answer.rss)
        if answer.node == self._cluster.node:
            with contextlib.suppress(psutil.Error):
                hand.process = psutil.Process(answer.pid)

    def false_start(self, hand: Hand, error: Exception) -> None:
        """An actor ended before it began; RunFailed when that happens again and again."""
        self.end(hand)
        self._false_starts += 1
        if self._false_starts >= _FALSE_STARTS:
            cause = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise RunFailed(f"workers cannot start: {cause}") from error

    def give(self, hand: Hand, units: Sequence[Unit], timeout_s: float) -> None:
        hand.units, hand.began = list(units), time.monotonic()
        hand.deadline = hand.began + timeout_s
        hand.call = hand.actor.work.remote(list(units))

    def rest(self, hand: Hand) -> None:
        """Its units are answered."""
        hand.units, hand.call = [], None
        self.weigh(hand)
        hand.idle_rss = hand.rss
        if not hand.is_warm:
            hand.is_warm, hand.settled = True, hand.rss
            self.usual = max(self.usual, hand.rss)

    def weigh(self, hand: Hand) -> None:
        if hand.process is not None:
            hand.rss = held(hand.process)

    def end(self, hand: Hand) -> None:
        """SIGKILL, to it and what it has started; there is nothing that it would have to put in order."""
        import ray

        if hand not in self.hands:
            return
        self.hands.remove(hand)
        self.changes += 1
        if hand.process is not None:
            end_tree(hand.process)
        if self._cluster.is_alive():
            ray.kill(hand.actor)

    def close(self) -> None:
        for hand in list(self.hands):
            self.end(hand)
        if self._wanted is not None and not self._cluster.started and self._cluster.is_alive():
            _ask_autoscaler(self._kinds, 0)

    def is_stuck(self) -> bool:
        """Whether no actor has begun for so long that none will."""
        now = time.monotonic()
        return bool(self.hands) and all(h.seat is None and now - h.began > START_TIMEOUT_S for h in self.hands)

    def has_lost(self, hand: Hand) -> bool:
        """Whether the machine under an actor is gone: then its units are not to blame."""
        import ray

        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        return hand.node is not None and hand.node not in alive


def _ask_autoscaler(kinds: Mapping[str, Resource], wanted: int) -> None:
    """Tell a cluster that grows on demand how many CPUs and GPUs would be used; 0 takes it back."""
    from ray.autoscaler.sdk import request_resources

    bundles = [{"CPU": r.cpus, **({"GPU": r.gpus} if r.gpus else {})} for r in kinds.values() for _ in range(wanted)]
    request_resources(bundles=bundles)
