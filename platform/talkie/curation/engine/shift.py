"""The engine's loop on one cluster: units to idle actors, answers into events, faults to `Faults`."""

from __future__ import annotations

import time
from collections.abc import Mapping

from talkie.cluster import Cluster
from talkie.curation.engine.actor import Answer
from talkie.curation.engine.crew import Crew, Hand
from talkie.curation.engine.events import EngineStatus, Finished, Started
from talkie.curation.engine.faults import Faults
from talkie.curation.engine.room import Room, mib
from talkie.curation.engine.state import State
from talkie.curation.engine.unit import Brief, Factory, Resource, Unit
from talkie.errors import BadConfig, DiskFull, OutOfMemory, RunFailed, TimedOut

_WATCH_S = 0.2
_STATUS_S = 0.5


class Shift:
    """One stretch of a run on one cluster. `kinds`: the classes of actors that this cluster has."""

    def __init__(self, state: State, cluster: Cluster, factory: Factory, kinds: Mapping[str, Resource]) -> None:
        self._state, self._cluster, self._kinds = state, cluster, kinds
        self._crew = Crew(cluster, factory, kinds, state.limits.workers)
        self._room = Room(self._crew, state.memory_bytes)
        self._faults = Faults(state, cluster, self._crew)
        self._watched = self._told = 0.0

    def work(self) -> None:
        """Until nothing is left. Raises ClusterLost, DiskFull, and what makes a run as a whole impossible."""
        state = self._state
        try:
            while True:
                state.close_sources(state.backlog.fill())
                if state.backlog.empty:
                    break
                state.backlog.ripen(time.monotonic())
                for kind in self._kinds:
                    self._staff(kind)
                    while self._dispatch(kind):
                        pass
                self._gather()
                self._watch()
            self._tell_status()
        finally:
            self._crew.close()

    def _staff(self, kind: str) -> None:
        """As many actors as there is work for, as the cluster holds and as fit into the memory."""
        hands = self._crew.of(kind)
        at_hand = sum(hand.is_idle or hand.seat is None for hand in hands)
        lacking = min(self._state.backlog.ready(kind) - at_hand, self._crew.room(kind) - len(hands))
        unit = self._state.backlog.peek(kind)
        for _ in range(lacking):
            if unit is None or not self._room.another_fits(unit.bytes):
                return
            self._crew.hire(kind, self._state.memory_bytes)

    # -- units to actors

    def _dispatch(self, kind: str) -> bool:
        """Give one idle actor of this class what it may begin. False when nothing more can begin now."""
        idle = [hand for hand in self._crew.of(kind) if hand.is_idle]
        unit = self._state.backlog.peek(kind)
        if not idle or unit is None:
            return False
        # The one that has grown least is used first; the others may not be needed any more.
        hand = min(idle, key=lambda h: h.rss)
        if not self._may_begin(hand, unit):
            return False
        batch = self._batch(hand, kind)
        limit = self._state.limits.step_timeout_s
        self._crew.give(hand, batch, sum(u.timeout_s or limit for u in batch))
        for one in batch:
            self._state.tell(Started(one, self._state.trouble(one).deaths + 1))
        return True

    def _batch(self, hand: Hand, kind: str) -> list[Unit]:
        """The unit whose turn it is, and as many more of its step as are done together and fit."""
        backlog = self._state.backlog
        batch = [backlog.take(kind)]
        while len(batch) < self._kinds[kind].batch and not self._state.trouble(batch[0]).single:
            more = backlog.peek(kind)
            if more is None or more.step != batch[0].step or self._state.trouble(more).single:
                break
            if not self._room.fits(hand, sum(u.bytes for u in batch) + more.bytes):
                break
            batch.append(backlog.take(kind))
        return batch

    def _may_begin(self, hand: Hand, unit: Unit) -> bool:
        """Whether the unit may begin there now; if not, makes room for it where that is possible.

        Nothing smaller overtakes it: a large unit is not put off for ever.
        """
        near = [h for h in self._crew.hands if h.node == hand.node and h is not hand]
        busy = [h for h in near if h.units]
        trouble = self._state.trouble
        alone = trouble(unit).alone or any(trouble(u).alone for h in busy for u in h.units)
        if not (busy and alone) and self._room.fits(hand, unit.bytes):
            return True
        spare = [h for h in near if h.is_idle]
        if spare:
            self._crew.end(max(spare, key=lambda h: h.rss))
        elif self._room.has_grown(hand):
            self._recycle(hand)
        elif not busy and all(h.seat for h in near):
            self._refuse(hand, unit)
        return False

    def _recycle(self, hand: Hand) -> None:
        self._state.meter.recycled += 1
        self._crew.end(hand)

    def _refuse(self, hand: Hand, unit: Unit) -> None:
        """It would not fit even alone with a fresh worker."""
        left = self._room.left(without=hand) - hand.rss
        if left <= 0 or unit.bytes == 0:
            raise BadConfig(
                f"a memory limit of {mib(self._room.limit)} leaves nothing to work with: the program itself, Ray and "
                f"one worker hold {mib(self._room.census.total)}",
                cure="raise the limit",
            )
        self._state.backlog.take(hand.kind)
        needs = f"step {unit.step} needs {mib(unit.bytes)}, the limit leaves {mib(left)}"
        self._faults.die(unit, OutOfMemory(needs, where=unit.source, cure="raise the memory limit"), 0)

    # -- answers

    def _gather(self) -> None:
        """Wait for answers, a moment at most, and take all that have come."""
        import ray

        calls = {hand.call: hand for hand in self._crew.hands if hand.call is not None}
        if not calls:
            time.sleep(0.01)
            return
        came, rest = ray.wait(list(calls), num_returns=1, timeout=_WATCH_S)
        if came and rest:
            came += ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        for call in came:
            hand = calls[call]
            if hand not in self._crew.hands:
                continue  # ended meanwhile, with its source
            try:
                answer = ray.get(call)
            except ray.exceptions.RayError as error:
                self._faults.lost(hand, error)
                continue
            if hand.seat is None:
                self._crew.seat(hand, answer)
            else:
                self._answered(hand, answer)

    def _answered(self, hand: Hand, answers: list[Answer]) -> None:
        units, wall_s = hand.units, (time.monotonic() - hand.began) / len(hand.units)
        self._crew.rest(hand)
        for unit, answer in zip(units, answers, strict=True):
            if not self._state.backlog.is_live(unit):
                continue  # another of this batch has cost it its source
            if isinstance(answer, Brief):
                self._state.troubles.pop(unit.key, None)
                self._state.meter.finish(unit, wall_s)
                complete = self._state.backlog.done(unit, answer.units)
                self._state.tell(Finished(unit, answer.note, wall_s, hand.rss))
                self._state.close_sources(complete)
            elif isinstance(answer, DiskFull):
                raise answer
            else:
                self._faults.failed(unit, answer)
        if hand in self._crew.hands and self._room.has_outgrown(hand):
            self._recycle(hand)

    # -- watch

    def _watch(self) -> None:
        """Now and then: who hangs, who holds too much, is Ray still there, and how all stands."""
        now = time.monotonic()
        if now - self._watched < _WATCH_S:
            return
        self._watched = now
        if not self._cluster.is_alive():
            self._faults.abandon()
        if self._crew.is_stuck():
            raise RunFailed("no worker could start", cure="see that the cluster has free CPUs")
        for hand in list(self._crew.hands):
            if hand not in self._crew.hands or not hand.units or now <= hand.deadline:
                continue
            seconds = hand.deadline - hand.began
            self._faults.dropped(hand, TimedOut(f"step {hand.units[0].step} took longer than {seconds:g} s"))
        self._relieve(self._room.watch())
        if now - self._told >= _STATUS_S:
            self._tell_status()

    def _relieve(self, hand: Hand | None) -> None:
        """End the actor that is furthest over what it said it would hold."""
        if hand is None:
            return
        if hand.is_idle:
            self._recycle(hand)
            return
        held = f"step {hand.units[0].step} held {mib(hand.rss)} when the limit of {mib(self._room.limit)} was near"
        self._faults.dropped(hand, OutOfMemory(held, cure="raise the memory limit"))

    def _tell_status(self) -> None:
        state, census, now = self._state, self._room.census, time.monotonic()
        self._told = now
        hands = [hand for hand in self._crew.hands if hand.seat is not None]
        running = [(unit, now - hand.began) for hand in hands for unit in hand.units]
        steps = state.meter.steps(state.backlog.waiting, running, len(hands))
        state.tell(
            EngineStatus(
                elapsed_s=state.meter.elapsed_s,
                steps=steps,
                workers=len(hands),
                starting=len(self._crew.hands) - len(hands),
                utilisation=min(1.0, sum(step.busy for step in steps.values())),
                in_flight=sum(unit.bytes for unit, _ in running),
                rss=census.total,
                rss_peak=census.peak,
                limit=state.memory_bytes,
                sources_done=state.meter.sources_done,
                sources_dead=state.meter.sources_dead,
                recycled=state.meter.recycled,
                eta_s=state.meter.eta_s(state.total_sources),
            )
        )
