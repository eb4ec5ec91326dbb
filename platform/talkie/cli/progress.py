"""What `talkie curate` shows while it runs: a live table, a row a step; plain lines where nobody can see it move."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from talkie.cli.output import console as stderr

if TYPE_CHECKING:
    from talkie.curation.engine import EngineStatus

LINE_EVERY_S = 10.0
"""Seconds between two lines where there is no terminal."""


Show = Callable[["EngineStatus", str], None]
"""Takes the newest status, and a note such as how many clips there are."""


@contextmanager
def live_table(to: Console | None = None, *, total: int | None = None, every_s: float = LINE_EVERY_S) -> Iterator[Show]:
    """A table on a terminal, redrawn in place, whose last state stays; elsewhere a line every `every_s` seconds and one
    at the end. total: sources that there are. It shows, and keeps nothing."""
    to = to or stderr
    newest: list[tuple[EngineStatus, str]] = []
    if to.is_terminal:
        with Live(console=to, refresh_per_second=4, transient=False) as live:

            def draw(state: EngineStatus, note: str = "") -> None:
                live.update(table_of(state, note, total))

            yield draw
        return
    said = [-every_s]

    def line(state: EngineStatus, note: str = "") -> None:
        newest[:] = [(state, note)]
        if time.monotonic() - said[0] >= every_s:
            said[0] = time.monotonic()
            to.print(line_of(state, note, total), soft_wrap=True, highlight=False, markup=False)
            newest.clear()

    try:
        yield line
    finally:
        for state, note in newest:
            to.print(line_of(state, note, total), soft_wrap=True, highlight=False, markup=False)


def table_of(state: EngineStatus, note: str, total: int | None) -> RenderableType:
    """The table of one moment."""
    table = Table(header_style="bold", title_justify="left", pad_edge=False, box=None)
    for name in ("step", "waiting", "running", "done", "failed", "rate", "busy"):
        table.add_column(name, justify="left" if name == "step" else "right", min_width=7)
    for name, step in state.steps.items():
        failed = Text(str(step.failed), style="red" if step.failed else "dim")
        cells = (str(step.waiting), str(step.running), str(step.done))
        table.add_row(Text(name), *cells, failed, f"{step.rate:.2f}/s", _bar(step.busy))
    return Group(table, Text(line_of(state, note, total), style="dim"))


def line_of(state: EngineStatus, note: str, total: int | None) -> str:
    """The whole in one line."""
    of = f"/{total}" if total is not None else ""
    parts = [f"{state.sources_done + state.sources_dead}{of} sources"]
    if state.sources_dead:
        parts.append(f"{state.sources_dead} dead")
    parts += [note] * bool(note)
    parts.append(f"{state.workers} workers {state.utilisation:.0%} busy")
    parts.append(f"{_bytes(state.in_flight)} in flight, memory {_bytes(state.rss)} of {_bytes(state.limit)}")
    left = "time left unknown" if state.eta_s is None else f"{_clock(state.eta_s)} left"
    return " · ".join([*parts, _clock(state.elapsed_s), left])


def _bar(share: float) -> Text:
    full = round(10 * min(max(share, 0.0), 1.0))
    return Text("█" * full + "░" * (10 - full) + f" {share:4.0%}")


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit in ("B", "kB") or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
