"""What Prometheus reads over HTTP is what the run did."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from talkie.curation.books.metrics import CurationMetrics, served
from talkie.errors import PortTaken
from talkie.shards import LedgerEntry


@dataclass(frozen=True)
class Step:
    waiting: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    rate: float = 0.0
    busy: float = 0.0


@dataclass(frozen=True)
class Engine:
    steps: dict = field(default_factory=dict)
    elapsed_s: float = 1.0
    workers: int = 2
    utilisation: float = 0.5
    in_flight: int = 7
    rss: int = 11
    limit: int = 13
    sources_done: int = 3
    sources_dead: int = 1
    eta_s: float | None = None


def scraped(port):
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def line(status, cause):
    return LedgerEntry(sha256="a", name="Ada Example.mp4", uri="/in/Ada Example.mp4", status=status, cause=cause)


def test_a_scrape_tells_what_was_done_and_how_it_stands():
    metrics = CurationMetrics()
    with served(metrics, 0) as port:
        assert scraped(port)[("talkie_curation_clips_total",)] == 0
        metrics.expect(9)
        metrics.made(2, 5.0, 7.5)
        metrics.made(1, 1.0, 1.0)
        metrics.note([line("drop", "no_face"), line("drop", "no_face"), line("dead", "not_media"), line("done", None)])
        metrics.status(Engine({"piece": Step(4, 2, 10, 1, busy=0.8), "listen": Step(done=5)}))
        found = scraped(port)
        metrics.status(Engine(eta_s=60.0))
        assert scraped(port)[("talkie_curation_eta_seconds",)] == 60.0
    assert found[("talkie_curation_clips_total",)] == 3
    assert found[("talkie_curation_clip_seconds_total",)] == 6
    assert found[("talkie_curation_footage_seconds_total",)] == 8.5
    assert found[("talkie_curation_sources",)] == 9
    assert found[("talkie_curation_drops_total", "no_face")] == 2
    assert found[("talkie_curation_dead_total", "not_media")] == 1
    assert found[("talkie_curation_units", "piece", "waiting")] == 4
    assert found[("talkie_curation_units", "piece", "running")] == 2
    assert found[("talkie_curation_units_over_total", "done", "piece")] == 10
    assert found[("talkie_curation_units_over_total", "failed", "piece")] == 1
    assert found[("talkie_curation_step_busy", "piece")] == 0.8
    assert found[("talkie_curation_in_flight_bytes",)] == 7
    assert found[("talkie_curation_memory_bytes",)] == 11
    assert math.isnan(found[("talkie_curation_eta_seconds",)])
    assert not [key for key in found if "Ada" in str(key)]


def test_two_runs_in_one_process_do_not_mix():
    first, second = CurationMetrics(), CurationMetrics()
    first.made(1, 1.0, 1.0)
    with served(second, 0) as port:
        assert scraped(port)[("talkie_curation_clips_total",)] == 0


def test_a_taken_port_is_one_error_and_a_freed_one_is_free():
    metrics = CurationMetrics()
    with served(metrics, 0) as port, pytest.raises(PortTaken, match="choose another port"), served(metrics, port):
        pass
    with served(metrics, port):
        assert scraped(port)
