"""The live table says how every step stands; without a terminal it is plain lines, few of them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from talkie.cli.progress import live_table
from talkie.curation.engine import EngineStatus, StepStatus


def engine(steps, **values):
    """A status of the engine itself, of which only `values` matter."""
    plain = dict(elapsed_s=65.0, workers=2, starting=0, utilisation=0.5, in_flight=12_300_000, rss=1_400_000_000,
                 rss_peak=1_400_000_000, limit=3_000_000_000, sources_done=3, sources_dead=1, recycled=0,
                 eta_s=None)  # fmt: skip
    return EngineStatus(steps=steps, **{**plain, **values})


STEPS = {"listen": StepStatus(0, 1, 12, 0, 1.25, 0.2), "piece [red]": StepStatus(40, 2, 7, 3, 0.5, 0.8)}


def shown(terminal, states, **options):
    to = Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None, record=True)
    with live_table(to, **options) as show:
        for state, note in states:
            show(state, note)
    return to.export_text() if terminal else to.file.getvalue()


def test_a_terminal_shows_queue_rate_use_failures_bytes_and_time_left_of_every_step():
    text = shown(True, [(engine(STEPS, eta_s=3_725), "21 clips")], total=50)
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    assert rows["listen"][1:6] == ["0", "1", "12", "0", "1.25/s"]
    assert "piece [red]  " in text
    assert "████████░░  80%" in text
    for said in ("4/50 sources", "1 dead", "21 clips", "2 workers 50% busy", "12.3 MB in flight", "1.4 GB of 3.0 GB"):
        assert said in text
    assert "1:05 · 1:02:05 left" in text


def test_a_pipe_gets_a_line_now_and_then_and_the_last_word():
    states = [(engine(STEPS, sources_done=n), f"{n} clips") for n in range(50)]
    lines = shown(False, states, total=50, every_s=3_600).splitlines()
    assert len(lines) == 2
    assert "0 clips" in lines[0]
    assert "50/50 sources" in lines[1]
    assert "\x1b" not in "".join(lines)


def test_a_pipe_says_nothing_twice():
    assert len(shown(False, [(engine({}), "")], every_s=0).splitlines()) == 1


def test_what_cannot_be_known_is_not_guessed():
    assert "time left unknown" in shown(False, [(engine({}, eta_s=None), "")])


@pytest.mark.parametrize("terminal", [True, False])
def test_a_run_that_breaks_off_leaves_its_last_state(terminal):
    to = Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)

    def broken_off():
        with live_table(to, every_s=3_600) as show:
            show(engine({}, sources_done=5), "")
            show(engine({}, sources_done=6), "")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert "7 sources" in to.file.getvalue()
