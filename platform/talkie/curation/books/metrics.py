"""What a running curation tells Prometheus, from its driver: counters that only grow, gauges of this moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from talkie.errors import PortTaken
from talkie.shards import LedgerEntry

if TYPE_CHECKING:
    from talkie.curation.progress import CurationEvent


class _Step(Protocol):
    @property
    def waiting(self) -> int: ...
    @property
    def running(self) -> int: ...
    @property
    def done(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def busy(self) -> float: ...


class _Engine(Protocol):
    """The part of `talkie.curation.engine.EngineStatus` that is told."""

    @property
    def steps(self) -> Mapping[str, _Step]: ...
    @property
    def workers(self) -> int: ...
    @property
    def utilisation(self) -> float: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def rss(self) -> int: ...
    @property
    def limit(self) -> int: ...
    @property
    def sources_done(self) -> int: ...
    @property
    def sources_dead(self) -> int: ...
    @property
    def eta_s(self) -> float | None: ...


class CurationMetrics:
    """The metrics of one run, in a registry of their own: two runs in one process do not mix.

    `made` and `note` count what is for good; `status` passes on the engine's newest word. Names of sources and people
    are never labels: causes and steps are few, and nobody's."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._clips = Counter("talkie_curation_clips", "Clips made.", registry=self.registry)
        self._seconds = Counter("talkie_curation_clip_seconds", "Seconds of clips made.", registry=self.registry)
        self._footage = Counter("talkie_curation_footage_seconds", "Seconds of footage read.", registry=self.registry)
        self._drops = Counter("talkie_curation_drops", "Drops, by reason.", ["reason"], registry=self.registry)
        self._dead = Counter("talkie_curation_dead", "Dead letters, by cause.", ["cause"], registry=self.registry)
        self._total = Gauge("talkie_curation_sources", "Sources that this run has to do.", registry=self.registry)
        self._engine: _Engine | None = None
        self._event: CurationEvent | None = None
        self.registry.register(_EngineCollector(self))

    def expect(self, sources: int) -> None:
        """How many sources there are to do."""
        self._total.set(sources)

    def made(self, clips: int, clip_seconds: float, footage_seconds: float) -> None:
        """A source or a piece of one is done."""
        self._clips.inc(clips)
        self._seconds.inc(clip_seconds)
        self._footage.inc(footage_seconds)

    def note(self, entries: Iterable[LedgerEntry]) -> None:
        """Lines that go to the ledger."""
        for entry in entries:
            if entry.status == "drop":
                self._drops.labels(entry.cause or "unknown").inc()
            elif entry.status == "dead":
                self._dead.labels(entry.cause or "unknown").inc()

    def follow(self, event: CurationEvent) -> None:
        """The newest word of a run, whose counts only grow: the counters take what has been added."""
        before, self._event = self._event, event
        self.expect(event.total)
        clips, footage = (0, 0.0) if before is None else (before.clips, before.footage_s)
        self._clips.inc(event.clips - clips)
        self._footage.inc(event.footage_s - footage)
        for counter, now, old in (
            (self._drops, event.drops, before.drops if before else {}),
            (self._dead, event.dead, before.dead if before else {}),
        ):
            for cause, count in now.items():
                counter.labels(cause).inc(count - old.get(cause, 0))
        if event.status is not None:
            self.status(event.status)

    def status(self, engine: _Engine) -> None:
        """The newest word of the engine."""
        self._engine = engine


class _EngineCollector:
    """The engine's own counts as they stand when somebody asks: it keeps them, so nothing is counted twice."""

    def __init__(self, metrics: CurationMetrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Any]:
        engine = self._metrics._engine
        if engine is None:
            return
        units = GaugeMetricFamily(
            "talkie_curation_units", "Units of work now, by step and state.", labels=["step", "state"]
        )
        over = CounterMetricFamily("talkie_curation_units_over", "Units done or failed.", labels=["step", "state"])
        busy = GaugeMetricFamily("talkie_curation_step_busy", "Share of the workers' time in a step.", labels=["step"])
        for name, step in sorted(engine.steps.items()):
            units.add_metric([name, "waiting"], step.waiting)
            units.add_metric([name, "running"], step.running)
            over.add_metric([name, "done"], step.done)
            over.add_metric([name, "failed"], step.failed)
            busy.add_metric([name], step.busy)
        yield from (units, over, busy)
        for name, what, value in (
            ("workers", "Workers.", engine.workers),
            ("utilisation", "Share of the workers that is busy.", engine.utilisation),
            ("in_flight_bytes", "Estimated bytes of the running units.", engine.in_flight),
            ("memory_bytes", "Bytes that driver and workers hold.", engine.rss),
            ("memory_limit_bytes", "Bytes that they may hold.", engine.limit),
            ("sources_done", "Sources done in this run.", engine.sources_done),
            ("sources_dead", "Sources that died in this run.", engine.sources_dead),
            ("eta_seconds", "Seconds left, NaN where it cannot be said.", engine.eta_s),
        ):
            yield GaugeMetricFamily(f"talkie_curation_{name}", what, value=float("nan") if value is None else value)


@contextmanager
def served(metrics: CurationMetrics, port: int, host: str = "127.0.0.1") -> Iterator[int]:
    """Answers GET /metrics until the block ends; the port, which the system chooses for 0. Reachable from this machine
    alone unless another host is named: there is no password. Raises PortTaken."""
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        raise PortTaken(
            f"metrics cannot be served here: {error.strerror}", where=f"{host}:{port}", cure="choose another port"
        ) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
