"""What Prometheus reads over HTTP is what the run did."""

from __future__ import annotations

import math
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from talkie.curation.books.metrics import CurationMetrics, served
from talkie.curation.engine import EngineStatus, StepStatus
from talkie.curation.progress import CurationEvent
from talkie.errors import PortTaken


def engine(**values):
    """A status of the engine, of which only `values` matter."""
    plain = dict(elapsed_s=1.0, steps={}, workers=2, starting=0, utilisation=0.5, in_flight=7, rss=11, rss_peak=11,
                 limit=13, sources_done=3, sources_dead=1, recycled=0, eta_s=None)  # fmt: skip
    return EngineStatus(**{**plain, **values})


def event(**values):
    """An event of a run, whose counts are those so far."""
    plain = dict(kind="status", source="Ada Example.mp4", cause=None, done=0, total=9, failed=0, clips=0,
                 footage_s=0.0, rate=0.0, eta_s=None)  # fmt: skip
    return CurationEvent(**{**plain, **values})


def scraped(port):
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_a_scrape_tells_what_was_done_and_how_it_stands():
    metrics = CurationMetrics()
    with served(metrics, 0) as port:
        assert scraped(port)[("talkie_curation_clips_total",)] == 0
        steps = {"piece": StepStatus(4, 2, 10, 1, 0.0, 0.8), "open": StepStatus(0, 0, 5, 0, 0.0, 0.0)}
        metrics.follow(event(clips=2, footage_s=7.5, drops={"no_face": 1}))
        metrics.follow(event(clips=3, footage_s=8.5, drops={"no_face": 2}, dead={"not_media": 1}))
        metrics.follow(
            event(clips=3, footage_s=8.5, drops={"no_face": 2}, dead={"not_media": 1}, status=engine(steps=steps))
        )
        found = scraped(port)
        metrics.follow(event(clips=3, footage_s=8.5, status=engine(eta_s=60.0)))
        assert scraped(port)[("talkie_curation_eta_seconds",)] == 60.0
    assert found[("talkie_curation_clips_total",)] == 3
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


def test_what_settling_drops_is_counted_too():
    metrics = CurationMetrics()
    metrics.follow(event(drops={"no_face": 1}))
    metrics.follow(event(kind="settled", drops={"no_face": 1, "near_duplicate": 2}))
    with served(metrics, 0) as port:
        assert scraped(port)[("talkie_curation_drops_total", "near_duplicate")] == 2


def test_two_runs_in_one_process_do_not_mix():
    first, second = CurationMetrics(), CurationMetrics()
    first.follow(event(clips=1, footage_s=1.0))
    with served(second, 0) as port:
        assert scraped(port)[("talkie_curation_clips_total",)] == 0


def test_a_taken_port_is_one_error_and_a_freed_one_is_free():
    metrics = CurationMetrics()
    with served(metrics, 0) as port, pytest.raises(PortTaken, match="choose another port"), served(metrics, port):
        pass
    with served(metrics, port):
        assert scraped(port)
