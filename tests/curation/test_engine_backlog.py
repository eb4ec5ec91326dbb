"""Promises of the engine's backlog: order, dependencies, laziness, and that nothing of a finished source stays."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from talkie.curation.engine.backlog import Backlog
from talkie.curation.engine.feed import AHEAD, ThreadedFeed
from talkie.curation.engine.unit import Unit
from talkie.errors import BadInput

CPU_ONLY = {"cpu": "cpu"}


class Listed:
    """A feed that is never waited for."""

    def __init__(self, units):
        self._units, self.exhausted, self.taken = iter(units), False, 0

    def take(self):
        unit = next(self._units, None)
        self.exhausted = unit is None
        self.taken += 1
        return unit


def pieces(source, count=3):
    """Listen, pieces that wait for it, and a close that waits for them."""
    names = [f"{source}/{number}" for number in range(count)]
    yield Unit(f"{source}/listen", source, "listen")
    yield from (Unit(name, source, "piece", after=(f"{source}/listen",)) for name in names)
    yield Unit(f"{source}/close", source, "close", after=tuple(names))


def take_all(feed, taken):
    while True:
        unit = feed.take()
        taken += [unit] if unit else []
        time.sleep(0.001)


def drain(backlog):
    """Keys in the order in which a single worker would do them, and the sources as they become complete."""
    order, complete = [], list(backlog.fill())
    while (unit := backlog.peek("cpu")) is not None:
        assert backlog.take("cpu") is unit
        order.append(unit.key)
        complete += backlog.done(unit)
        complete += backlog.fill()
    return order, complete


def test_a_unit_waits_for_those_that_it_names_and_sources_begun_first_go_first():
    backlog = Backlog(Listed([*pieces("a", 2), *pieces("b", 1)]), CPU_ONLY)
    order, complete = drain(backlog)
    assert order == ["a/listen", "a/0", "a/1", "a/close", "b/listen", "b/0", "b/close"]
    assert complete == ["a", "b"]
    assert backlog.empty


def test_the_feed_is_read_only_as_far_as_the_window_and_may_be_endless():
    feed = Listed(Unit(f"{n}", f"{n}", "process") for n in itertools.count())
    backlog = Backlog(feed, CPU_ONLY, window=8)
    backlog.fill()
    assert feed.taken == 8
    backlog.done(backlog.take("cpu"))
    backlog.fill()
    assert feed.taken == 9


def test_nothing_of_finished_sources_is_held():
    backlog = Backlog(Listed(itertools.chain.from_iterable(pieces(f"s{n}") for n in range(500))), CPU_ONLY, window=8)
    most = 0
    backlog.fill()
    while (unit := backlog.peek("cpu")) is not None:
        backlog.done(backlog.take("cpu"))
        backlog.fill()
        most = max(most, len(backlog._sources))
    assert backlog.empty
    assert unit is None
    assert most <= 4


def test_work_that_only_becomes_known_keeps_its_source_open():
    backlog = Backlog(Listed([Unit("a/probe", "a", "probe"), Unit("b", "b", "probe")]), CPU_ONLY)
    backlog.fill()
    more = [Unit("a/0", "a", "piece"), Unit("a/close", "a", "close", after=("a/0",))]
    assert backlog.done(backlog.take("cpu"), more) == []
    assert backlog.peek("cpu").key == "a/0"
    assert backlog.done(backlog.take("cpu")) == []
    assert backlog.done(backlog.take("cpu")) == ["a"]
    assert backlog.done(backlog.take("cpu")) == ["b"]


def test_a_source_that_is_given_up_takes_its_units_along_also_those_not_read_yet():
    backlog = Backlog(Listed([*pieces("a", 40), *pieces("b", 1)]), CPU_ONLY, window=8)
    backlog.fill()
    assert backlog.give_up("a", [backlog.take("cpu")]) == 8
    order, complete = drain(backlog)
    assert order == ["b/listen", "b/0", "b/close"]
    assert complete == ["b"]
    assert backlog.empty
    assert not +backlog.waiting


def test_a_unit_to_be_tried_again_waits_for_its_time():
    backlog = Backlog(Listed([Unit("a", "a", "process")]), CPU_ONLY)
    backlog.fill()
    backlog.retry(backlog.take("cpu"), due=10.0)
    backlog.ripen(9.9)
    assert backlog.peek("cpu") is None
    assert not backlog.empty
    backlog.ripen(10.0)
    assert backlog.peek("cpu").key == "a"


def test_units_go_to_the_class_that_does_their_work_here():
    units = [Unit("a", "a", "embed", resource="gpu"), Unit("b", "b", "process")]
    apart = Backlog(Listed(units), {"cpu": "cpu", "gpu": "gpu"})
    apart.fill()
    assert (apart.peek("gpu").key, apart.peek("cpu").key) == ("a", "b")
    together = Backlog(Listed(units), {"cpu": "cpu", "gpu": "cpu"})
    assert drain(together)[0] == ["a", "b"]


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (Unit("b", "a", "x", after=("c",)), "waits for 'c', which does not come before it"),
        (Unit("a", "a", "x"), "comes twice"),
        (Unit("b", "a", "x", resource="tpu"), "unknown class 'tpu'"),
    ],
)
def test_units_that_could_never_run_are_refused(unit, message):
    backlog = Backlog(Listed([Unit("a", "a", "x"), unit]), CPU_ONLY)
    with pytest.raises(BadInput, match=message):
        backlog.fill()


def test_the_reading_thread_goes_only_a_little_ahead_and_passes_errors_on():
    read = []
    stalled = threading.Event()

    def units():
        for number in range(AHEAD + 5):
            read.append(number)
            yield Unit(f"{number}", f"{number}", "process")
        raise BadInput("a manifest that breaks off")

    feed = ThreadedFeed(units())
    stalled.wait(0.5)
    assert len(read) <= AHEAD + 1
    taken = []
    with pytest.raises(BadInput, match="breaks off"):
        take_all(feed, taken)
    assert len(taken) == AHEAD + 5
    feed.stop()
