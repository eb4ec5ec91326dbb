"""What a running curation tells Prometheus, from its driver: counters that only grow, gauges of this moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from talkie.errors import PortTaken

if TYPE_CHECKING:
    from talkie.curation.engine import EngineStatus
    from talkie.curation.progress import CurationEvent


class CurationMetrics:
    """The metrics of one run, in a registry of their own: two runs in one process do not mix.

    `follow` takes the run's events. Names of sources and people are never labels: causes and steps are few, and
    nobody's."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._clips = Counter("talkie_curation_clips", "Clips made.", registry=self.registry)
        self._footage = Counter("talkie_curation_footage_seconds", "Seconds of footage read.", registry=self.registry)
        self._drops = Counter("talkie_curation_drops", "Drops, by reason.", ["reason"], registry=self.registry)
        self._dead = Counter("talkie_curation_dead", "Dead letters, by cause.", ["cause"], registry=self.registry)
        self._total = Gauge("talkie_curation_sources", "Sources that this run has to do.", registry=self.registry)
        self._engine: EngineStatus | None = None
        self._event: CurationEvent | None = None
        self.registry.register(_EngineCollector(self))

    def follow(self, event: CurationEvent) -> None:
        """The newest word of a run, whose counts only grow: the counters take what has been added."""
        before, self._event = self._event, event
        self._total.set(event.total)
        clips, footage = (0, 0.0) if before is None else (before.clips, before.footage_s)
        self._clips.inc(event.clips - clips)
        self._footage.inc(event.footage_s - footage)
        for counter, now, old in (
            (self._drops, event.drops, before.drops if before else {}),
            (self._dead, event.dead, before.dead if before else {}),
        ):
            for cause, count in now.items():
                counter.labels(cause).inc(count - old.get(cause, 0))
        self._engine = event.status or self._engine


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
